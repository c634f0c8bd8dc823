import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Doc, Entry, LiveQuery, Mutation, Op, Space, SpaceEvent, Tx, UpdateOps } from "../src/api.js";
import type { Client } from "../src/client.js";
import { equal } from "../src/compare.js";
import { History, type HistoryOptions } from "../src/undo.js";
import { isDoc } from "../src/value.js";
import { FakeServer } from "./fake.js";
import { cards, connect, pass, settle, VIEW } from "./harness.js";

let server: FakeServer;
let client: Client;
let other: Client;
let board: Space;
let theirs: Space;
let history: History;

async function start(options?: HistoryOptions, limits: FakeServer["limits"] = {}): Promise<void> {
  server = new FakeServer();
  server.limits = limits;
  [client, other] = [connect(server), connect(server, { user: "bob" })];
  [board, theirs] = [client.space("demo/board", { view: VIEW }), other.space("demo/board", { view: VIEW })];
  await settle();
  history = new History(board, options);
}

function stop(): void {
  client.close();
  other.close();
}

beforeEach(async () => {
  vi.useFakeTimers({ now: 1_000_000 });
  await start();
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

/** What the entry is on the server when all is told. */
async function there(id = "c1"): Promise<Doc | undefined> {
  await settle();
  expect(board.rejected).toEqual([]);
  expect(cards(theirs)).toEqual(cards(board));
  expect(cards(board)).toEqual(server.space().visible(VIEW));
  return board.get("cards", id)?.value;
}

/** Begins with an entry that is not of the history's making. */
async function given(value: Doc, id = "c1"): Promise<void> {
  theirs.put("cards", id, value);
  await settle();
}

describe("a mutation is taken back and done again", () => {
  it.each<[name: string, before: Doc, update: UpdateOps, after?: Doc | undefined, undone?: Doc]>([
    ["$set", { s: 1, o: 1 }, { $set: { s: 2 } }],
    ["$set of a new field", { o: 1 }, { $set: { s: 2 } }],
    ["$set inside of objects that are not there", { o: 1 }, { $set: { "a.b.c": 1, "a.d": 2 } }],
    ["$set inside of an object", { a: { b: 1, c: [2] } }, { $set: { "a.b": { x: 1 } } }],
    ["$set of null", { s: 1 }, { $set: { s: null } }],
    ["$unset", { a: { b: 1 }, s: [1] }, { $unset: ["a.b", "s"] }],
    ["$inc", { n: 5 }, { $inc: { n: 3 } }],
    ["$inc of a counter that is not there", { o: 1 }, { $inc: { n: 3 } }, undefined, { o: 1, n: 0 }],
    ["$add", { t: ["a"] }, { $add: { t: ["a", "b"] } }],
    ["$add to a set that is not there", {}, { $add: { "x.t": ["a"] } }, undefined, { x: { t: [] } }],
    ["$remove", { t: [true, 1, "a", "b"] }, { $remove: { t: ["b", "c", true] } }],
    ["many at once", { n: 1, s: 1, t: ["a"], u: [1] }, { $inc: { n: 1 }, $set: { s: 2 }, $add: { t: ["b"] }, $remove: { u: [1] }, $unset: ["nothing"] }],
    ["names that need a backslash", { "a.b": 1 }, { $set: { "a\\.b": 2, "\\$c": { $d: 1 } } }],
  ])("%s", async (_, before, update, after, undone = before) => {
    await given(before);
    board.patch("cards", "c1", update);
    const done = await there();
    expect(done).not.toEqual(before);
    if (after) expect(done).toEqual(after);
    for (let i = 0; i < 2; i++) {
      expect(history.undo()).toBeDefined();
      expect(await there()).toEqual(undone);
      expect(history.redo()).toBeDefined();
      expect(await there()).toEqual(done);
    }
  });

  it("put, put over, delete", async () => {
    board.put("cards", "c1", { s: 1, a: { b: 1, c: 1 } });
    board.put("cards", "c1", { s: 1, a: { b: 2 }, "": 1 });
    board.delete("cards", "c1");
    const states = [undefined, { s: 1, a: { b: 1, c: 1 } }, { s: 1, a: { b: 2 }, "": 1 }, undefined];
    for (const state of states.slice(0, 3).reverse()) {
      history.undo();
      expect(await there()).toEqual(state);
    }
    expect([history.canUndo, history.undo()]).toEqual([false, undefined]);
    for (const state of states.slice(1)) {
      history.redo();
      expect(await there()).toEqual(state);
    }
    expect([history.canRedo, history.redo()]).toEqual([false, undefined]);
  });

  it("with the least that is needed", async () => {
    await given({ n: 1, s: 1, t: ["a", "b"], big: "x" });
    board.mutate((tx) => {
      tx.patch("cards", "c1", { $set: { s: 2, "m.x": 1 }, $inc: { n: 4 }, $add: { t: ["b", "c"] } });
      tx.patch("cards", "c1", { $remove: { t: ["a"] } });
    });
    await settle();
    expect(history.undo()?.ops).toEqual([
      { op: "patch", in: "cards", id: "c1", patch: { $inc: { n: -4 }, $remove: { t: ["c"] }, $set: { s: 1 }, $unset: ["m"] } },
      { op: "patch", in: "cards", id: "c1", patch: { $add: { t: ["a"] } } },
    ]);
    expect(await there()).toEqual({ n: 1, s: 1, t: ["a", "b"], big: "x" });
    board.put("cards", "c1", { n: 1, s: 3, t: ["a", "b"], big: "x" });
    expect(history.undo()?.ops).toEqual([{ op: "patch", in: "cards", id: "c1", patch: { $set: { s: 1 } } }]);
  });

  it("made before it is confirmed, offline too", async () => {
    client.goOffline();
    board.put("cards", "c1", { s: 1 });
    board.patch("cards", "c1", { $inc: { n: 1 } });
    for (let i = 0; i < 3; i++) history.undo();
    expect(board.get("cards", "c1")).toBeUndefined();
    history.redo();
    client.goOnline();
    expect(await there()).toEqual({ s: 1, n: 0 });
    history.redo();
    expect(await there()).toEqual({ s: 1, n: 1 });
  });

  it("though it named a field twice, and one inside of another", async () => {
    await given({ n: 2 });
    board.mutate((tx) => {
      tx.patch("cards", "c1", { $set: { a: { b: 1 } }, $inc: { n: 1 } });
      tx.patch("cards", "c1", { $inc: { "a.b": 1 }, $set: { n: 9 } });
    });
    expect(await there()).toEqual({ n: 9, a: { b: 2 } });
    history.undo();
    expect(await there()).toEqual({ n: 2 });
    history.redo();
    expect(await there()).toEqual({ n: 9, a: { b: 2 } });
  });

  it("beyond the server's limits: in several mutations, one step", async () => {
    stop();
    await start({}, { ops: 10 });
    history.group("import", () => {
      for (let i = 0; i < 3; i++) board.mutate((tx) => { for (let k = 0; k < 7; k++) tx.put("cards", `${i}-${k}`, { k }); });
    });
    await settle();
    const last = history.undo();
    expect(board.pending.length).toBeGreaterThan(2);
    expect(board.pending.at(-1)).toBe(last);
    await settle();
    expect(server.space().data.size).toBe(0);
    expect(history.canUndo).toBe(false);
    history.redo();
    await settle();
    expect(server.space().data.size).toBe(21);
    expect(history.canRedo).toBe(false);
  });
});

describe("steps", () => {
  it("are groups, gestures and single mutations", async () => {
    await given({ x: 0, y: 0, n: 0 });
    expect(history.group("outer", () => {
      board.patch("cards", "c1", { $set: { x: 1 } });
      history.group("inner", () => board.put("cards", "c2", {}));
      return 7;
    })).toBe(7);
    history.begin("drag");
    for (let i = 2; i < 50; i++) board.patch("cards", "c1", { $set: { x: i, y: i }, $inc: { n: 1 } });
    history.group("in a drag", () => board.patch("cards", "c1", { $set: { x: 50 } }));
    history.end();
    board.patch("cards", "c1", { $set: { x: 100 } });
    expect(() => history.group("fails", () => {
      board.put("cards", "c3", {});
      throw new Error("x");
    })).toThrow("x");
    history.group("empty", () => undefined);
    expect(history.undoName).toBe("fails");
    history.undo();
    expect(history.undoName).toBe("");
    history.undo();
    expect([history.undoName, history.redoName]).toEqual(["drag", ""]);
    expect(history.undo()?.ops).toEqual([{ op: "patch", in: "cards", id: "c1", patch: { $inc: { n: -48 }, $set: { x: 1, y: 0 } } }]);
    expect(await there()).toEqual({ x: 1, y: 0, n: 0 });
    history.undo();
    expect(cards(board)).toEqual({ "cards/c1": { x: 0, y: 0, n: 0 } });
    for (const name of ["outer", "drag", "", "fails"]) {
      expect(history.redoName).toBe(name);
      history.redo();
    }
    expect(await there()).toEqual({ x: 100, y: 49, n: 48 });
    expect(board.get("cards", "c3")).toBeDefined();
  });

  it("end with undo, and with the next gesture", () => {
    history.begin("one");
    board.put("cards", "c1", {});
    history.begin("two");
    board.put("cards", "c2", {});
    history.undo();
    board.put("cards", "c3", {});
    expect(history.undoName).toBe("");
    history.undo();
    expect(history.undoName).toBe("one");
  });

  it("have several changes of one entry", async () => {
    history.group("all", () => {
      board.put("cards", "c1", { s: 1 });
      board.patch("cards", "c1", { $set: { s: 2 }, $inc: { n: 1 } });
      board.patch("cards", "c1", { $set: { "a.b": 1 } });
      board.patch("cards", "c1", { $set: { "a.b": 2 } });
    });
    history.group("gone and back", () => {
      board.delete("cards", "c1");
      board.put("cards", "c1", { s: 9 });
      board.put("cards", "c2", {});
      board.delete("cards", "c2");
    });
    history.undo();
    expect(await there()).toEqual({ s: 2, n: 1, a: { b: 2 } });
    history.undo();
    expect(await there()).toBeUndefined();
    history.redo();
    expect(await there()).toEqual({ s: 2, n: 1, a: { b: 2 } });
    history.redo();
    expect(await there()).toEqual({ s: 9 });
  });

  it("are merged while the same fields change quickly, if asked for", async () => {
    await pass(0);
    stop();
    await start({ mergeMs: 500 });
    const type = (s: string): unknown => board.patch("cards", "c1", { $set: { s } });
    board.put("cards", "c1", { s: "" });
    type("a");
    await pass(400);
    type("ab");
    await pass(400);
    type("abc");
    board.patch("cards", "c1", { $set: { s: "abcd", o: 1 } }); // another field, too
    await pass(500);
    board.patch("cards", "c1", { $set: { s: "abcde", o: 2 } }); // too late
    history.group("named", () => type("x"));
    type("y");
    const seen: unknown[] = [];
    for (; history.canUndo; history.undo()) seen.push(board.get("cards", "c1")?.value["s"]);
    expect(seen).toEqual(["y", "x", "abcde", "abcd", "abc", ""]);
    history.redo();
    type("z"); // not merged into what was redone
    history.undo();
    expect(board.get("cards", "c1")?.value).toEqual({ s: "" });
  });

  it("are forgotten beyond the limit, and when told so", async () => {
    stop();
    await start({ limit: 2 });
    for (let i = 0; i < 4; i++) board.put("cards", `c${i}`, {});
    for (let i = 0; i < 4; i++) history.undo();
    expect(Object.keys(cards(board))).toEqual(["cards/c0", "cards/c1"]);
    history.redo();
    history.clear();
    expect([history.canUndo, history.canRedo]).toEqual([false, false]);
    board.put("cards", "c9", {});
    const calls = vi.fn();
    history.subscribe(calls);
    history.close();
    board.put("cards", "c8", {});
    expect([history.canUndo, calls.mock.calls.length]).toEqual([false, 1]);
  });

  it("are bounded in all", () => {
    // A space that does nothing, since so many mutations take their time.
    let x = 0;
    let emit: (event: SpaceEvent) => void = () => undefined;
    const undone: unknown[] = [];
    const entry = (): Entry => ({ collection: "cards", id: "c1", value: { x }, version: 1, state: "confirmed" });
    const patch = (_collection: string, _id: string, { $set }: UpdateOps): void => {
      x = Number($set?.["x"]);
      undone.push(x);
    };
    const stub: Partial<Space> = {
      onEvent: (fn) => ((emit = fn), () => undefined),
      query: () => ({ result: { status: "live" }, close: () => undefined }) as unknown as LiveQuery,
      get: entry,
      pending: [],
      mutate: (fn) => (fn({ patch } as unknown as Tx), { id: "undo" } as Mutation),
    };
    history.close();
    history = new History(stub as Space);
    const made = (): void => {
      const before = entry();
      x++;
      const ops: Op[] = [{ op: "patch", in: "cards", id: "c1", patch: { $set: { x } } }];
      emit({ kind: "queued", at: 0, mutation: { id: `m${x}`, ops, mine: true } as unknown as Mutation, changes: [{ collection: "cards", id: "c1", before, after: entry() }] });
    };
    for (let i = 0; i < 3; i++) made();
    history.begin("long");
    for (let i = 0; i < 9_999; i++) made();
    while (history.undo()) expect(history.undoName).not.toBe("long");
    expect(undone).toEqual([3, 2]); // the first two are forgotten
    undone.length = 0;
    history.begin("long");
    for (let i = 0; i < 10_001; i++) made();
    while (history.undo()) expect(history.canUndo).toBe(false);
    expect(undone).toEqual([10_002]);
  });

  it.each([{ limit: 0 }, { limit: 1.5 }, { limit: Number.NaN }, { mergeMs: -1 }, { mergeMs: Number.NaN }])("refuse %o", (options) => {
    expect(() => new History(board, options)).toThrow(expect.objectContaining({ code: "invalid" }));
  });

  it("tell of their changes", async () => {
    const calls = vi.fn();
    const end = history.subscribe(calls);
    board.put("cards", "c1", {});
    history.undo();
    history.redo();
    board.put("cards", "c1", {}); // changes nothing
    theirs.patch("cards", "c1", { $set: { s: 1 } });
    await settle();
    expect(calls).toHaveBeenCalledTimes(3);
    end();
    history.undo();
    expect(calls).toHaveBeenCalledTimes(3);
  });

  it("leave out other collections", () => {
    history.close();
    history = new History(board, { collections: ["cards"] });
    board.put("cursors", "ada", { x: 1 });
    expect(history.canUndo).toBe(false);
    board.mutate((tx) => {
      tx.put("cards", "c1", {});
      tx.put("cursors", "ada", { x: 2 });
    });
    expect(history.undo()?.ops).toMatchObject([{ op: "delete", in: "cards" }]);
  });

  it("leave out what may be on the disk, and wait for it", async () => {
    const fresh = client.space("demo/fresh", { view: VIEW });
    const early = new History(fresh);
    const query = fresh.query({ in: "cards" });
    const loading = vi.spyOn(Object.getPrototypeOf(query), "result", "get").mockReturnValue({ rows: [], total: 0, status: "loading", lastSynced: null });
    fresh.put("cards", "c1", {});
    expect(early.canUndo).toBe(false); // it may have replaced something
    fresh.delete("cards", "c1");
    expect([early.canUndo, early.undo()]).toEqual([true, undefined]); // it may be there again
    loading.mockRestore();
    expect(early.undo()).toBeDefined();
    expect(fresh.get("cards", "c1")?.value).toEqual({});
  });

  it("are redone until something else is done", () => {
    board.put("cards", "c1", {});
    board.put("cards", "c2", {});
    history.undo();
    board.put("cards", "c3", {});
    expect([history.canRedo, history.redo()]).toEqual([false, undefined]);
    history.undo();
    history.undo();
    expect(cards(board)).toEqual({});
  });

  it("are those of all that use the space, and none of another tab's", async () => {
    const query = board.query({ in: "cards" });
    const end = query.subscribe(() => { // a binding that answers a change at once
      end();
      board.put("cards", "derived", { of: query.total });
    });
    board.put("cards", "c1", {});
    theirs.put("cards", "c2", {});
    await settle();
    history.undo();
    history.undo();
    expect(history.canUndo).toBe(false);
    expect(await there("c2")).toEqual({});
    expect(cards(board)).toEqual({ "cards/c2": {} });
  });

  it("tell a subscriber's mutations from undo's own", async () => {
    board.put("cards", "c1", {});
    board.put("cards", "c2", {});
    const query = board.query({ in: "cards" });
    const end = query.subscribe(() => {
      end();
      board.put("cards", "answer", {});
      expect(history.undo()).toBeUndefined();
    });
    history.undo();
    expect(history.canRedo).toBe(false); // the answer is a new mutation
    expect(Object.keys(await there("c1") ?? {})).toEqual([]);
    history.undo();
    history.undo();
    expect(cards(board)).toEqual({});
    expect(history.canUndo).toBe(false);
  });
});

describe("what others have done since stays", () => {
  it("in a field, beside fields that are taken back", async () => {
    await given({ s: 1, o: 1, p: { x: 1, y: 1 }, q: { x: 1, y: 1 } });
    board.patch("cards", "c1", { $set: { s: 2, o: 2, "p.x": 2, "p.y": 2, q: { x: 2, y: 2 } } });
    await settle();
    theirs.patch("cards", "c1", { $set: { o: 3, "p.y": 3, "q.y": 3, new: 3 } });
    await settle();
    history.undo();
    // q was set as a whole, and is left as a whole
    expect(await there()).toEqual({ s: 1, o: 3, p: { x: 1, y: 3 }, q: { x: 2, y: 3 }, new: 3 });
    theirs.patch("cards", "c1", { $set: { s: 4 } });
    await settle();
    history.redo();
    expect(await there()).toEqual({ s: 4, o: 3, p: { x: 2, y: 3 }, q: { x: 2, y: 3 }, new: 3 });
  });

  it("in a field that was put over", async () => {
    await given({ s: 1, o: 1 });
    board.put("cards", "c1", { s: 2, o: 2, r: 2 });
    await settle();
    theirs.patch("cards", "c1", { $set: { o: 3, t: 3 }, $unset: ["r"] });
    await settle();
    history.undo();
    expect(await there()).toEqual({ s: 1, o: 3, t: 3 });
  });

  it("where they have taken an object away, or put something else into it", async () => {
    await given({ a: { b: 1, c: 1 } });
    board.patch("cards", "c1", { $unset: ["a.b"], $set: { "n.x": 1, "n.y": 1 } });
    await settle();
    theirs.patch("cards", "c1", { $set: { a: "text", "n.z": 1, "n.y": 2 } });
    await settle();
    history.undo();
    expect(await there()).toEqual({ a: "text", n: { z: 1, y: 2 } });
  });

  it("in counters and sets, which are taken back by what was done", async () => {
    await given({ n: 1, t: ["a"], k: 5, w: ["z"] });
    board.patch("cards", "c1", { $inc: { n: 10, k: 1 }, $add: { t: ["a", "b"], w: ["y"] } });
    board.patch("cards", "c1", { $remove: { t: ["a", "q"] } });
    await settle();
    theirs.patch("cards", "c1", { $inc: { n: 100 }, $add: { t: ["q", "d"] }, $set: { k: "none" }, $unset: ["w"] });
    await settle();
    history.undo();
    history.undo();
    expect(await there()).toEqual({ n: 101, t: ["a", "d", "q"], k: "none" });
    history.redo();
    history.redo();
    expect(await there()).toEqual({ n: 111, t: ["b", "d", "q"], k: "none" });
  });

  it.each([["in one step", true], ["in several steps", false]])("though it is what the field was in between: %s", async (_, together) => {
    await given({ done: false, n: 0 }, "c2");
    if (together) history.begin("all");
    board.put("cards", "c1", { done: false });
    board.patch("cards", "c1", { $set: { done: true }, $inc: { n: 1 } });
    board.patch("cards", "c1", { $set: { done: false, n: 5 } });
    board.patch("cards", "c2", { $set: { done: true } });
    await settle();
    theirs.patch("cards", "c1", { $set: { done: true, n: 1 } });
    await settle();
    while (history.undo()) await Promise.resolve();
    expect(await there()).toEqual({ done: true, n: 1 });
    expect(await there("c2")).toEqual({ done: false, n: 0 });
    while (history.redo()) await Promise.resolve();
    expect(await there("c2")).toEqual({ done: true, n: 0 });
  });

  it("between the mutations of one gesture", async () => {
    await given({ x: 0 });
    history.begin("drag");
    board.patch("cards", "c1", { $set: { x: 1 } });
    await settle();
    theirs.patch("cards", "c1", { $set: { x: 50 } });
    await settle();
    board.patch("cards", "c1", { $set: { x: 2 } });
    history.undo();
    expect(await there()).toEqual({ x: 50 });
  });

  it("in an entry that was created: it is kept", async () => {
    board.put("cards", "c1", { s: 1 });
    await settle();
    theirs.patch("cards", "c1", { $set: { o: 1 } });
    await settle();
    expect(history.undo()).toBeUndefined();
    expect(await there()).toEqual({ s: 1, o: 1 });
    expect([history.canUndo, history.canRedo]).toEqual([false, false]);
  });

  it("in an entry that was created, even a zero", async () => {
    board.put("cards", "c1", { s: 1 });
    board.patch("cards", "c1", { $inc: { n: 1 } });
    await settle();
    theirs.patch("cards", "c1", { $set: { x: 0 } });
    await settle();
    history.undo();
    history.undo();
    expect(await there()).toEqual({ s: 1, n: 0, x: 0 });
  });

  it("in an entry that was deleted", async () => {
    await given({ s: 1 });
    board.delete("cards", "c1");
    await settle();
    theirs.put("cards", "c1", { o: 1 });
    await settle();
    expect(history.undo()).toBeUndefined();
    expect(await there()).toEqual({ o: 1 });
  });

  it("when they have deleted the entry", async () => {
    await given({ s: 1, n: 1, t: ["a"] });
    board.patch("cards", "c1", { $set: { s: 2 }, $inc: { n: 1 }, $remove: { t: ["a"] } });
    await settle();
    theirs.delete("cards", "c1");
    await settle();
    expect(history.undo()).toBeUndefined();
    expect(await there()).toBeUndefined();
  });

  it("and undo goes on to the step before", async () => {
    board.put("cards", "c1", {});
    await given({ s: 1 }, "c2");
    board.patch("cards", "c2", { $set: { s: 2 } });
    await settle();
    theirs.patch("cards", "c2", { $set: { s: 3 } });
    await settle();
    expect(history.undo()?.ops).toMatchObject([{ op: "delete", id: "c1" }]);
    expect(await there("c2")).toEqual({ s: 3 });
    expect(history.canUndo).toBe(false);
    history.redo();
    expect(history.canRedo).toBe(false);
  });

  it("though it was not known here when the entry was to be deleted, or made again", async () => {
    board.put("cards", "c1", { s: 1 });
    await given({ s: 1 }, "c2");
    board.delete("cards", "c2");
    await settle();
    client.goOffline();
    theirs.patch("cards", "c1", { $set: { o: 1 } });
    theirs.put("cards", "c2", { o: 2 });
    const again = history.undo();
    const gone = history.undo();
    expect(cards(board)).toEqual({ "cards/c2": { s: 1 } });
    client.goOnline();
    await settle();
    expect([gone, again].map((mutation) => mutation?.state)).toEqual(["rejected", "rejected"]);
    expect(cards(board)).toEqual({ "cards/c1": { s: 1, o: 1 }, "cards/c2": { o: 2 } });
    expect([history.canUndo, history.canRedo]).toEqual([false, false]);
  });
});

describe("what the server refuses", () => {
  /** A mutation with a wrong `if` shows where the replica knows no better. */
  async function refused(update: UpdateOps, then: () => void): Promise<void> {
    client.goOffline();
    theirs.patch("cards", "c1", { $set: { o: Math.random() } });
    await settle();
    board.patch("cards", "c1", update, { if: board.get("cards", "c1")?.version ?? 0 });
    then();
    client.goOnline();
    await settle();
    expect(board.rejected.length).toBe(1);
    board.discard(board.rejected[0]?.id ?? "");
  }

  it("is taken out of the history", async () => {
    await given({ s: 1 });
    const calls = vi.fn();
    history.subscribe(calls);
    await refused({ $set: { s: 2 } }, () => expect(history.canUndo).toBe(true));
    expect([history.canUndo, history.canRedo]).toEqual([false, false]);
    expect(calls).toHaveBeenCalledTimes(2);
  });

  it.each([["in one step", true], ["in steps of their own", false]])("is no value to go back to: %s", async (_, together) => {
    await given({ s: 1, n: 1 });
    const inner = (): void => {
      board.patch("cards", "c1", { $set: { s: 3 }, $inc: { n: 10 } });
    };
    if (together) history.begin("typing");
    await refused({ $set: { s: 2 }, $inc: { n: 1 } }, inner);
    expect(board.get("cards", "c1")?.value).toMatchObject({ s: 3, n: 11 });
    history.undo();
    expect(await there()).toMatchObject({ s: 1, n: 1 });
    expect(history.canUndo).toBe(false);
    history.redo();
    expect(await there()).toMatchObject({ s: 3, n: 11 });
  });

  it("leaves the rest of its gesture", async () => {
    await given({ s: 0 });
    history.begin("typing");
    board.patch("cards", "c1", { $set: { s: 1 } });
    await settle();
    await refused({ $set: { s: 2 } }, () => undefined);
    expect(board.get("cards", "c1")?.value).toMatchObject({ s: 1 });
    theirs.patch("cards", "c1", { $set: { s: 2 } }); // the very value that was refused
    await settle();
    expect(history.undo()).toBeUndefined();
    theirs.patch("cards", "c1", { $set: { s: 1 } });
    await settle();
    board.patch("cards", "c1", { $set: { s: 4 } });
    history.undo();
    expect(await there()).toMatchObject({ s: 1 });
  });
});

// Properties: ada's edits are grouped into steps, bob's come in between. A string says who wrote it, and when.

type Edit = { readonly id: string; readonly act: (space: Space, id: string, v: () => string) => void };

const registers: fc.Arbitrary<Edit["act"]> = fc.constantFrom<Edit["act"][]>(
  (space, id, v) => space.put("cards", id, { s: v(), pos: { x: v(), y: v() } }),
  (space, id, v) => space.put("cards", id, { s: v(), o: v(), n: 1, t: ["k"] }),
  (space, id) => space.delete("cards", id),
  (space, id, v) => space.patch("cards", id, { $set: { s: v() } }),
  (space, id, v) => space.patch("cards", id, { $set: { o: v(), "pos.x": v() } }),
  (space, id, v) => space.patch("cards", id, { $set: { "pos.x": v(), "pos.y": v() } }),
  (space, id, v) => space.patch("cards", id, { $set: { pos: { x: v(), y: v() } } }),
  (space, id, v) => space.patch("cards", id, { $set: { "deep.in.side": v() }, $inc: { n: 2 } }),
  (space, id) => space.patch("cards", id, { $unset: ["s", "pos.x"] }),
  (space, id) => space.patch("cards", id, { $unset: ["pos", "deep.in"] }),
  (space, id, v) => {
    space.mutate((tx) => {
      tx.delete("cards", id);
      tx.put("cards", id, { s: v() });
      tx.patch("cards", id, { $set: { s: v(), o: v() }, $inc: { "m.n": 1 } });
    });
  },
);
const commuting: fc.Arbitrary<Edit["act"]> = fc.oneof(
  fc.integer({ min: -5, max: 5 }).map((by): Edit["act"] => (space, id) => space.patch("cards", id, { $inc: { n: by } })),
  fc.integer({ min: 1, max: 5 }).map((by): Edit["act"] => (space, id) => space.patch("cards", id, { $inc: { "m.n": by } })),
  fc.constantFrom<Edit["act"][]>(
    (space, id, v) => space.patch("cards", id, { $add: { t: [v().slice(0, 1) + "1"] } }),
    (space, id, v) => space.patch("cards", id, { $add: { t: [v().slice(0, 1) + "2"] }, $remove: { u: [v().slice(0, 1) + "1"] } }),
    (space, id, v) => space.patch("cards", id, { $remove: { t: [v().slice(0, 1) + "1", v().slice(0, 1) + "2"] } }),
    (space, id, v) => space.patch("cards", id, { $add: { u: [v().slice(0, 1) + "1"] } }),
  ),
);

/** Those of bob which never take each other back. */
const forward: fc.Arbitrary<Edit["act"]> = fc.constantFrom<Edit["act"][]>(
  (space, id) => space.patch("cards", id, { $inc: { n: 1, "m.n": 100 } }),
  (space, id, v) => space.patch("cards", id, { $add: { t: [v()] } }),
  (space, id) => space.patch("cards", id, { $remove: { t: ["a1", "k", "z"] } }),
);

function edits(ids: readonly string[], act: fc.Arbitrary<Edit["act"]>): fc.Arbitrary<Edit> {
  return fc.record({ id: fc.constantFrom(...ids), act });
}

const RUNS = Number(process.env["UNDO_RUNS"] ?? 60);
let clock = 0;
const by = (who: string) => (): string => who + ++clock;
const when = (value: unknown): number => Number(String(value).slice(1));

/** What is left at 0 or empty counts as missing. */
function bare(doc: Doc | undefined): Doc | undefined {
  if (doc === undefined) return undefined;
  const { n = 0, m, t = [], u = [], ...rest } = doc;
  const inner = isDoc(m) ? m["n"] ?? 0 : 0;
  return { ...rest, ...(n !== 0 && { n }), ...(inner !== 0 && { m }), ...(!equal(t, []) && { t }), ...(!equal(u, []) && { u }) };
}

function bareCards(space: Space): { readonly [id: string]: Doc | undefined } {
  return Object.fromEntries(Object.entries(cards(space)).map(([id, doc]) => [id, bare(doc)]));
}

/** Fields that are no counters or sets, by entry and path. */
function leaves(space: Space): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (at: string, value: unknown): void => {
    if (typeof value === "string") found.set(at, value);
    else if (isDoc(value)) for (const [name, inner] of Object.entries(value)) if (!["n", "m", "t", "u"].includes(name)) walk(`${at}.${name}`, inner);
  };
  for (const [id, doc] of Object.entries(cards(space))) walk(id, doc);
  return found;
}

describe("for all edits", () => {
  const ids = ["c1", "c2", "c3"];
  const initial: Doc[] = [{ s: "i0", pos: { x: "i0" }, n: 3, t: ["a1", "z"], u: ["a1"] }, { o: "i0" }];

  async function begin(): Promise<void> {
    stop();
    await start();
    clock = 0;
    for (const [i, value] of initial.entries()) theirs.put("cards", ids[i] ?? "", value);
    await settle();
  }

  it("undo goes back to the beginning and redo to the end, when one is alone", { timeout: RUNS * 600 }, async () => {
    const step = fc.array(edits(ids, fc.oneof(registers, commuting)), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(step, fc.boolean()), { minLength: 1, maxLength: 8 }), async (steps) => {
        await begin();
        const states = [bareCards(board)];
        for (const [made, told] of steps) {
          history.group("step", () => made.forEach(({ id, act }) => act(board, id, by("a"))));
          if (told) await settle();
          states.push(bareCards(board));
        }
        for (let round = 0; round < 2; round++) {
          const back = [bareCards(board)];
          while (history.undo()) back.unshift(bareCards(board));
          for (const state of back) expect(states).toContainEqual(state);
          expect(back[0]).toEqual(states[0]);
          await settle();
          while (history.redo()) await Promise.resolve();
          expect(bareCards(board)).toEqual(states.at(-1));
        }
        await settle();
        expect(cards(board)).toEqual(server.space().visible(VIEW));
        expect(cards(theirs)).toEqual(cards(board));
      }),
      { numRuns: RUNS },
    );
  });

  it("nothing that another has written since is lost, and what nobody else touched goes back", { timeout: RUNS * 600 }, async () => {
    const mine = fc.record({ who: fc.constant("ada" as const), made: fc.array(edits([...ids, "own"], fc.oneof(registers, commuting)), { minLength: 1, maxLength: 3 }) });
    const others = fc.record({ who: fc.constant("bob" as const), made: fc.array(edits(ids, fc.oneof(registers, forward)), { minLength: 1, maxLength: 1 }) });
    const rounds = fc.array(fc.option(others, { nil: undefined, freq: 2 }), { minLength: 24, maxLength: 24 });
    let kept = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(mine, others), { minLength: 1, maxLength: 10 }), rounds, async (actions, between) => {
        await begin();
        /** When bob took a field or an entry away, or did anything to an entry. */
        const taken = new Map<string, number>();
        const touched = new Map<string, number>();
        /** What bob has put where ada had nothing: he may take it away again. */
        const fresh = new Set<string>();
        const bob = async ({ made }: { made: readonly Edit[] }): Promise<void> => {
          for (const { id, act } of made) {
            const before = leaves(theirs);
            const value = theirs.get("cards", id)?.value;
            act(theirs, id, by("b"));
            await settle();
            const after = leaves(theirs);
            clock++;
            if (!equal(theirs.get("cards", id)?.value, value)) touched.set(`cards/${id}`, clock);
            for (const at of before.keys()) if (!after.has(at) && !fresh.delete(at)) taken.set(at, clock);
            for (const at of after.keys()) if (!before.has(at) && !taken.delete(at)) fresh.add(at);
          }
        };
        const made = new Map<string, number>();
        const ada = async (act: () => void): Promise<void> => {
          const before = leaves(board);
          act();
          await settle();
          const after = leaves(board);
          for (const at of fresh) if (before.get(at) !== after.get(at)) fresh.delete(at);
        };
        for (const action of actions) {
          if (action.who === "bob") {
            await bob(action);
          } else {
            const name = `step ${++clock}`;
            made.set(name, clock);
            await ada(() => history.group(name, () => action.made.forEach(({ id, act }) => act(board, id, by("a")))));
          }
        }
        /** Nothing that bob did after `since` is undone. */
        const check = (before: Map<string, string>, entries: ReadonlySet<string>, since: number): void => {
          const after = leaves(board);
          const now = new Set(Object.keys(cards(board)));
          for (const [at, value] of before) {
            if (!value.startsWith("b") || when(value) < since) continue;
            kept++;
            expect([at, after.get(at)]).toEqual([at, value]);
          }
          for (const at of after.keys()) if (!before.has(at)) expect(taken.get(at) ?? 0).toBeLessThan(since);
          for (const id of entries) if (!now.has(id)) expect(touched.get(id) ?? 0).toBeLessThan(since);
        };
        const own = bare(board.get("cards", "own")?.value);
        let n = 0;
        for (const way of ["undo", "redo"] as const) {
          const done = new Map<string, number>();
          for (;;) {
            const bobs = between[n++ % between.length];
            if (bobs) await bob(bobs);
            const [before, entries] = [leaves(board), new Set(Object.keys(cards(board)))];
            let mutation: Mutation | undefined;
            await ada(() => (mutation = history[way]()));
            if (!mutation) break;
            const name = (way === "undo" ? history.redoName : history.undoName) ?? "";
            check(before, entries, made.get(name) ?? Number.NaN);
            done.set(name, ++clock);
            expect(mutation.state).toBe("applied");
          }
          expect(bare(board.get("cards", "own")?.value)).toEqual(way === "undo" ? undefined : own);
          for (const [name, at] of done) made.set(name, at);
        }
        expect(cards(board)).toEqual(server.space().visible(VIEW));
        expect(cards(theirs)).toEqual(cards(board));
      }),
      { numRuns: RUNS },
    );
    expect(kept).toBeGreaterThan(RUNS); // or there was nothing to lose
  });

  it("counters and sets end where the others' edits alone lead, without waiting for anything", { timeout: RUNS * 600 }, async () => {
    const action = fc.tuple(fc.constantFrom("ada", "bob", "offline", "online", "settle"), edits(["c1", "c2"], commuting));
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 20 }), async (actions) => {
        await begin();
        const lonely = new FakeServer().space(); // as if ada had not been there
        for (const [i, value] of initial.entries()) lonely.write({ op: "put", in: "cards", id: ids[i] ?? "", value });
        for (const [who, { id, act }] of actions) {
          if (who === "offline") client.goOffline();
          else if (who === "online") client.goOnline();
          else if (who === "settle") await settle();
          else if (who === "ada") act(board, id, by("a"));
          else act({ patch: (collection: string, entry: string, patch: UpdateOps) => {
            lonely.write({ op: "patch", in: collection, id: entry, patch });
            return theirs.patch(collection, entry, patch);
          } } as Space, id, by("b"));
        }
        const own = cards(board);
        while (history.undo()) await Promise.resolve();
        client.goOnline();
        await settle();
        const alone = Object.fromEntries(Object.entries(lonely.visible(VIEW)).map(([id, doc]) => [id, bare(doc)]));
        expect(bareCards(board)).toEqual(alone);
        while (history.redo()) await Promise.resolve();
        while (history.undo()) await Promise.resolve();
        await settle();
        expect(board.rejected).toEqual([]);
        expect(Object.keys(own)).toEqual(Object.keys(cards(board)));
        expect(bareCards(theirs)).toEqual(alone);
      }),
      { numRuns: RUNS },
    );
  });
});
