import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Doc, Entry } from "../src/api.js";
import { boundsOf } from "../src/bounds.js";
import { compare } from "../src/compare.js";
import { Live } from "../src/live.js";
import { Order, type Place } from "../src/order.js";
import { Orders } from "../src/orders.js";
import { getPath, parsePath } from "../src/path.js";
import { parseQuery, type Query } from "../src/query.js";
import { parseSelector } from "../src/selector.js";
import { sortRows } from "../src/sort.js";
import type { Value } from "../src/value.js";

const entry = (id: string, value: Doc): Entry => ({ collection: "c", id, value, version: 1, state: "confirmed" });
const by = (query: Query) => (a: Place, b: Place) => query.compare(a.value, a.id, b.value, b.id);

/** Values of all types, few of each, so that they meet. */
const scalar = fc.constantFrom<Value>(null, false, true, -1.5, -0, 0, 1, 2, 10, "", "a", "ab", "b", "é", "\uffee", "𝄞", "\ud7ff");
const value: fc.Arbitrary<Value> = fc.oneof({ weight: 5, arbitrary: scalar }, fc.array(scalar, { maxLength: 2 }), fc.dictionary(fc.constantFrom("p", "q"), scalar));
const doc = fc.record({ n: value, s: value, o: fc.record({ p: value }, { requiredKeys: [] }) }, { requiredKeys: [] }) as fc.Arbitrary<Doc>;
const sort = fc.constantFrom<readonly Value[]>([], ["n"], [{ n: "desc" }], ["s", { "o.p": "desc" }], [{ "o.p": "desc" }, { n: "desc" }, "s"]);
/** Ids in which the order of code units is not that of code points, too. */
const docs = fc.uniqueArray(fc.record({ id: fc.tuple(fc.constantFrom("", "\uffee", "𝄞", "x"), fc.nat(500)).map(([prefix, n]) => `${prefix}${n}`), value: doc }), {
  selector: (d) => d.id,
  minLength: 1,
  maxLength: 150,
  size: "max",
});

describe("sorted rows", () => {
  it("are in the order in which the query compares", () => {
    fc.assert(
      fc.property(docs, sort, (list, keys) => {
        const query = parseQuery({ sort: keys });
        const rows = list.map(({ id, value: v }) => entry(id, v));
        expect(sortRows(query, [...rows])).toEqual([...rows].sort(by(query)));
      }),
      { numRuns: 100 },
    );
  });
});

describe("an order", () => {
  /** As many as need several blocks; keys with many ties. */
  const query = parseQuery({ where: { n: { $gte: 0 } }, sort: ["n"] });
  type Batch = { puts: { id: number; n: number }[]; dels: number[] };
  const batchOf = (size: number, from: number, to: number): fc.Arbitrary<Batch> => {
    const id = fc.integer({ min: from, max: to });
    return fc.record({
      puts: fc.array(fc.record({ id, n: fc.integer({ min: -1, max: 40 }) }), { minLength: size >> 1, maxLength: size, size: "max" }),
      dels: fc.array(id, { minLength: size >> 2, maxLength: size, size: "max" }),
    });
  };
  const batch = fc.oneof(batchOf(1, 0, 2000), batchOf(40, 0, 2000), batchOf(300, 0, 300), batchOf(400, 700, 2000), batchOf(3000, 0, 2000));

  it("takes changes one by one and in bulk, and gives any window", () => {
    const window = fc.record({ at: fc.option(fc.nat(2000)), n: fc.integer({ min: -1, max: 41 }), skip: fc.nat(700), limit: fc.constantFrom(0, 1, 50, 600) });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 12, size: "max" }), window, (batches, { at, n, skip, limit }) => {
        const model = new Map<string, Entry>();
        const order = new Order(query, []);
        const after = at === null ? undefined : { id: `${at}`, value: { n } };
        for (const { puts, dels } of batches) {
          const changes: { before: Entry | undefined; after: Entry | undefined }[] = [];
          const change = (id: string, next: Entry | undefined): void => {
            changes.push({ before: model.get(id), after: next });
            if (next === undefined) model.delete(id);
            else model.set(id, next);
          };
          // The same entry can change more than once.
          for (const put of puts) change(`${put.id}`, entry(`${put.id}`, { n: put.n }));
          for (const id of dels) change(`${id}`, undefined);
          order.update(changes);
          const matches = [...model.values()].filter((row) => query.where.match(row.value)).sort(by(query));
          expect(order.size).toBe(matches.length);
          const behind = after === undefined ? matches : matches.filter((row) => by(query)(row, after) > 0);
          const expected = behind.slice(skip, limit === 0 ? undefined : skip + limit);
          const rows = order.window({ after, skip, limit });
          expect(rows.map(({ id }) => id).join()).toBe(expected.map(({ id }) => id).join());
          expect(rows.every((row, i) => row === expected[i])).toBe(true);
          const low = order.range(({ value: v }) => compare(v["n"], n) < 0, ({ value: v }) => compare(v["n"], n + 3) < 0);
          expect(low.map(({ id }) => id).join()).toBe(matches.filter(({ value: v }) => Number(v["n"]) >= n && Number(v["n"]) < n + 3).map(({ id }) => id).join());
        }
      }),
      { numRuns: 20 },
    );
  });

  it("tells whether anything that matches was among the changes", () => {
    const order = new Order(query, [entry("a", { n: 1 })]);
    expect(order.update([])).toBe(false);
    expect(order.update([{ before: undefined, after: entry("b", { n: -1 }) }])).toBe(false);
    expect(order.update([{ before: entry("a", { n: 1 }), after: entry("a", { n: -1 }) }])).toBe(true);
    expect(order.size).toBe(0);
  });

  it("does not take out what is not there", () => {
    const order = new Order(query, [entry("a", { n: 1 })]);
    expect(() => order.update([{ before: entry("b", { n: 1 }), after: undefined }])).toThrow("no row b");
    expect(() => order.update([{ before: entry("z", { n: 9 }), after: undefined }])).toThrow("no row z");
    expect(order.window({ skip: 0, limit: 0 }).map(({ id }) => id)).toEqual(["a"]);
  });
});

