import { createCollection, createTransaction, localOnlyCollectionOptions } from "@tanstack/db";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openBoard } from "../examples/tanstack-join.js";
import type { Doc, Space } from "../src/api.js";
import type { Client } from "../src/client.js";
import { mutationOf, synclineCollectionOptions, synclineMutation } from "../src/tanstack.js";
import { count } from "./bindings.js";
import { FakeServer } from "./fake.js";
import { connect, pass, settle } from "./harness.js";

interface Card {
  id: string;
  n: number;
  more?: { a?: number; b?: number } | undefined;
}

let server: FakeServer;
let client: Client;
let board: Space;
const VIEW = [{ in: "cards" }, { in: "people" }];

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  server = new FakeServer();
  client = connect(server);
  board = client.space("demo/board", { view: VIEW });
});
afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const write = (id: string, value: Doc): void => server.space().write({ op: "put", in: "cards", id, value });
const onServer = (): unknown => server.space().visible(VIEW);
const pushed = (): unknown[] => server.received.filter(({ t }) => t === "push").flatMap(({ muts }) => muts as { ops: unknown }[]).map(({ ops }) => ops);
const open = (where?: Record<string, unknown>, space = board) =>
  createCollection({ ...synclineCollectionOptions<Card>({ space, collection: "cards", ...(where && { where }) }), startSync: true });
/** What somebody who looks at a collection sees, one after the other. */
function seen(collection: ReturnType<typeof open>): string[] {
  const list: string[] = [];
  const look = (): void => {
    const now = collection.toArray.map(({ id, n }) => `${id}=${n}`).sort().join(" ");
    if (now !== list.at(-1)) list.push(now);
  };
  look();
  collection.subscribeChanges(look);
  return list;
}

describe("a collection", () => {
  it("has the entries as rows with their ids, and follows them", async () => {
    write("a", { n: 1 });
    await settle();
    const cards = open();
    expect(cards.status).toBe("ready");
    expect(cards.toArray).toMatchObject([{ id: "a", n: 1 }]);
    const list = seen(cards);
    write("b", { n: 2 });
    write("a", { n: 3 });
    server.space().write({ op: "delete", in: "cards", id: "a" });
    await settle();
    expect(list).toEqual(["a=1", "a=1 b=2", "a=3 b=2", "b=2"]);
  });

  it("has the entries that a selector asks for", async () => {
    const cards = open({ n: { $gt: 1 } });
    write("a", { n: 1 });
    write("b", { n: 2 });
    await settle();
    expect(cards.toArray).toMatchObject([{ id: "b", n: 2 }]);
    write("b", { n: 0 });
    await settle();
    expect(cards.size).toBe(0);
  });

  it("has records that name themselves as they are, and leaves out one that names another", async () => {
    const reported: unknown[] = [];
    vi.stubGlobal("reportError", (error: unknown) => void reported.push(error));
    const cards = createCollection(synclineCollectionOptions<{ key: string; n: number }>({ space: board, collection: "cards", getKey: ({ key }) => key }));
    write("a", { key: "a", n: 1 });
    write("b", { key: "a", n: 2 });
    cards.startSyncImmediate();
    await settle();
    expect(cards.toArray).toMatchObject([{ key: "a", n: 1 }]);
    write("c", { key: "c", n: 3 });
    await settle();
    expect(reported).toMatchObject([{ code: "bad_key" }]);
    write("b", { key: "b", n: 2 });
    await settle();
    expect(cards.toArray.map(({ key }) => key)).toEqual(["a", "b", "c"]);
    await cards.insert({ key: "d", n: 4 }).when("settled");
    expect(board.get("cards", "d")?.value).toEqual({ key: "d", n: 4 });
    vi.unstubAllGlobals();
  });

  it("is ready without a network, and not before there is something to show", async () => {
    server.answer = () => true;
    const fresh = connect(server);
    const cards = open(undefined, fresh.space("demo/board", { view: VIEW }));
    await settle();
    expect(cards.status).toBe("loading");
    fresh.goOffline();
    expect(cards.status).toBe("ready");
    fresh.close();
  });

  it("closes its query when it is cleaned up, and opens another one when it is used again", async () => {
    const counted = count(board);
    write("a", { n: 1 });
    const cards = open();
    await settle();
    await cards.cleanup();
    expect([counted.open, counted.opened]).toEqual([0, 1]);
    write("b", { n: 2 });
    cards.startSyncImmediate();
    await settle();
    expect(cards.size).toBe(2);
    expect([counted.open, counted.opened]).toEqual([1, 2]);
    await cards.cleanup();
  });
});

