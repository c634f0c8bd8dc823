import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, type Query, RejectedError, type Status } from "../src/index.js";
import { FakeServer } from "./fake.js";
import { cards, connect, pass, settle, VIEW } from "./harness.js";

let server: FakeServer;
let client: Client;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  server = new FakeServer();
  client = connect(server);
});
afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const pushes = (): unknown[][] => server.received.filter(({ t }) => t === "push").map(({ muts }) => muts as unknown[]);

describe("reads and writes", () => {
  it("show at once and are confirmed", async () => {
    const board = client.space("demo/board", { view: VIEW });
    const mutation = board.put("cards", "c1", { n: 1 });
    expect(board.get("cards", "c1")).toEqual({ collection: "cards", id: "c1", value: { n: 1 }, version: 0, state: "pending" });
    expect(board.status.pending).toBe(1);
    await settle();
    await expect(mutation.confirmed).resolves.toMatchObject({ outcome: "applied", seq: 1 });
    expect(mutation.state).toBe("applied");
    expect(board.get("cards", "c1")).toEqual({ collection: "cards", id: "c1", value: { n: 1 }, version: 1, state: "confirmed" });
    expect(board.status).toEqual({ state: "live", lastSynced: 1_000_000, pending: 0, rejected: 0, transport: "websocket", storage: { kind: "memory" } });
    expect(client.status).toEqual(board.status);
  });

  it("travel together when made together", async () => {
    const board = client.space("demo/board", { view: VIEW });
    await settle();
    for (let i = 0; i < 50; i++) board.put("cards", `c${i}`, { i });
    await settle();
    expect(pushes().map((muts) => muts.length)).toEqual([50]);
  });

  it("keep the window and the size of messages", async () => {
    server.limits = { pushed: 10, message: 300 };
    const board = client.space("demo/board", { view: VIEW });
    await settle();
    for (let i = 0; i < 40; i++) board.put("cards", `c${i}`, { i });
    await Promise.resolve();
    await settle();
    expect(server.space().seq).toBe(40);
    const sizes = server.received.filter(({ t }) => t === "push").map((m) => JSON.stringify(m).length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(300);
    expect(board.pending).toEqual([]);
  });

  it("belong to a copy of what was passed", async () => {
    const board = client.space("demo/board", { view: VIEW });
    const value = { list: [1] };
    board.put("cards", "c1", value);
    value.list.push(2);
    expect(board.get("cards", "c1")?.value).toEqual({ list: [1] });
  });

  it("see each other within a transaction", async () => {
    server.space().write({ op: "put", in: "cards", id: "c1", value: { n: 1 } });
    const board = client.space("demo/board", { view: VIEW });
    await settle();
    const mutation = board.mutate((tx) => {
      tx.patch("cards", "c1", { $inc: { n: 1 } });
      const n = tx.get("cards", "c1")?.value["n"];
      tx.put("cards", "c2", { copy: n ?? null });
      expect(tx.query({ in: "cards", sort: ["n"] }).map(({ id }) => id)).toEqual(["c2", "c1"]);
      tx.delete("cards", "c2");
      expect(tx.get("cards", "c2")).toBeUndefined();
    });
    await settle();
    await expect(mutation.confirmed).resolves.toMatchObject({ outcome: "applied" });
    expect(cards(board)).toEqual({ "cards/c1": { n: 2 } });
  });

  it("that are serializable name what they read", async () => {
    const board = client.space("demo/board", { view: VIEW });
    await settle();
    server.space().write({ op: "put", in: "cards", id: "c1", value: { n: 1 } });
    await settle();
    client.goOffline();
    const mutation = board.mutate(
      (tx) => {
        const n = Number(tx.get("cards", "c1")?.value["n"]);
        tx.query({ in: "cards", where: { n: { $gt: 5 } } });
        tx.put("cards", "c1", { n: n + 1 });
      },
      { serializable: true },
    );
    server.space().write({ op: "put", in: "cards", id: "c1", value: { n: 10 } });
    client.goOnline();
    await settle();
    expect(pushes()[0]).toMatchObject([{ reads: { at: 1, keys: [["cards", "c1"]], where: [{ in: "cards" }] } }]);
    await expect(mutation.confirmed).rejects.toMatchObject({ code: "stale" });
    expect(board.rejected).toMatchObject([{ id: mutation.id, outcome: { code: "stale" }, at: 1_000_000 }]);
    expect(board.get("cards", "c1")).toMatchObject({ value: { n: 10 }, state: "rejected" });
    const again = board.retry(mutation.id);
    await settle();
    await expect(again.confirmed).resolves.toMatchObject({ outcome: "applied" });
    expect(board.rejected).toEqual([]);
  });

  it.each([
    ["a collection", (b: ReturnType<Client["space"]>) => b.put("no/slash", "c1", {}), "bad_name"],
    ["an id", (b: ReturnType<Client["space"]>) => b.put("cards", "", {}), "bad_name"],
    ["a long id", (b: ReturnType<Client["space"]>) => b.put("cards", "ü".repeat(129), {}), "bad_name"],
    ["half a surrogate pair", (b: ReturnType<Client["space"]>) => b.put("cards", "\ud800", {}), "bad_name"],
    ["a value", (b: ReturnType<Client["space"]>) => b.put("cards", "c1", [] as never), "not_an_object"],
    ["a number", (b: ReturnType<Client["space"]>) => b.put("cards", "c1", { n: Number.NaN }), "unsafe_number"],
    ["an update", (b: ReturnType<Client["space"]>) => b.patch("cards", "c1", {}), "bad_update"],
    ["a version", (b: ReturnType<Client["space"]>) => b.delete("cards", "c1", { if: -1 }), "bad_name"],
    ["nothing", (b: ReturnType<Client["space"]>) => b.mutate(() => undefined), "bad_name"],
    ["too much", (b: ReturnType<Client["space"]>) => b.put("cards", "c1", { s: "x".repeat(300_000) }), "too_large"],
    ["too many", (b: ReturnType<Client["space"]>) => b.mutate((tx) => { for (let i = 0; i < 1001; i++) tx.delete("cards", `${i}`); }), "too_large"],
    ["too much together", (b: ReturnType<Client["space"]>) => b.mutate((tx) => { for (let i = 0; i < 3; i++) tx.put("cards", `${i}`, { s: "x".repeat(200_000) }); }), "too_large"],
  ])("refuse %s that the server would not take", (_, act, code) => {
    const board = client.space("demo/board", { view: VIEW });
    expect(() => act(board)).toThrow(expect.objectContaining({ code }));
    expect(board.pending).toEqual([]);
  });
});

describe("rejections", () => {
  it("are kept, retried and discarded", async () => {
    const board = client.space("demo/board", { view: VIEW });
    const seen: Status[] = [];
    board.subscribe(() => seen.push(board.status));
    const mutation = board.patch("cards", "c1", { $inc: { n: 1 } }); // nobody looks at confirmed
    await settle();
    expect(mutation.state).toBe("rejected");
    expect(board.status).toMatchObject({ pending: 0, rejected: 1, state: "live" });
    await expect(mutation.confirmed).rejects.toBeInstanceOf(RejectedError);
    board.put("cards", "c1", { n: 1 });
    const again = board.retry(mutation.id);
    await settle();
    expect(again.state).toBe("applied");
    expect(board.get("cards", "c1")).toMatchObject({ value: { n: 2 }, state: "confirmed" });
    const bad = board.patch("cards", "c9", { $inc: { n: 1 } });
    await settle();
    board.discard(bad.id);
    expect(bad.state).toBe("discarded");
    expect(board.status.rejected).toBe(0);
    expect(() => board.discard(bad.id)).toThrow(expect.objectContaining({ code: "unknown_id" }));
    expect(() => board.retry("77")).toThrow(expect.objectContaining({ code: "unknown_id" }));
    expect(seen.length).toBeGreaterThan(4);
  });

  it("of one mutation do not hold up the next", async () => {
    const board = client.space("demo/board", { view: VIEW });
    board.patch("cards", "no", { $inc: { n: 1 } });
    const next = board.put("cards", "c1", {});
    await settle();
    expect(next.state).toBe("applied");
  });
});

describe("the client", () => {
  it("gives the same space for the same path", () => {
    const board = client.space("demo/board", { view: VIEW });
    expect(client.space("demo/board", { view: [{ in: "cards" }] })).toBe(board);
    expect(() => client.space("demo/board", { view: [] })).toThrow(expect.objectContaining({ code: "view_differs" }));
    expect(() => client.space("Demo", { view: VIEW })).toThrow(expect.objectContaining({ code: "bad_name" }));
    expect(() => client.space("a/b/c/d/e/f/g/h/i", { view: VIEW })).toThrow(expect.objectContaining({ code: "bad_name" }));
    expect(() => client.space("other", { view: [{ in: "cards", where: { $nope: 1 } }] })).toThrow(expect.objectContaining({ code: "bad_selector" }));
  });

  it("keeps declared indexes, which change no answer", async () => {
    expect(() => client.space("bad", { view: VIEW, indexes: { cards: ["a..b"] } })).toThrow(expect.objectContaining({ code: "bad_name", path: "a..b" }));
    expect(() => client.space("bad", { view: VIEW, indexes: { cards: "n" as never } })).toThrow(expect.objectContaining({ code: "bad_name" }));
    const [plain, indexed] = [{}, { indexes: { cards: ["n"] } }].map((options, i) => client.space(`demo/index-${i}`, { view: VIEW, ...options }));
    const asked: Query[] = [{ in: "cards", sort: ["n"], limit: 3 }, { in: "cards", where: { n: { $gt: 4 } }, sort: [{ n: "desc" }] }];
    const [ours, theirs] = [indexed, plain].map((space) => asked.map((query) => space!.query(query)));
    for (const space of [plain, indexed]) for (let i = 0; i < 9; i++) space?.put("cards", `c${i}`, { n: (i * 5) % 9 });
    await settle();
    for (const space of [plain, indexed]) space?.patch("cards", "c3", { $set: { n: 8.5 } });
    for (const [i, live] of (ours ?? []).entries()) expect(live.rows.map(({ id, value }) => [id, value])).toEqual(theirs?.[i]?.rows.map(({ id, value }) => [id, value]));
    expect(ours?.[1]?.rows[0]?.id).toBe("c3");
  });

  it("has many spaces on one connection", async () => {
    const boards = ["one", "two", "three"].map((path) => client.space(path, { view: VIEW }));
    for (const board of boards) board.put("cards", "c", { in: board.path });
    await settle();
    expect(server.links.length).toBe(1);
    expect(boards.map((board) => board.get("cards", "c")?.version)).toEqual([1, 1, 1]);
    boards[0]?.close();
    await settle();
    expect(server.received.some(({ t, space }) => t === "close" && space === "one")).toBe(true);
    const anew = client.space("one", { view: VIEW });
    await settle();
    expect(anew).not.toBe(boards[0]);
    expect(anew.get("cards", "c")?.value).toEqual({ in: "one" });
  });

  it("works offline and syncs later", async () => {
    const board = client.space("demo/board", { view: VIEW });
    await settle();
    client.goOffline();
    expect(board.status.state).toBe("paused");
    const mutation = board.put("cards", "c1", { n: 1 });
    server.space().write({ op: "put", in: "cards", id: "c2", value: { n: 2 } });
    await pass(120_000);
    expect(server.links.length).toBe(1);
    expect(board.status).toMatchObject({ state: "paused", pending: 1, lastSynced: 1_000_000 });
    client.goOnline();
    expect(client.status.state).toBe("connecting");
    await settle();
    expect(mutation.state).toBe("applied");
    expect(Object.keys(cards(board))).toEqual(["cards/c1", "cards/c2"]);
    expect(server.received.filter(({ t }) => t === "open").at(-1)).toMatchObject({ cursor: "0", acked: 0 });
  });

  it("ends promises when it is closed", async () => {
    const board = client.space("demo/board", { view: VIEW });
    client.goOffline();
    const mutation = board.put("cards", "c1", {});
    client.close();
    await expect(mutation.confirmed).rejects.toMatchObject({ code: "closed" });
    expect(board.status.state).toBe("stopped");
    expect(() => board.put("cards", "c1", {})).toThrow(expect.objectContaining({ code: "closed" }));
    expect(() => client.space("x", { view: VIEW })).toThrow(expect.objectContaining({ code: "closed" }));
  });

  it("survives callbacks that throw", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const board = client.space("demo/board", { view: VIEW, presence: true });
    const fail = (): never => {
      throw new Error("application");
    };
    const query = board.query({ in: "cards" });
    query.subscribe(fail);
    board.subscribe(fail);
    client.subscribe(fail);
    board.presence.subscribe(fail);
    const calls = vi.fn();
    query.subscribe(calls);
    const mutation = board.put("cards", "c1", {});
    await settle();
    expect(mutation.state).toBe("applied");
    expect(calls).toHaveBeenCalled();
    expect(errors).toHaveBeenCalled();
    client.close();
    errors.mockRestore();
  });

  it("takes mutations from within callbacks", async () => {
    const board = client.space("demo/board", { view: VIEW });
    const query = board.query({ in: "cards", sort: ["n"] });
    query.subscribe(() => {
      if (query.total < 5) board.put("cards", `c${query.total}`, { n: query.total });
    });
    board.put("cards", "c0", { n: 0 });
    await settle();
    expect(query.rows.map(({ id }) => id)).toEqual(["c0", "c1", "c2", "c3", "c4"]);
    expect(server.space().data.size).toBe(5);
  });
});

