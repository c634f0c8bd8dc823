import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Change, Entry } from "../src/api.js";
import { Live } from "../src/live.js";
import { Orders } from "../src/orders.js";
import { Piece, Shelf } from "../src/shelf.js";

const entry = (id: string, n: number): Entry => ({ collection: "c", id, value: { n }, version: n + 1, state: "confirmed" });
const name = (n: number): string => String(n).padStart(4, "0");

/** A shelf of lists and pieces of ids 0, 2, 4, …, and a map of the same entries. Each piece is made at most once. */
function both(parts: readonly { readonly rows: number; readonly gap: number; readonly made: boolean }[]): { shelf: Shelf; map: Map<string, Entry>; next: number } {
  const shelf = new Shelf();
  const map = new Map<string, Entry>();
  let next = 0;
  for (const { rows, gap, made } of parts) {
    next += 2 * gap;
    const some = Array.from({ length: rows }, () => entry(name((next += 2)), next));
    for (const row of some) map.set(row.id, row);
    let calls = 0;
    const make = (): readonly Entry[] => {
      expect(++calls).toBe(1);
      return some;
    };
    shelf.add(made ? some : new Piece(some[0]?.id ?? "", rows, make));
  }
  return { shelf, map, next };
}

const parts = fc.array(fc.record({ rows: fc.integer({ min: 1, max: 30 }), gap: fc.nat(3), made: fc.boolean() }), { maxLength: 12 });
const call = fc.record({
  /** Rarely what makes all at once. */
  kind: fc.oneof({ weight: 12, arbitrary: fc.constantFrom("get", "has", "set", "set", "delete", "size") }, { weight: 1, arbitrary: fc.constantFrom("keys", "values", "entries", "iterate", "each", "clear") }),
  at: fc.nat(1000),
});
const sorted = (list: Iterable<unknown>): string[] => Array.from(list, (one) => JSON.stringify(one)).sort();

