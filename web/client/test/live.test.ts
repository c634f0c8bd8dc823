import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { Doc, Entry, Op, Outcome, Query } from "../src/api.js";
import { Live, readQuery, select } from "../src/live.js";
import { Order } from "../src/order.js";
import { Orders } from "../src/orders.js";
import { prepare } from "../src/prepare.js";
import { Replica, type Shown } from "../src/replica.js";
import { Selector } from "../src/selector.js";
import type { Step } from "../src/step.js";
import type { Del, Put } from "../src/wire.js";

const limits = { entry: 1 << 18, mutation: 1 << 19, ops: 1000 };
const ids = ["a", "b", "c", "d", "e", "ü", "𝄞", "z"];

const doc = fc.record({ n: fc.nat(4), s: fc.constantFrom("x", "y", "é"), list: fc.array(fc.nat(2), { maxLength: 2 }) }, { requiredKeys: [] }) as fc.Arbitrary<Doc>;
const id = fc.constantFrom(...ids);
const collection = fc.constantFrom("cards", "cards", "cards", "lists");
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ op: fc.constant("put" as const), in: collection, id, value: doc }),
  fc.record({ op: fc.constant("patch" as const), in: collection, id, patch: fc.constantFrom({ $inc: { n: 1 } }, { $unset: ["n"] }, { $set: { s: "y" } }, { $add: { list: [1] } }) }),
  fc.record({ op: fc.constant("delete" as const), in: collection, id }),
);
const query: fc.Arbitrary<Query> = fc
  .record(
    {
      in: fc.constant("cards"),
      where: fc.constantFrom({}, { n: { $gt: 1 } }, { s: "x" }, { n: { $exists: false } }, { list: { $elemMatch: { $gte: 1 } } }, { s: { $beginsWith: "x" }, n: { $lte: 3 } }),
      sort: fc.constantFrom([], ["n"], [{ n: "desc" as const }, "s"], ["s", { n: "asc" as const }]),
      limit: fc.integer({ min: 1, max: 4 }),
      skip: fc.nat(3),
      after: fc.record({ id: fc.oneof(id, fc.constantFrom("0", "cc", "zz")), value: doc }),
      fields: fc.constantFrom<readonly string[]>([], ["n"], ["s", "list"], ["n", "s"]),
    },
    { requiredKeys: ["in"] },
  )
  // With a place, fields must include what is sorted by.
  .map(({ fields, ...rest }) => (fields === undefined || (rest.after !== undefined && fields.join() !== "n,s") ? rest : { ...rest, fields }));

/** The answer to a query by the definition of it. */
function naive(q: Query, entries: Iterable<Entry>): { rows: Entry[]; total: number } {
  const query = readQuery(q);
  const matches = [...entries].filter(({ value }) => query.where.match(value)).sort((a, b) => query.compare(a.value, a.id, b.value, b.id));
  const { after: place } = q;
  const behind = place === undefined ? matches : matches.filter(({ id, value }) => query.compare(value, id, place.value, place.id) > 0);
  const rows = behind.slice(query.skip, query.limit > 0 ? query.skip + query.limit : undefined);
  return { rows: query.fields.length === 0 ? rows : rows.map((row) => ({ ...row, value: query.project(row.value) })), total: matches.length };
}

type Event =
  | { kind: "mutate"; ops: Op[] }
  | { kind: "diff"; puts: { id: string; value: Doc }[]; dels: string[]; reset: boolean }
  | { kind: "outcome"; applied: boolean }
  /** `again`: a reset to what is there. */
  | { kind: "retry" | "discard" | "status" | "again" }
  /** A collection that is on the disk is read, in two parts. */
  | { kind: "load"; puts: { id: string; value: Doc }[]; some: boolean };
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ kind: fc.constant("mutate" as const), ops: fc.array(op, { minLength: 1, maxLength: 3 }) }),
  fc.record({
    kind: fc.constant("diff" as const),
    puts: fc.uniqueArray(fc.record({ id, value: doc }), { selector: (p) => p.id, maxLength: 5 }),
    dels: fc.uniqueArray(id, { maxLength: 2 }),
    reset: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  }),
  fc.record({ kind: fc.constant("outcome" as const), applied: fc.boolean() }),
  fc.record({ kind: fc.constantFrom("retry" as const, "discard" as const, "status" as const, "again" as const) }),
  fc.record({
    kind: fc.constant("load" as const),
    puts: fc.uniqueArray(fc.record({ id, value: doc }), { selector: (p) => p.id, maxLength: 6 }),
    some: fc.boolean(),
  }),
);