describe("views", () => {
  it("are exchanged by their difference", async () => {
    server.space().write({ op: "put", in: "cards", id: "c1", value: {} }, { op: "put", in: "people", id: "p1", value: {} });
    const board = client.space("demo/board", { view: VIEW });
    await settle();
    expect([board.get("cards", "c1"), board.get("people", "p1")].map(Boolean)).toEqual([true, false]);
    const before = board.get("cards", "c1");
    board.setView([{ in: "cards" }, { in: "people" }]);
    await settle();
    expect(server.received.at(-1)).toMatchObject({ t: "open", was: [{ in: "cards" }], cursor: "1-a" });
    expect([board.get("cards", "c1"), board.get("people", "p1")].map(Boolean)).toEqual([true, true]);
    expect(board.get("cards", "c1")).toBe(before);
    board.setView([{ in: "people" }]);
    board.setView([{ in: "people", where: { no: 1 } }]);
    board.setView([{ in: "people" }]);
    server.space().write({ op: "put", in: "people", id: "p2", value: {} });
    await settle();
    expect([board.get("cards", "c1"), board.get("people", "p1"), board.get("people", "p2")].map(Boolean)).toEqual([false, true, true]);
    expect(board.status.state).toBe("live");
  });

  it("may be empty: then a mutation is applied at once", async () => {
    const board = client.space("demo/board", { view: [] });
    const mutation = board.put("cards", "c1", {});
    await settle();
    expect(mutation.state).toBe("applied");
    expect(board.status.state).toBe("live");
  });
});

