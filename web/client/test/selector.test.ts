import { describe, expect, it } from "vitest";
import { parseQuery } from "../src/query.js";
import { matchAll, parseSelector } from "../src/selector.js";
import { canonical, type Doc } from "../src/value.js";
import { frozen, outcome, vectors } from "./vectors.js";

interface SelectorCase {
  readonly selector: unknown;
  readonly normal?: string;
  readonly match?: readonly Doc[];
  readonly miss?: readonly Doc[];
  readonly code?: string;
}

interface QueryCase {
  readonly query: unknown;
  readonly normal?: string;
  readonly docs?: Record<string, Doc>;
  readonly order?: readonly string[];
  readonly rows?: readonly string[];
  readonly code?: string;
}

describe("selectors", () => {
  it("agree with Go on the vectors", () => {
    for (const { selector: raw, normal, match = [], miss = [], code } of vectors<SelectorCase[]>("selector.json")) {
      const { value: selector, code: got } = outcome(() => parseSelector(raw));
      expect(got, JSON.stringify(raw)).toBe(code);
      if (selector === undefined) continue;
      const text = selector.toString();
      if (normal !== undefined) expect(text).toBe(normal);
      expect(parseSelector(JSON.parse(text)).toString()).toBe(text);
      for (const doc of match) expect(selector.match(frozen(doc)), `${text} on ${JSON.stringify(doc)}`).toBe(true);
      for (const doc of miss) expect(selector.match(frozen(doc)), `${text} on ${JSON.stringify(doc)}`).toBe(false);
    }
  });

  it("agree with Go on generated cases", () => {
    type Case = { doc: Doc; selector: unknown; normal?: string; match?: boolean; code?: string };
    const { selectors } = vectors<{ selectors: Case[] }>("generated.json");
    expect(selectors.length).toBeGreaterThan(100);
    for (const { doc, selector: raw, normal, match, code } of selectors) {
      const { value: selector, code: got } = outcome(() => parseSelector(raw));
      expect({ raw, code: got, normal: selector?.toString(), match: selector?.match(frozen(doc)) }).toEqual({ raw, code, normal, match });
    }
  });

  it("name the fields which they look at", () => {
    const raw = { "b.c": 1, $or: [{ a: 1 }, { d: { $elemMatch: { x: 1 } } }], b: { $gt: 0 } };
    expect(parseSelector(raw).fields).toEqual(["a", "b", "d"]);
    expect(matchAll.match({})).toBe(true);
  });

  it("are bounded", () => {
    const many = (n: number): unknown => ({ $or: Array.from({ length: n }, (_, i) => ({ a: i })) });
    expect(outcome(() => parseSelector(many(256))).code).toBeUndefined();
    expect(outcome(() => parseSelector(many(257))).code).toBe("bad_selector");
    expect(outcome(() => parseSelector({ a: "x".repeat(16 << 10) })).code).toBe("too_large");
    // The normal form spells the path out for each condition.
    const path = "p".repeat(120);
    expect(outcome(() => parseSelector({ [path]: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, 1])) })).code).toBe("too_large");
  });
});

describe("queries", () => {
  it("agree with Go on the vectors", () => {
    for (const { query: raw, normal, docs = {}, order, rows, code } of vectors<QueryCase[]>("query.json")) {
      const { value: query, code: got } = outcome(() => parseQuery(raw));
      expect(got, JSON.stringify(raw)).toBe(code);
      if (query === undefined) continue;
      if (normal !== undefined) expect(query.toString()).toBe(normal);
      expect(parseQuery(JSON.parse(query.toString())).toString()).toBe(query.toString());
      const found = Object.entries(docs)
        .filter(([, doc]) => query.where.match(frozen(doc)))
        .sort(([a, x], [b, y]) => query.compare(x, a, y, b))
        .slice(query.skip, query.limit > 0 ? query.skip + query.limit : undefined);
      if (order !== undefined) expect(found.map(([id]) => id), JSON.stringify(raw)).toEqual(order);
      if (rows !== undefined) expect(found.map(([, doc]) => canonical(query.project(doc)))).toEqual(rows);
    }
  });
});
