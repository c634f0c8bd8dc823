import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Doc, Entry, Op, Outcome, Query } from "../src/api.js";
import { Live, readQuery, select } from "../src/live.js";
import { prepare } from "../src/prepare.js";
import { Replica } from "../src/replica.js";
import type { Step } from "../src/step.js";
import type { Del, Put } from "../src/wire.js";

const limits = { entry: 1 << 18, mutation: 1 << 19, ops: 1000 };
const ids = ["a", "b", "c", "d", "e", "ü", "𝄞", "z"];

const doc = fc.record({ n: fc.nat(4), s: fc.constantFrom("x", "y", "é"), list: fc.array(fc.nat(2), { maxLength: 2 }) }, { requiredKeys: [] }) as fc.Arbitrary<Doc>;
const id = fc.constantFrom(...ids);
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ op: fc.constant("put" as const), in: fc.constant("cards"), id, value: doc }),
  fc.record({ op: fc.constant("patch" as const), in: fc.constant("cards"), id, patch: fc.constantFrom({ $inc: { n: 1 } }, { $unset: ["n"] }, { $set: { s: "y" } }, { $add: { list: [1] } }) }),
  fc.record({ op: fc.constant("delete" as const), in: fc.constant("cards"), id }),
);
const query: fc.Arbitrary<Query> = fc.record(
  {
    in: fc.constant("cards"),
    where: fc.constantFrom({}, { n: { $gt: 1 } }, { s: "x" }, { n: { $exists: false } }, { list: { $elemMatch: { $gte: 1 } } }),
    sort: fc.constantFrom([], ["n"], [{ n: "desc" as const }, "s"], ["s", { n: "asc" as const }]),
    limit: fc.integer({ min: 1, max: 4 }),
    skip: fc.nat(3),
    fields: fc.constantFrom([], ["n"], ["s", "list"]),
  },
  { requiredKeys: ["in"] },
);
type Event =
  | { kind: "mutate"; ops: Op[] }
  | { kind: "diff"; puts: { id: string; value: Doc }[]; dels: string[]; reset: boolean }
  | { kind: "outcome"; applied: boolean }
  | { kind: "retry" | "discard" };
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ kind: fc.constant("mutate" as const), ops: fc.array(op, { minLength: 1, maxLength: 3 }) }),
  fc.record({
    kind: fc.constant("diff" as const),
    puts: fc.uniqueArray(fc.record({ id, value: doc }), { selector: (p) => p.id, maxLength: 5 }),
    dels: fc.uniqueArray(id, { maxLength: 2 }),
    reset: fc.boolean().map((b) => b),
  }),
  fc.record({ kind: fc.constant("outcome" as const), applied: fc.boolean() }),
  fc.record({ kind: fc.constantFrom("retry" as const, "discard" as const) }),
);

/** Plays an event; undefined if nothing came of it. */
function play(replica: Replica, event: Event): Step | undefined {
  const seq = replica.seq + 1;
  switch (event.kind) {
    case "mutate":
      return replica.mutate(prepare(event.ops, undefined, limits)).step;
    case "diff": {
      const put = event.puts.map(({ id, value }): Put => ["cards", id, seq, value]);
      const del = event.dels.filter((id) => !event.puts.some((p) => p.id === id)).map((id): Del => ["cards", id]);
      const result = replica.diff({ t: "diff", space: "s", view: "v", from: `${seq - 1}-x`, to: `${seq}-x`, put, del, reset: event.reset });
      return result.kind === "applied" ? result.step : undefined;
    }
    case "outcome": {
      const first = [...replica.queue.items()].find((item) => item.outcome === undefined);
      if (first === undefined) return undefined;
      const outcome: Outcome = event.applied ? { id: first.wire, outcome: "applied", seq } : { id: first.wire, outcome: "rejected", seq, code: "invalid" };
      return replica.outcomes([outcome], 0);
    }
    default: {
      const first = replica.rejected()[0];
      if (first === undefined) return undefined;
      return event.kind === "retry" ? replica.retry(first.id).step : replica.discard(first.id);
    }
  }
}

function open(replica: Replica, query: Query): Live {
  return new Live(query, () => replica.entries(query.in), () => undefined);
}