describe("presence", () => {
  it("comes and goes, and is said again", async () => {
    const other = connect(server, { user: "bob" });
    const a = client.space("demo/board", { view: VIEW, presence: true });
    const b = other.space("demo/board", { view: VIEW, presence: true });
    await settle();
    const changes = vi.fn();
    b.presence.subscribe(changes);
    a.presence.set({ x: 1 });
    await settle();
    expect([...b.presence.peers.values()]).toEqual([{ user: "u", state: { x: 1 } }]);
    expect([...a.presence.peers]).toEqual([]);
    server.links[0]?.drop();
    await settle();
    expect([...b.presence.peers]).toEqual([]);
    await pass(1000);
    expect([...b.presence.peers.values()]).toEqual([{ user: "u", state: { x: 1 } }]);
    a.presence.set(null);
    await settle();
    expect([...b.presence.peers]).toEqual([]);
    expect(changes).toHaveBeenCalledTimes(4);
    expect(() => a.presence.set("x".repeat(5000))).toThrow(expect.objectContaining({ code: "too_large" }));
    const casts: unknown[] = [];
    b.onCast((cast) => casts.push(cast));
    a.cast("wave", { hand: "left" });
    await settle();
    expect(casts).toEqual([{ session: server.last.name, user: "u", topic: "wave", data: { hand: "left" } }]);
    expect(() => a.cast("wave", "x".repeat(5000))).toThrow(expect.objectContaining({ code: "too_large" }));
    other.close();
  });
});