describe("a shelf", () => {
  it("is a map", () => {
    fc.assert(
      fc.property(parts, fc.array(call, { maxLength: 60, size: "max" }), (made, calls) => {
        const { shelf, map, next } = both(made);
        for (const [i, { kind, at }] of calls.entries()) {
          const id = name(at % (next + 6)); // odd ones are new, in pieces, between them and around them
          const fresh = entry(id, 1000 + i);
          const on = (one: Map<string, Entry>): unknown => {
            if (kind === "get") return one.get(id);
            if (kind === "has") return one.has(id);
            if (kind === "set") return one.set(id, fresh) === one;
            if (kind === "delete") return one.delete(id);
            if (kind === "size") return one.size;
            if (kind === "clear") return one.clear();
            if (kind === "iterate") return sorted(one);
            if (kind !== "each") return sorted(one[kind]());
            const seen: unknown[] = [];
            one.forEach((...of) => seen.push(of.slice(0, 2), of[2] === one));
            return sorted(seen);
          };
          expect(on(shelf)).toEqual(on(map));
          expect(shelf.size).toBe(map.size);
          const between = ({ first, count }: Piece): boolean => [...shelf.made].some((row) => row.id >= first && row.id <= name(Number(first) + 2 * (count - 1)));
          expect(shelf.pieces.some(between)).toBe(false);
        }
        expect(sorted(shelf)).toEqual(sorted(map));
        expect(shelf.pieces).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it("makes what is asked for, and no more", () => {
    const { shelf } = both(Array.from({ length: 10 }, () => ({ rows: 50, gap: 1, made: false })));
    expect([shelf.get(name(500))?.id, shelf.pieces.length, shelf.size]).toEqual([name(500), 9, 500]);
    expect([shelf.get(name(3)), shelf.pieces.length]).toEqual([undefined, 9]); // below all that there is
    shelf.delete(name(500));
    for (let i = 0; i < 9; i++) expect([shelf.has(name(498)), shelf.has(name(500)), shelf.pieces.length, shelf.size]).toEqual([true, false, 9, 499]);
  });
});

describe("a query by id over a shelf", () => {
  const window = fc.record({ limit: fc.integer({ min: 1, max: 40 }), skip: fc.nat(60) });
  const change = fc.record({ at: fc.nat(1000), gone: fc.boolean() });

  it("shows what one over a map does, whatever of it is made, and through changes", () => {
    fc.assert(
      fc.property(parts, fc.array(fc.array(change, { maxLength: 20 }), { maxLength: 8 }), fc.array(window, { minLength: 1, maxLength: 3 }), fc.array(change, { maxLength: 6 }), fc.boolean(), (made, steps, windows, pending, queried) => {
        const { shelf, map, next } = both(made);
        const instead = new Map(pending.map(({ at, gone }) => [name(at % (next + 6)), gone ? undefined : entry(name(at % (next + 6)), 9000 + at)]));
        const orders = [shelf, map].map((confirmed) => new Orders(() => ({ confirmed, instead })));
        const open = (): Live[][] => orders.map((of) => windows.map((some) => new Live({ in: "c", ...some }, of, () => undefined)));
        const early = queried ? open() : [];
        for (const [i, step] of steps.entries()) {
          const changes: Change[] = [];
          for (const { at, gone } of step) {
            const id = name(at % (next + 6));
            if (instead.has(id)) continue;
            const after = gone ? undefined : entry(id, 2000 + i);
            const before = shelf.get(id);
            expect(before).toEqual(map.get(id));
            changes.push({ collection: "c", id, before, after });
            for (const one of [shelf, map]) {
              if (after === undefined) one.delete(id);
              else one.set(id, after);
            }
          }
          const told = { reset: false, changes, queued: [], applied: [], rejected: [], forgotten: [] };
          for (const of of orders) of.take(told);
          for (const lives of early) for (const live of lives) live.update(told);
        }
        for (const [some, others] of [early, open()]) {
          expect(some?.map(({ total }) => total)).toEqual(others?.map(({ total }) => total));
          expect(some?.map(({ rows }) => rows)).toEqual(others?.map(({ rows }) => rows));
          for (const live of some ?? []) for (const row of live.rows) expect(row).toBe(instead.get(row.id) ?? shelf.get(row.id));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("has made the pieces alone that it shows", () => {
    const shelf = new Shelf();
    let made = 0;
    for (let i = 0; i < 500; i += 50) shelf.add(new Piece(name(i), 50, () => (made++, Array.from({ length: 50 }, (_, n) => entry(name(i + n), n)))));
    const orders = new Orders(() => ({ confirmed: shelf, instead: new Map() }));
    const live = new Live({ in: "c", skip: 140, limit: 20 }, orders, () => undefined);
    expect(live.total).toBe(500);
    expect(made).toBe(2);
    for (const row of live.rows) expect(shelf.get(row.id)).toBe(row);
    expect(made).toBe(2);
    new Live({ in: "c", where: { n: { $gt: 3 } }, limit: 20 }, orders, () => undefined);
    expect(made).toBe(10);
  });

  it("goes on where a piece turns out to be empty", () => {
    const shelf = new Shelf();
    for (const first of ["a", "b", "c", "d"]) shelf.add(new Piece(first + "0", 3, () => (first === "b" || first === "d" ? [] : [0, 1, 2].map((n) => entry(first + n, n)))));
    const orders = new Orders(() => ({ confirmed: shelf, instead: new Map() }));
    const live = new Live({ in: "c", limit: 20 }, orders, () => undefined);
    expect(live.rows.map(({ id }) => id)).toEqual(["a0", "a1", "a2", "c0", "c1", "c2"]);
    for (const id of ["0", "a1", "d1", "b1", "c2"]) {
      const change = { collection: "c", id, before: shelf.get(id), after: shelf.has(id) ? undefined : entry(id, 1) };
      if (change.after) shelf.set(id, change.after);
      else shelf.delete(id);
      const step = { reset: false, changes: [change], queued: [], applied: [], rejected: [], forgotten: [] };
      orders.take(step);
      live.update(step);
    }
    expect(live.rows.map(({ id }) => id)).toEqual(["0", "a0", "a2", "b1", "c0", "c1", "d1"]);
    expect(live.total).toBe(7);
  });
});