let made = 0;

/** As if it were stored at once. */
function placed(replica: Replica, { item, step }: ReturnType<Replica["mutate"]>): Step {
  replica.place([[item, made]]);
  return step;
}

/** Plays an event; undefined if nothing came of it. */
function play(replica: Replica, event: Event): Step | undefined {
  const seq = replica.seq + 1;
  switch (event.kind) {
    case "mutate":
      return placed(replica, replica.mutate(prepare(event.ops, undefined, limits), String(++made)));
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
    case "load": {
      if (replica.loaded("cards")) return undefined;
      const entries = event.puts.map(({ id, value }) => [id, { collection: "cards", id, value, version: 1, state: "confirmed" }] as const);
      return replica.install(new Map([["cards", new Map<string, Entry>(entries)]]), event.some);
    }
    case "again": {
      if (!replica.loaded("cards")) return undefined;
      const put = [...(replica.whole?.values() ?? [])].flatMap((map) => [...map.values()]).map((entry): Put => [entry.collection, entry.id, entry.version, entry.value]);
      const result = replica.diff({ t: "diff", space: "s", view: "v", from: "0", to: `${seq}-x`, put, reset: true });
      return result.kind === "applied" ? result.step : undefined;
    }
    case "status":
      return replica.current();
    default: {
      const first = replica.rejected()[0];
      if (first === undefined) return undefined;
      return event.kind === "retry" ? placed(replica, replica.retry(first.id, String(++made))) : replica.discard(first.id);
    }
  }
}

const ordersOf = new WeakMap<Live, Orders>();
const taken = new WeakMap<Orders, Step>();

/** Hands a step to the orders of a query, once, and then to the query. */
function update(live: Live, step: Step): boolean {
  const orders = ordersOf.get(live);
  if (orders !== undefined) hand(orders, step);
  return live.update(step);
}

function hand(orders: Orders, step: Step): void {
  if (taken.get(orders) !== step) orders.take(step);
  taken.set(orders, step);
}

function open(replica: Replica, query: Query, orders: Orders = new Orders((name) => replica.shown(name))): Live {
  const live = new Live(query, orders, () => undefined);
  ordersOf.set(live, orders);
  return live;
}

/** What a space does with a step, and with a status that may have changed with it. */
function take(lives: Iterable<Live>, step: Step, synced: number): void {
  const changed = [...lives].filter((live) => update(live, step));
  for (const live of lives) if (live.stand("live", synced)) live.notify();
  for (const live of changed) live.notify();
}

function sameRows(a: readonly Entry[], b: readonly Entry[]): boolean {
  return a.length === b.length && a.every((row, i) => row === b[i]);
}

/** Replicas with a collection of no entries, in memory or on the disk. */
function replicaOf(onDisk: boolean): Replica {
  const replica = new Replica();
  if (onDisk) replica.begin("0", ["cards"]);
  else replica.diff({ t: "diff", space: "s", view: "v", from: "0", to: "0", reset: true });
  return replica;
}