describe("a change", () => {
  it("is seen once, from when it is made until it is confirmed", async () => {
    write("a", { n: 1 });
    const cards = open();
    await settle();
    const list = seen(cards);
    const one = cards.insert({ id: "b", n: 2 });
    expect(board.get("cards", "b")).toMatchObject({ value: { n: 2 }, state: "pending" });
    const two = cards.update("a", (card) => void card.n++);
    expect(list).toEqual(["a=1", "a=1 b=2", "a=2 b=2"]);
    await settle();
    const three = cards.delete("b");
    await settle();
    await Promise.all([one, two, three].map((transaction) => mutationOf(transaction)?.confirmed));
    await settle();
    expect(list).toEqual(["a=1", "a=1 b=2", "a=2 b=2", "a=2"]);
    expect(onServer()).toEqual({ "cards/a": { n: 2 } });
  });

  it("does not keep others' changes away while there is no network", async () => {
    const cards = open();
    await settle();
    client.goOffline();
    const transaction = cards.insert({ id: "a", n: 1 });
    await settle();
    expect(transaction.state).toBe("completed");
    expect(mutationOf(transaction)?.state).toBe("queued");
    board.put("cards", "b", { n: 2 }); // from elsewhere in the page
    expect(cards.toArray).toMatchObject([{ id: "a" }, { id: "b" }]);
    client.goOnline();
    await pass(60_000);
    expect(onServer()).toEqual({ "cards/a": { n: 1 }, "cards/b": { n: 2 } });
  });

  it("that is refused is taken back, and kept by the space", async () => {
    write("a", { n: 1 });
    const cards = open();
    await settle();
    server.space().commit([{ op: "delete", in: "cards", id: "a" }]); // nobody is told yet
    const list = seen(cards);
    const transaction = cards.update("a", (card) => void (card.n = 5));
    const confirmed = mutationOf(transaction)?.confirmed;
    await expect(confirmed).rejects.toMatchObject({ code: "not_found" });
    await settle();
    expect(list).toEqual(["a=1", "a=5", "a=1", ""]);
    expect(board.rejected).toMatchObject([{ ops: [{ op: "patch", id: "a" }] }]);
  });

  it("is one mutation of what differs", async () => {
    write("a", { n: 1, more: { a: 1, b: 1 }, "x.y": 1 });
    write("b", { n: 1 });
    const cards = open();
    await settle();
    cards.update("a", (card) => {
      card.n = 2;
      card.more = { a: 2, b: 1 };
    });
    cards.update("a", (card) => {
      delete card.more?.b;
      (card as unknown as Record<string, number>)["x.y"] = 2;
    });
    cards.update("a", (card) => void delete card.more);
    cards.update("b", (card) => void (card.n = 1));
    cards.insert([{ id: "c", n: 3, more: undefined }, { id: "d", n: 4 }]);
    cards.delete(["b", "c"]);
    await settle();
    expect(pushed()).toEqual([
      [{ op: "patch", in: "cards", id: "a", patch: { $set: { n: 2, "more.a": 2 } } }],
      [{ op: "patch", in: "cards", id: "a", patch: { $set: { "x\\.y": 2 }, $unset: ["more.b"] } }],
      [{ op: "patch", in: "cards", id: "a", patch: { $unset: ["more"] } }],
      [{ op: "put", in: "cards", id: "c", value: { n: 3 } }, { op: "put", in: "cards", id: "d", value: { n: 4 } }],
      [{ op: "delete", in: "cards", id: "b" }, { op: "delete", in: "cards", id: "c" }],
    ]);
  });

  it("that the space does not take fails, and nothing is changed", async () => {
    const cards = open();
    await settle();
    const transaction = cards.insert({ id: "a", n: Infinity });
    await expect(transaction.when("settled")).rejects.toMatchObject({ code: "unsafe_number" });
    expect(cards.size).toBe(0);
    expect(mutationOf(transaction)).toBeUndefined();
    expect(board.pending).toEqual([]);
  });
});

