import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseUpdate } from "../src/update.js";
import { canonical, type Doc } from "../src/value.js";
import { frozen, outcome, vectors } from "./vectors.js";

interface UpdateCase {
  readonly update: unknown;
  readonly depth?: number;
  readonly normal?: string;
  readonly before?: Doc;
  readonly after?: string;
  readonly code?: string;
  readonly applyCode?: string;
  readonly path?: string;
}

describe("updates", () => {
  it("agree with Go on the vectors", () => {
    for (const { update: raw, depth, normal, before = {}, after, code, applyCode, path } of vectors<UpdateCase[]>("update.json")) {
      const parsed = outcome(() => parseUpdate(raw, depth === undefined ? {} : { depth }));
      expect(parsed.code, JSON.stringify(raw)).toBe(code);
      if (parsed.value === undefined) {
        if (path !== undefined) expect(parsed.path).toBe(path);
        continue;
      }
      if (normal !== undefined) expect(parsed.value.toString()).toBe(normal);
      const applied = outcome(() => canonical(parsed.value?.apply(frozen(before))));
      expect({ raw, after: applied.value, code: applied.code }).toEqual({ raw, after, code: applyCode });
      if (path !== undefined) expect(applied.path).toBe(path);
    }
  });

  it("agree with Go on generated cases", () => {
    type Case = { doc: Doc; update: unknown; normal?: string; after?: Doc; code?: string; applyCode?: string; path?: string };
    const { updates } = vectors<{ updates: Case[] }>("generated.json");
    expect(updates.length).toBeGreaterThan(100);
    for (const { doc, update: raw, normal, after, code, applyCode, path } of updates) {
      const { value: update, code: got } = outcome(() => parseUpdate(raw));
      expect({ raw, code: got, normal: update?.toString() }).toEqual({ raw, code, normal });
      if (update === undefined) continue;
      const applied = outcome(() => update.apply(frozen(doc)));
      expect({ raw, after: applied.value, code: applied.code, path: applied.path }).toEqual({ raw, after, code: applyCode, path });
    }
  });

  it("leave prototypes alone", () => {
    for (const path of ["__proto__.polluted", "constructor.__proto__.polluted"]) {
      expect(outcome(() => parseUpdate({ $set: { [path]: 1 } })).code).toBe("bad_name");
    }
    parseUpdate({ $set: { "constructor.prototype.polluted": 1 } }).apply({});
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("of counters and sets commute", () => {
    const letter = fc.constantFrom("a", "b", "c", "d");
    const add = fc.array(letter, { minLength: 1 }).map((t) => ({ $add: { t } }));
    const inc = fc.integer({ min: -9, max: 9 }).map((n) => ({ $inc: { n, "m.k": n } }));
    const remove = fc.array(fc.constantFrom("x", "y"), { minLength: 1 }).map((t) => ({ $remove: { t } }));
    const change = fc.oneof(add, inc, remove).map((raw) => parseUpdate(raw));
    const start = fc.record({ n: fc.integer(), t: fc.array(fc.constantFrom("a", "x", "y")) });
    fc.assert(
      fc.property(start, change, change, (doc, u, v) => {
        expect(u.commutes && v.commutes).toBe(true);
        expect(canonical(u.apply(v.apply(doc)))).toBe(canonical(v.apply(u.apply(doc))));
      }),
    );
  });
});
