import { afterEach, beforeEach, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { type Space, Client } from "../src/index.js";
import { MemoryDisk, MemoryStore } from "../src/memory.js";
import { prepare } from "../src/prepare.js";
import { ahead, readView, union } from "../src/view.js";
import { FakeBrowser } from "./browser.js";
import { FakeServer } from "./fake.js";
import { rest, Tab } from "./tabs.js";

const limits = { entry: 1 << 18, mutation: 1 << 19, ops: 1000 };

it("a view says its versions, and says them once", () => {
  expect(readView([{ in: "cards", v: 2 }, { in: "cards", where: { a: 1 }, v: 2 }, { in: "lists", v: 1 }])).toEqual([
    { in: "cards", v: 2 },
    { in: "cards", where: { a: 1 }, v: 2 },
    { in: "lists" },
  ]);
  for (const v of [0, 1.5, -1]) expect(() => readView([{ in: "cards", v }])).toThrow(/version/);
  expect(() => readView([{ in: "cards", v: 2 }, { in: "cards", where: { a: 1 } }])).toThrow(/one version/);
  expect(union([[{ in: "cards", v: 2, where: { a: 1 } }], [{ in: "cards", v: 2 }]])).toEqual([{ in: "cards", v: 2 }]);
  expect(ahead([{ in: "cards", v: 2 }], [{ in: "cards" }])).toBe(1);
  expect(ahead([{ in: "cards" }], [{ in: "lists" }, { in: "cards", v: 3 }])).toBe(-2);
  expect(ahead([{ in: "cards", v: 2 }], [{ in: "lists" }])).toBe(0);
  // Mixed: the first by name decides, whoever asks.
  expect(ahead([{ in: "lists", v: 3 }, { in: "cards", v: 2 }], [{ in: "cards", v: 3 }, { in: "lists" }])).toBe(-1);
  expect(ahead([{ in: "cards", v: 3 }, { in: "lists" }], [{ in: "lists", v: 3 }, { in: "cards", v: 2 }])).toBe(1);
});

it("a mutation says at which versions it was made, of what it speaks of", () => {
  const spoken = { cards: 2, lists: 3 };
  expect(prepare([{ op: "delete", in: "cards", id: "a" }], undefined, limits, spoken).body).toBe('"ops":[{"op":"delete","in":"cards","id":"a"}],"v":{"cards":2}');
  expect(prepare([{ op: "delete", in: "tags", id: "a" }], { at: 1, keys: [["lists", "x"]] }, limits, spoken).body).toContain('"v":{"lists":3}');
  expect(prepare([{ op: "delete", in: "tags", id: "a" }], undefined, limits, spoken).body).not.toContain('"v"');
});

let server: FakeServer;
beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  server = new FakeServer();
});
afterEach(() => vi.useRealTimers());

it("a program of another version fetches anew, sends what the former one made, and does not show it", async () => {
  const disk = new MemoryDisk();
  const browser = new FakeBrowser();
  const first = new Tab(browser, server, disk);
  await rest();
  first.space.put("cards", "c1", { text: "old" });
  await rest();
  first.client.goOffline();
  first.space.put("cards", "c2", { text: "unsent" });
  await rest();
  first.close();
  await rest();
  server.received.length = 0;
  server.answer = () => true; // nobody answers yet
  const second = new Tab(browser, server, disk, { view: [{ in: "cards", v: 2 }] });
  await rest();
  expect(second.cards).toEqual({});
  expect(second.space.pending.map(({ ops }) => ops)).toEqual([[{ op: "put", in: "cards", id: "c2", value: { text: "unsent" } }]]);
  second.space.put("cards", "c3", { title: "new" });
  await rest();
  expect(second.cards).toEqual({ "cards/c3": { title: "new" } });
  const opened = server.received.find(({ t }) => t === "open");
  expect(opened).toMatchObject({ view: [{ in: "cards", v: 2 }] });
  expect(opened).not.toHaveProperty("cursor");
  server.answer = () => false;
  second.client.goOffline();
  second.client.goOnline();
  await rest();
  const muts = server.received.filter(({ t }) => t === "push").flatMap((push) => push["muts"] as { ops: { id: string }[]; v?: unknown }[]);
  expect(muts.map(({ ops, v }) => [ops[0]?.id, v])).toEqual([["c2", undefined], ["c3", { cards: 2 }]]);
  second.close();
  await rest();
});