describe("a transaction", () => {
  it("over two collections is one mutation", async () => {
    const cards = open();
    const people = createCollection(synclineCollectionOptions<{ id: string; name: string }>({ space: board, collection: "people" }));
    await settle();
    const transaction = createTransaction({ mutationFn: synclineMutation, autoCommit: false });
    transaction.mutate(() => {
      cards.insert({ id: "a", n: 1 });
      people.insert({ id: "p", name: "Ada" });
      cards.update("a", (card) => void (card.n = 2));
    });
    expect(board.pending).toEqual([]);
    await transaction.commit();
    await mutationOf(transaction)?.confirmed;
    expect(pushed()).toEqual([[{ op: "put", in: "cards", id: "a", value: { n: 2 } }, { op: "put", in: "people", id: "p", value: { name: "Ada" } }]]);
  });

  it("over two spaces, or with another collection, is refused as a whole", async () => {
    const cards = open();
    const others = open(undefined, client.space("demo/other", { view: VIEW }));
    const local = createCollection(localOnlyCollectionOptions<Card, string>({ getKey: ({ id }) => id }));
    await settle();
    for (const other of [others, local]) {
      const transaction = createTransaction({ mutationFn: synclineMutation });
      transaction.mutate(() => {
        cards.insert({ id: "a", n: 1 });
        other.insert({ id: "b", n: 1 });
      });
      await expect(transaction.when("settled")).rejects.toMatchObject({ code: "one_space" });
    }
    expect([cards.size, others.size, local.size]).toEqual([0, 0, 0]);
    expect(board.pending).toEqual([]);
  });
});

describe("the example", () => {
  it("joins two collections and counts, live", async () => {
    const warned = vi.spyOn(console, "warn");
    server.space().write(
      { op: "put", in: "people", id: "p1", value: { name: "Ada" } },
      { op: "put", in: "people", id: "p2", value: { name: "Bob" } },
      { op: "put", in: "cards", id: "a", value: { title: "Write", done: false, owner: "p1" } },
      { op: "put", in: "cards", id: "b", value: { title: "Read", done: false, owner: "p2" } },
    );
    const { cards, named, load, handOn } = openBoard(board);
    const ready = Promise.all([named.preload(), load.preload()]);
    await pass(100);
    await ready;
    const names = (): string[] => named.toArray.map(({ title, owner }) => `${title}: ${owner ?? "?"}`);
    const loads = (): string[] => load.toArray.map(({ name, open: n }) => `${name} ${n}`).sort();
    expect(names()).toEqual(["Read: Bob", "Write: Ada"]);
    expect(loads()).toEqual(["Ada 1", "Bob 1"]);
    cards.insert({ id: "c", title: "Draw", done: false, owner: "p1" });
    cards.insert({ id: "d", title: "Erase", done: false, owner: "p3" });
    expect(names()).toEqual(["Draw: Ada", "Erase: ?", "Read: Bob", "Write: Ada"]);
    expect(loads()).toEqual(["Ada 2", "Bob 1"]);
    server.space().write({ op: "put", in: "people", id: "p3", value: { name: "Cyd" } }, { op: "patch", in: "cards", id: "b", patch: { $set: { done: true } } });
    await settle();
    expect(names()).toEqual(["Draw: Ada", "Erase: Cyd", "Read: Bob", "Write: Ada"]);
    expect(loads()).toEqual(["Ada 2", "Cyd 1"]);
    const pushes = pushed().length;
    await handOn("p1", "p2");
    expect(names()).toEqual(["Draw: Bob", "Erase: Cyd", "Read: Bob", "Write: Bob"]);
    expect(loads()).toEqual(["Bob 2", "Cyd 1"]);
    expect(pushed().length).toBe(pushes + 1);
    expect(Object.keys(onServer() as object)).not.toContain("people/p1");
    expect(warned).not.toHaveBeenCalled();
  });
});