describe("a live query", () => {
  it("is what the query would be, tells of each change once, and keeps what has not changed", () => {
    fc.assert(
      fc.property(fc.array(query, { minLength: 1, maxLength: 4 }), fc.array(event, { maxLength: 30 }), fc.boolean(), (queries, events, onDisk) => {
        const replica = replicaOf(onDisk);
        const plain = new Orders((name) => replica.shown(name));
        const indexed = new Orders((name) => replica.shown(name), { cards: ["n", "s"] });
        // Equal queries have their order in common; an index must make no difference.
        const lives = queries.flatMap((q) => [plain, plain, indexed].map((orders) => ({ q, live: open(replica, q, orders), told: 0 })));
        for (const one of lives) one.live.subscribe(() => one.told++);
        let synced = 0;
        take(lives.map(({ live }) => live), replica.current(), synced);
        for (const e of events) {
          const before = lives.map(({ live, told }) => ({ result: live.result, told }));
          const shown = new Map<string, Entry>([...replica.entries("cards")].map((entry) => [entry.id, entry]));
          const step = play(replica, e);
          if (step === undefined) continue;
          hand(plain, step); // as the space does, whether there are queries or not
          if (e.kind === "status" || e.kind === "load") synced++;
          take(lives.map(({ live }) => live), step, synced);
          const answers = new Map(queries.map((q) => [q, naive(q, replica.entries("cards"))]));
          for (const [i, { q, live, told }] of lives.entries()) {
            const { result: old, told: toldBefore } = before[i] as (typeof before)[number];
            const { rows, total } = answers.get(q) as ReturnType<typeof naive>;
            const { result } = live;
            const whole = (q.fields ?? []).length === 0;
            if (!whole || !sameRows(result.rows, rows)) expect(result.rows).toEqual(rows);
            if (whole) expect(sameRows(result.rows, rows)).toBe(true);
            expect([result.total, result.status, result.lastSynced]).toEqual([total, "live", synced]);
            expect(live.rows === result.rows && live.total === total).toBe(true);
            // What has not changed is the same object.
            const same = sameRows(old.rows, result.rows);
            expect(result.rows === old.rows).toBe(same);
            expect(result === old).toBe(same && old.total === total && old.lastSynced === synced);
            for (const row of result.rows) {
              const had = old.rows.find(({ id }) => id === row.id);
              if (had !== undefined && had !== row) expect(replica.get("cards", row.id)).not.toBe(shown.get(row.id));
            }
            // Told exactly when there is something to tell.
            expect(told - toldBefore).toBe(result === old ? 0 : 1);
          }
          for (const entry of replica.entries("cards")) {
            const old = shown.get(entry.id);
            if (!step.reset && old !== entry && old?.version === entry.version && old.state === entry.state) expect(entry.value).not.toEqual(old.value);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it("is opened and closed at any time, whether anybody reads it or not", () => {
    type Use = { kind: "open"; q: Query; indexed: boolean } | { kind: "close"; at: number };
    const use: fc.Arbitrary<Use> = fc.oneof(
      fc.record({ kind: fc.constant("open" as const), q: query, indexed: fc.boolean() }),
      fc.record({ kind: fc.constant("close" as const), at: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(event, event, use), { maxLength: 40 }), fc.boolean(), (events, onDisk) => {
        const replica = replicaOf(onDisk);
        const orders = [undefined, { cards: ["n", "s"] }].map((indexes) => new Orders((name) => replica.shown(name), indexes));
        const lives: { q: Query; live: Live; told: number }[] = [];
        const closed: { live: Live; rows: Entry[]; total: number }[] = [];
        for (const e of events) {
          if (e.kind === "open") {
            const one = { q: e.q, live: open(replica, e.q, orders[e.indexed ? 1 : 0]), told: 0 };
            one.live.subscribe(() => one.told++);
            lives.push(one);
          } else if (e.kind === "close") {
            for (const { q, live } of lives.splice(e.at, 1)) {
              live.close();
              live.close(); // once is enough
              closed.push({ live, ...naive(q, replica.entries("cards")) });
            }
          } else {
            const before = lives.map(({ q }) => naive(q, replica.entries("cards")));
            const step = play(replica, e);
            if (step === undefined) continue;
            for (const one of orders) hand(one, step);
            const told = lives.map((one) => one.told);
            take([...lives, ...closed].map(({ live }) => live), step, 0);
            for (const [i, { q, told: now }] of lives.entries()) {
              const after = naive(q, replica.entries("cards"));
              const same = before[i]?.total === after.total && sameRows(before[i].rows, after.rows);
              if (!same && (q.fields ?? []).length === 0 && now === told[i]) expect.fail("nobody was told");
            }
          }
        }
        for (const { q, live } of lives) expect({ rows: live.rows, total: live.total }).toEqual(naive(q, replica.entries("cards")));
        for (const { live, rows, total } of closed) expect({ rows: live.rows, total: live.total }).toEqual({ rows, total });
      }),
      { numRuns: 60 },
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
        if (result.kind === "applied") update(live, result.step);
        expect(live.rows).toEqual(naive(q, replica.entries("cards")).rows);
        expect(select(readQuery(q), replica.entries("cards"))).toEqual(live.rows);
      }),
      { numRuns: 60 },
    );
  });

  it("stays as it was when closed", () => {
    const replica = new Replica();
    const live = open(replica, { in: "cards" });
    live.close();
    const { step } = replica.mutate(prepare([{ op: "put", in: "cards", id: "a", value: {} }], undefined, limits), "1");
    expect(update(live, step)).toBe(false);
    expect(live.rows).toEqual([]);
  });

  it("resolves ready when it is closed before all was read", async () => {
    const live = open(replicaOf(true), { in: "cards" });
    live.close();
    await live.ready;
    expect(live.result.status).toBe("loading");
  });

  it.each<[string, unknown]>([
    ["bad_name", { in: "no/slash" }],
    ["bad_query", { in: "cards", limit: 0 }],
    ["bad_query", { in: "cards", sort: ["a", "a"] }],
    ["bad_selector", { in: "cards", where: { $x: 1 } }],
    ["bad_query", { in: "cards", nope: 1 }],
    ["bad_query", { in: "cards", after: null }],
    ["bad_query", { in: "cards", after: "a" }],
    ["bad_query", { in: "cards", after: { id: "a" } }],
    ["bad_query", { in: "cards", after: { id: "a", value: [] } }],
    ["bad_name", { in: "cards", after: { value: {} } }],
    ["bad_name", { in: "cards", after: { id: "", value: {} } }],
    ["unsafe_number", { in: "cards", after: { id: "a", value: { n: 2 ** 60 } } }],
    ["bad_query", { in: "cards", sort: ["n", "o.p"], fields: ["n", "o.p.q"], after: { id: "a", value: {} } }],
  ])("refuses with %s %j", (code, q) => {
    expect(() => readQuery(q as Query)).toThrow(expect.objectContaining({ code }) as Error);
  });

  it("that shows all there is looks at it when somebody wants to see it", () => {
    const replica = replicaOf(false);
    const live = open(replica, { in: "cards" });
    expect(live.rows).toEqual([]);
    const look = vi.spyOn(Order.prototype, "window");
    for (const id of ids) expect(update(live, placed(replica, replica.mutate(prepare([{ op: "put", in: "cards", id, value: {} }], undefined, limits), id)))).toBe(true);
    expect(look).not.toHaveBeenCalled();
    expect(live.rows).toHaveLength(ids.length);
    expect(live.rows).toHaveLength(ids.length);
    expect(look).toHaveBeenCalledOnce();
    look.mockRestore();
  });

  it.each<Query>([{ in: "cards" }, { in: "cards", limit: 2 }, { in: "cards", where: { n: 1 }, fields: ["n"] }])("that is read, %j, tells of a reset only if it changes something", (q) => {
    const replica = replicaOf(false);
    const reset = (put: Put[]): Step => {
      const result = replica.diff({ t: "diff", space: "s", view: "v", from: "0", to: `${replica.seq + 1}-x`, put, reset: true });
      if (result.kind !== "applied") throw new Error(result.kind);
      return result.step;
    };
    reset([["cards", "a", 1, { n: 1 }], ["cards", "b", 1, { n: 2 }]]);
    const live = open(replica, q);
    const { result } = live;
    expect(update(live, reset([["cards", "b", 1, { n: 2 }], ["cards", "a", 1, { n: 1 }]]))).toBe(false);
    expect(live.result).toBe(result);
    expect(update(live, reset([["cards", "a", 2, { n: 1 }], ["cards", "b", 1, { n: 2 }]]))).toBe(true);
    expect(live.rows[0]).not.toBe(result.rows[0]);
    expect(live.rows[1]).toBe(result.rows[1]);
  });

  it("does not see later changes of the place that it begins after", () => {
    const replica = replicaOf(false);
    placed(replica, replica.mutate(prepare([1, 2, 3].map((n) => ({ op: "put", in: "cards", id: `c${n}`, value: { n } })), undefined, limits), "1"));
    const after = { id: "x", value: { n: 1 } };
    const live = open(replica, { in: "cards", sort: ["n"], fields: ["n"], after });
    after.value.n = 3;
    update(live, replica.install(new Map()));
    expect(live.rows.map(({ value }) => value["n"])).toEqual([2, 3]);
  });
});

describe("orders", () => {
  function full(): { replica: Replica; looks: () => number; orders: (indexes?: Record<string, string[]>) => Orders } {
    const replica = replicaOf(false);
    const ops = Array.from({ length: 90 }, (_, n): Op => ({ op: "put", in: "cards", id: `c${n}`, value: { n, s: n % 3 === 0 ? "x" : "y" } }));
    placed(replica, replica.mutate(prepare(ops, undefined, limits), "1"));
    let looks = 0;
    const shown = (name: string): Shown => (looks++, replica.shown(name));
    return { replica, looks: () => looks, orders: (indexes) => new Orders(shown, indexes) };
  }

  it("are made once for queries that differ in their windows only, and until the last of them is closed", () => {
    const { replica, looks, orders } = full();
    const common = orders();
    const q: Query = { in: "cards", where: { s: "x" }, sort: ["n"] };
    const first = open(replica, { ...q, limit: 10 }, common);
    const last = first.rows.at(-1) as Entry;
    const second = open(replica, { ...q, limit: 10, after: last, fields: ["n"], where: { s: { $eq: "x" } } }, common);
    expect(second.rows.map(({ id }) => id)).toEqual(["c30", "c33", "c36", "c39", "c42", "c45", "c48", "c51", "c54", "c57"]);
    expect(looks()).toBe(1);
    open(replica, { ...q, in: "lists" }, common);
    open(replica, { ...q, sort: [{ n: "desc" }] }, common);
    open(replica, { ...q, where: { s: "y" } }, common);
    expect(looks()).toBe(4);
    first.close();
    first.close();
    const { step } = replica.mutate(prepare([{ op: "delete", in: "cards", id: "c30" }], undefined, limits), "2");
    expect([update(first, step), update(second, step)]).toEqual([false, true]);
    expect(second.rows[0]?.id).toBe("c33");
    expect(second.rows).toHaveLength(10);
    expect(looks()).toBe(4);
    second.close();
    open(replica, q, common);
    expect(looks()).toBe(5);
  });

  it("are indexes for good, if declared, once a query has a use for them", () => {
    const { replica, looks, orders } = full();
    const indexed = orders({ cards: ["n", "s"] });
    open(replica, { in: "cards", where: { done: true } }, indexed).close();
    open(replica, { in: "cards", where: { $or: [{ n: 1 }, { n: 2 }] }, sort: [{ n: "desc" }] }, indexed).close();
    expect(looks()).toBe(2); // of no use
    const ids = (q: Omit<Query, "in">): string[] => {
      const live = open(replica, { in: "cards", ...q }, indexed);
      live.close();
      return live.rows.map(({ id }) => id);
    };
    expect(ids({ where: { n: 7 } })).toEqual(["c7"]);
    expect(looks()).toBe(3);
    expect(ids({ where: { n: { $gt: 7, $lte: 9 } }, sort: [{ n: "desc" }] })).toEqual(["c9", "c8"]);
    expect(ids({ sort: ["n"], limit: 2 })).toEqual(["c0", "c1"]);
    expect(looks()).toBe(3);
    expect(ids({ where: { s: "x", n: { $lt: 4 } } })).toEqual(["c0", "c3"]);
    expect(looks()).toBe(4); // the index on s
    // Only what the narrower of two leaves is looked at.
    const match = vi.spyOn(Selector.prototype, "match");
    expect(ids({ where: { s: "y", n: 7 } })).toEqual(["c7"]);
    expect(match).toHaveBeenCalledTimes(1);
    expect(ids({ where: { s: "x", n: { $gte: 0 } }, limit: 1 })).toEqual(["c0"]);
    expect(match).toHaveBeenCalledTimes(1 + 30);
    match.mockRestore();
    const { step } = replica.mutate(prepare([{ op: "put", in: "cards", id: "new", value: { n: 7.5, s: "x" } }], undefined, limits), "2");
    indexed.take(step);
    expect(ids({ where: { n: { $gte: 7, $lt: 8 } } })).toEqual(["c7", "new"]);
    expect(looks()).toBe(4);
    indexed.take(replica.install(new Map()));
    expect(ids({ where: { n: 7 } })).toEqual(["c7"]);
    expect(looks()).toBe(5);
  });

  it("of an index that a query was sorted by already stays when the query goes", () => {
    const { replica, looks, orders } = full();
    const indexed = orders({ cards: ["n"] });
    const live = open(replica, { in: "cards", sort: ["n"] }, indexed);
    live.close();
    expect(open(replica, { in: "cards", where: { n: { $beginsWith: "" } } }, indexed).rows).toEqual([]);
    expect(looks()).toBe(1);
  });

  it.each<[string, unknown]>([
    ["bad_name", { "no/slash": [] }],
    ["bad_name", { cards: "n" }],
    ["bad_name", { cards: [1] }],
    ["bad_name", { cards: Array.from({ length: 17 }, (_, n) => `f${n}`) }],
    ["bad_name", { cards: ["a..b"] }],
  ])("refuse as %s the indexes %j", (code, indexes) => {
    expect(() => new Orders(() => ({ confirmed: new Map(), instead: new Map() }), indexes as Record<string, string[]>)).toThrow(expect.objectContaining({ code }) as Error);
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
      if (result.kind === "applied") expect(update(live, result.step)).toBe(true);
      expect(live.rows[0]?.id).toBe(`card-${seq}`);
    }
    expect(looks).toBe(0);
  });
});