describe("indexes", () => {
  const condition = fc.oneof(
    value,
    { weight: 4, arbitrary: fc.dictionary(fc.constantFrom("$eq", "$gt", "$gte", "$lt", "$lte", "$ne"), value, { minKeys: 1, maxKeys: 2 }) },
    fc.record({ $beginsWith: fc.constantFrom("", "a", "ab", "\uffee", "𝄞") }),
    fc.record({ $in: fc.array(scalar, { maxLength: 2 }) }),
    fc.record({ $not: fc.record({ $gt: value }) }),
  );
  const fields = fc.oneof(fc.record({ n: condition }), fc.record({ "n": condition, "o.p": condition }), fc.dictionary(fc.constantFrom("n", "s", "o.p", "o"), condition, { maxKeys: 3 }));
  const where = fc.oneof(
    { weight: 3, arbitrary: fields },
    fc.record({ $and: fc.tuple(fields, fields) }),
    fc.record({ $or: fc.tuple(fields, fields) }),
    fc.record({ $nor: fc.tuple(fields) }),
  );

  it("leave out nothing that matches, and what they leave is one stretch", () => {
    const all: (Value | undefined)[] = [undefined, ...fc.sample(value, { numRuns: 60, seed: 1 }).sort(compare)];
    fc.assert(
      fc.property(where, fc.array(doc, { minLength: 10, maxLength: 30 }), fc.constantFrom("n", "n", "s", "o.p"), (raw, list, text) => {
        const selector = parseSelector(raw);
        const path = parsePath(text);
        const bounds = boundsOf(selector, path);
        if (bounds === undefined) return;
        for (const side of [bounds.below, bounds.within]) expect(all.map(side).join()).toMatch(/^(true,)*(true|false)(,false)*$/);
        for (const d of list.filter((one) => selector.match(one))) {
          const v = getPath(d, path);
          expect([bounds.below(v), bounds.within(v)]).toEqual([false, true]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each<[Doc, Value[] | undefined]>([
    [{ n: 2 }, [2]],
    [{ n: { $gt: 1, $lt: 3 } }, [2]],
    [{ n: { $gte: 1 }, s: 1 }, [1, 2, 3, "a", "ab", "b", [1], { p: 1 }]],
    [{ n: { $gte: "a", $lte: "b" } }, ["a", "ab", "b"]],
    [{ n: { $beginsWith: "a" } }, ["a", "ab"]],
    [{ $and: [{ n: { $gt: 1 } }, { n: { $lte: 2 } }, { $or: [{ n: 1 }, { n: 2 }] }] }, [2]],
    [{ $not: { n: { $lte: 2 } } }, [3, "a", "ab", "b", [1], { p: 1 }]],
    [{ n: [1] }, [[1]]],
    [{ n: { $eq: { p: 1 } } }, [{ p: 1 }]],
    [{ n: { $lt: 2, $gt: 5 } }, []],
    [{ n: { $lte: 1 } }, [null, true, 1]],
    [{ s: 1 }, undefined],
    [{ n: { $in: [1] } }, undefined],
    [{ $or: [{ n: 1 }, { n: 2 }] }, undefined],
    [{ "n.p": 1 }, undefined],
  ])("leave of %j just that", (raw, left) => {
    const bounds = boundsOf(parseSelector(raw), ["n"]);
    const values: (Value | undefined)[] = [undefined, null, true, 1, 2, 3, "a", "ab", "b", [1], { p: 1 }];
    expect(bounds && values.filter((v) => !bounds.below(v) && bounds.within(v))).toEqual(left);
  });

  it("make no difference to what a query finds, before and after changes", () => {
    fc.assert(
      fc.property(docs, docs, fc.array(where, { minLength: 1, maxLength: 5 }), sort, (first, second, wheres, keys) => {
        let shown = new Map(first.map((d) => [d.id, entry(d.id, d.value)]));
        const plain = new Orders(() => ({ confirmed: shown, instead: new Map() }));
        const indexed = new Orders(() => ({ confirmed: shown, instead: new Map() }), { c: ["n", "s", "o.p"] });
        const check = (): void => {
          for (const w of wheres) {
            const [a, b] = [plain, indexed].map((orders) => {
              const live = new Live({ in: "c", where: w, sort: keys as string[], limit: 20 }, orders, () => undefined);
              live.close();
              return { ids: live.rows.map(({ id }) => id), total: live.total };
            });
            expect(b).toEqual(a);
          }
        };
        check();
        const changes = second.map((d) => ({ collection: "c", id: d.id, before: shown.get(d.id), after: entry(d.id, d.value) }));
        shown = new Map([...shown, ...second.map((d) => [d.id, entry(d.id, d.value)] as const)]);
        const step = { reset: false, changes, queued: [], applied: [], rejected: [], forgotten: [] };
        for (const orders of [plain, indexed]) orders.take(step);
        check();
        shown = new Map([...shown].filter((_, i) => i % 2 === 0));
        for (const orders of [plain, indexed]) orders.take({ ...step, reset: true, changes: [] });
        check();
      }),
      { numRuns: 30 },
    );
  });
});