const url = process.env["SYNCLINE_LENSES"];

/** Against a real server with test/data/lenses.yaml: SYNCLINE_LENSES=http://127.0.0.1:4600 npx vitest run test/versions.test.ts */
it.skipIf(url === undefined)("two versions side by side at a real server", { timeout: 30_000 }, async () => {
  vi.useRealTimers();
  const open = (user: string, v: number): { client: Client; space: Space } => {
    const client = new Client({ url: url ?? "", user, WebSocket: WebSocket as never });
    return { client, space: client.space("lenses/" + Date.now().toString(36).slice(0, 6), { view: [{ in: "cards", v }] }) };
  };
  const [old, next, older] = [open("ann", 2), open("bob", 3), open("cy", 1)];
  const is = (space: Space, id: string, value: unknown): Promise<void> => vi.waitFor(() => expect(space.get("cards", id)?.value).toEqual(value), 10_000);
  await old.space.put("cards", "a", { text: "A", who: "ann" }).confirmed;
  await is(next.space, "a", { title: "A", who: ["ann"], due: "never" });
  await next.space.patch("cards", "a", { $add: { who: ["bob"] }, $set: { due: "soon", title: "B" } }).confirmed;
  await is(old.space, "a", { text: "B", who: "ann" });
  await old.space.patch("cards", "a", { $set: { text: "C" } }).confirmed;
  await is(next.space, "a", { title: "C", who: ["ann", "bob"], due: "soon" });
  older.space.put("cards", "b", {});
  await vi.waitFor(() => expect(older.space.status).toMatchObject({ error: { code: "upgrade_required" }, pending: 1 }), 10_000);
  for (const { client } of [old, next, older]) client.close();
});

it.skipIf(url === undefined)("a program that comes to speak another version is sent the one collection by a real server, and has the others at once", { timeout: 30_000 }, async () => {
  vi.useRealTimers();
  const path = "lenses/" + Date.now().toString(36).slice(-6);
  const disk = new MemoryDisk();
  /** The rows that came, by collection. */
  let came: Record<string, number> = {};
  class Counting extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(...args);
      this.on("message", (data) => {
        for (const line of String(data as Buffer).split("\n").filter((text) => text !== "")) {
          const { put = [] } = JSON.parse(line) as { put?: [collection: string][] };
          for (const [collection] of put) came[collection] = (came[collection] ?? 0) + 1;
        }
      });
    }
  }
  const open = (v: number): { client: Client; space: Space } => {
    came = {};
    const client = new Client({ url: url ?? "", user: "ann", transports: ["websocket"], WebSocket: Counting as never, store: async () => new MemoryStore(disk), tabs: false });
    return { client, space: client.space(path, { view: [{ in: "cards", v }, { in: "notes" }] }) };
  };
  const live = (space: Space): Promise<void> => vi.waitFor(() => expect(space.status).toMatchObject({ state: "live", pending: 0 }), 10_000);
  const old = open(2);
  for (let i = 0; i < 20; i++) old.space.put("notes", `n${i}`, { i });
  for (let i = 0; i < 5; i++) old.space.put("cards", `c${i}`, { text: `${i}`, who: "ann" });
  await live(old.space);
  old.space.query({ in: "notes" });
  old.client.close();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const next = open(3);
  const [cards, notes] = [next.space.query({ in: "cards" }), next.space.query({ in: "notes" })];
  await notes.ready;
  expect([notes.total, cards.total]).toEqual([20, 0]); // before the server has answered
  await live(next.space);
  expect([notes.total, cards.total]).toEqual([20, 5]);
  expect(cards.rows[0]?.value).toEqual({ title: "0", who: ["ann"], due: "never" });
  expect(came).toEqual({ cards: 5 });
  expect((await next.space.check()).ok).toBe(true);
  next.client.close();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const again = open(3);
  await live(again.space);
  expect(came).toEqual({});
  again.client.close();
});
