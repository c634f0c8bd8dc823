/** Dotted field paths: the twin of value.Path in Go. */

import { compareStrings } from "./compare.js";
import { type Doc, escapeName, isDoc, utf8Length, type Value, ValueError } from "./value.js";

/** The names from the outside in. */
export type Path = readonly string[];

export const maxPathSegments = 16;
export const maxSegmentBytes = 128;

/**
 * Reads the text of a path: names with dots between them, a backslash before
 * a dot or a backslash of a name and before a dollar sign at the beginning.
 * @throws ValueError bad_name, or invalid_utf8.
 */
export function parsePath(text: string): Path {
  if (/\p{Surrogate}/u.test(text)) throw new ValueError("invalid_utf8", "", "a string which is not valid Unicode");
  if (text.startsWith("$")) throw badName(text, "a path starts with $: write \\$");
  const path: string[] = [];
  let name = "";
  for (let i = 0; i < text.length; i++) {
    let c = text.charAt(i);
    if (c === ".") {
      path.push(name);
      name = "";
      continue;
    }
    if (c === "\\") {
      i++;
      c = text.charAt(i);
      if (c !== "." && c !== "\\" && !(c === "$" && i === 1)) {
        throw badName(text, "a backslash before something that needs none");
      }
    }
    name += c;
  }
  path.push(name);
  return checkPath(path);
}

/**
 * Returns path if it keeps the limits.
 * @throws ValueError bad_name.
 */
export function checkPath(path: Path): Path {
  if (path.length > maxPathSegments) throw badName(pathText(path), "a path of more than 16 segments");
  for (const name of path) {
    if (name === "") throw badName(pathText(path), "an empty segment");
    if (utf8Length(name) > maxSegmentBytes) throw badName(pathText(path), "a segment of more than 128 bytes");
    if (name === "__proto__") throw badName(pathText(path), "this name is not allowed");
  }
  return path;
}

function badName(path: string, why: string): ValueError {
  return new ValueError("bad_name", path, why);
}

/** The text which {@link parsePath} reads. */
export function pathText(path: Path): string {
  const text = path.map(escapeName).join(".");
  return text.startsWith("$") ? `\\${text}` : text;
}

/** The value at path, or undefined if a field on the way is missing or not an object. */
export function getPath(v: Value, path: Path): Value | undefined {
  let cur: Value | undefined = v;
  for (const name of path) {
    if (!isDoc(cur) || !Object.hasOwn(cur, name)) return undefined;
    cur = (cur as Doc)[name];
  }
  return cur;
}

/** Whether p is q or leads to something that contains q. */
export function covers(p: Path, q: Path): boolean {
  return p.length <= q.length && p.every((name, i) => name === q[i]);
}

/** Orders paths name by name, by code point. */
export function comparePaths(p: Path, q: Path): number {
  const n = Math.min(p.length, q.length);
  for (let i = 0; i < n; i++) {
    const c = compareStrings(p[i] ?? "", q[i] ?? "");
    if (c !== 0) return c;
  }
  return Math.sign(p.length - q.length);
}