describe("a live query", () => {
  it("is what the query would be, and keeps what has not changed", () => {
    fc.assert(
      fc.property(fc.array(query, { minLength: 1, maxLength: 4 }), fc.array(event, { maxLength: 30 }), fc.func(fc.boolean()), (queries, events, read) => {
        const replica = new Replica();
        replica.diff({ t: "diff", space: "s", view: "v", from: "0", to: "0", reset: true });
        const lives = queries.map((q) => ({ q, live: open(replica, q), notified: 0 }));
        for (const [n, e] of events.entries()) {
          const before = lives.map(({ live }) => ({ rows: live.rows, total: live.total }));
          const shown = new Map<string, Entry>([...replica.entries("cards")].map((entry) => [entry.id, entry]));
          const step = play(replica, e);
          if (step === undefined) continue;
          for (const [i, { q, live }] of lives.entries()) {
            const changed = live.update(step);
            if (!changed && read(n)) continue;
            const expected = select(readQuery(q), replica.entries("cards"));
            expect(live.rows).toEqual(expected);
            expect(live.total).toBe(select(readQuery({ in: q.in, ...(q.where && { where: q.where }) }), replica.entries("cards")).length);
            const old = before[i];
            const same = old?.rows.length === live.rows.length && old.rows.every((row, at) => row === live.rows[at]);
            if (same) expect(live.rows).toBe(old.rows);
            // Told exactly when there is something to tell.
            if (!step.reset) expect(changed).toBe(!same || old?.total !== live.total);
          }
          for (const entry of replica.entries("cards")) {
            const old = shown.get(entry.id);
            if (old?.version === entry.version && old.state === entry.state && JSON.stringify(old.value) === JSON.stringify(entry.value)) {
              expect(entry).toBe(old);
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("takes many changes at once like one after the other", () => {
    const entries = fc.uniqueArray(fc.record({ id: fc.nat(300), n: fc.nat(20) }), { selector: (e) => e.id, maxLength: 120 });
    fc.assert(
      fc.property(entries, entries, fc.uniqueArray(fc.nat(300), { maxLength: 60 }), (first, second, dels) => {
        const replica = new Replica();
        const put = (list: typeof first, seq: number): Put[] => list.map(({ id, n }) => ["cards", `${id}`, seq, { n }]);
        replica.diff({ t: "diff", space: "s", view: "v", from: "0", to: "1-x", put: put(first, 1), reset: true });
        const q: Query = { in: "cards", where: { n: { $gt: 3 } }, sort: [{ n: "desc" }] };
        const live = open(replica, q);
        const del = dels.filter((id) => !second.some((e) => e.id === id)).map((id): Del => ["cards", `${id}`]);
        const result = replica.diff({ t: "diff", space: "s", view: "v", from: "1-x", to: "2-x", put: put(second, 2), del });
        if (result.kind === "applied") live.update(result.step);
        expect(live.rows).toEqual(select(readQuery(q), replica.entries("cards")));
      }),
      { numRuns: 200 },
    );
  });

  it("stays as it was when closed", () => {
    const replica = new Replica();
    const live = open(replica, { in: "cards" });
    live.close();
    replica.mutate(prepare([{ op: "put", in: "cards", id: "a", value: {} }], undefined, limits));
    expect(live.rows).toEqual([]);
  });

  it.each([{ in: "no/slash" }, { in: "cards", limit: 0 }, { in: "cards", sort: ["a", "a"] }, { in: "cards", where: { $x: 1 } }, { in: "cards", nope: 1 }])("refuses %j", (q) => {
    expect(() => readQuery(q as Query)).toThrow();
  });
});

describe("a big view", () => {
  const size = 100_000;
  const line = (from: number, to: number): Put[] => Array.from({ length: to - from }, (_, i): Put => ["cards", `card-${from + i}`, 1 + (i % 7), { title: `Card ${i}`, n: i % 1000 }]);

  it("loads and is changed without a look at all of it", () => {
    const replica = new Replica();
    replica.diff({ t: "diff", space: "s", view: "v", from: "0", to: "7-x", put: line(0, size), reset: true });
    const live = open(replica, { in: "cards", sort: ["n", "title"], limit: 50 });
    expect(live.total).toBe(size);
    let looks = 0;
    const entries = replica.entries.bind(replica);
    replica.entries = (name) => {
      looks++;
      return entries(name);
    };
    for (let seq = 8; seq < 208; seq++) {
      const result = replica.diff({ t: "diff", space: "s", view: "v", from: `${seq - 1}-x`, to: `${seq}-x`, put: [["cards", `card-${seq}`, seq, { title: "New", n: -seq }]] });
      if (result.kind === "applied") expect(live.update(result.step)).toBe(true);
      expect(live.rows[0]?.id).toBe(`card-${seq}`);
    }
    expect(looks).toBe(0);
  });
});
