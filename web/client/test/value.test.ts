import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compare, compareStrings, equal } from "../src/compare.js";
import { parsePath, pathText } from "../src/path.js";
import { canonical, canonicalRecord, snapshot, utf8Length, type Value, ValueError } from "../src/value.js";
import { outcome, vectors } from "./vectors.js";

interface CanonicalCase {
  readonly text?: string;
  readonly strict?: boolean;
  readonly bytes?: number;
  readonly depth?: number;
  readonly want?: string;
  readonly code?: string;
  readonly path?: string;
}

/** JSON.parse, with its error as ours. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ValueError("invalid_json", "", "not JSON");
  }
}

describe("canonical", () => {
  it("agrees with Go on the vectors", () => {
    for (const { text, strict, bytes, depth, want, code, path } of vectors<CanonicalCase[]>("canonical.json")) {
      if (text === undefined || strict) continue; // what JSON.parse cannot see
      const limits = { ...(bytes && { bytes }), ...(depth && { depth }) };
      const got = outcome(() => canonicalRecord(parse(text), limits));
      // A text may be too large though its canonical form is not.
      if (code === "too_large" && got.value !== undefined && utf8Length(got.value) <= (bytes ?? 0)) continue;
      expect({ text, value: got.value, code: got.code }).toEqual({ text, value: want, code });
      if (path !== undefined) expect(got.path).toBe(path);
    }
  });

  it("refuses what JSON does not have", () => {
    const cycle: { me?: unknown } = {};
    cycle.me = cycle;
    for (const [v, code] of [
      [undefined, "invalid_json"],
      [() => 1, "invalid_json"],
      [1n, "invalid_json"],
      [new Date(), "invalid_json"],
      [new Map(), "invalid_json"],
      [[undefined], "invalid_json"],
      [Array(1), "invalid_json"],
      [Number.NaN, "unsafe_number"],
      [cycle, "too_deep"],
    ] as const) {
      expect(outcome(() => canonical(v)).code).toBe(code);
    }
  });

  it("is undone by JSON.parse", () => {
    fc.assert(
      fc.property(fc.jsonValue({ depthSize: "small" }), (v) => {
        const { value: text } = outcome(() => canonical(v));
        if (text !== undefined) expect(equal(JSON.parse(text) as Value, v as Value)).toBe(true);
      }),
    );
  });

  it("makes snapshots which nothing reaches", () => {
    const from = { a: { b: [1] } };
    const copy = snapshot(from);
    from.a.b.push(2);
    expect(copy).toEqual({ a: { b: [1] } });
    expect(Object.isFrozen((copy as { a: { b: unknown } }).a.b)).toBe(true);
  });
});

describe("compare", () => {
  it("agrees with Go on generated pairs", () => {
    const { compare: cases } = vectors<{ compare: { a: Value; b: Value; sign: number }[] }>("generated.json");
    expect(cases.length).toBeGreaterThan(100);
    for (const { a, b, sign } of cases) {
      expect(compare(a, b) + 0, canonical([a, b])).toBe(sign);
      expect(compare(b, a) + 0).toBe(0 - sign);
      expect(equal(a, b)).toBe(sign === 0);
    }
  });

  it("orders strings as UTF-8 does", () => {
    const unit = fc.constantFrom("a", "é", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{1f600}");
    const text = fc.array(unit).map((units) => units.join(""));
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(compareStrings(a, b)).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(utf8Length(a)).toBe(Buffer.byteLength(a));
      }),
    );
  });

  it("puts a missing field first", () => {
    expect(compare(undefined, null)).toBe(-1);
    expect(compare(undefined, undefined)).toBe(0);
    expect(compare({}, undefined)).toBe(1);
  });
});

describe("paths", () => {
  it("have one text", () => {
    for (const text of ["a", "a.b", "a\\.b.c", "a\\\\.b", "\\$a.$b", "a b.é.0", "constructor"]) {
      expect(pathText(parsePath(text))).toBe(text);
    }
    for (const text of ["", ".", "a.", ".a", "a..b", "$a", "$", "\\", "a\\", "a\\b", "a\\$b", "a.\\$b", "a.__proto__", "é".repeat(64) + "a"]) {
      expect(outcome(() => parsePath(text)).code).toBe("bad_name");
    }
  });
});
