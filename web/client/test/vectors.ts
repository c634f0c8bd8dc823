/** The files which the Go tests read too, and what both sides do with them. */

import { readFileSync } from "node:fs";
import { ValueError, type Value } from "../src/value.js";

export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../testdata/vectors/${name}`, import.meta.url), "utf8")) as T;
}

/** What f returns, or the code of what it throws. */
export function outcome<T>(f: () => T): { value?: T; code?: string; path?: string } {
  try {
    return { value: f() };
  } catch (e) {
    if (e instanceof ValueError) return { code: e.code, path: e.path };
    throw e;
  }
}

/** A frozen copy: a test which alters its input fails. */
export function frozen<T extends Value>(v: T): T {
  if (typeof v === "object" && v !== null) {
    Object.values(v).forEach((e: Value) => frozen(e));
    Object.freeze(v);
  }
  return v;
}
