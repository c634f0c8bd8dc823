import { afterEach, beforeEach, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { type Space, Client } from "../src/index.js";
import { MemoryDisk } from "../src/memory.js";
import { prepare } from "../src/prepare.js";
import { readView, sameVersions, union } from "../src/view.js";
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
  expect(sameVersions([{ in: "cards", v: 2 }], [{ in: "cards" }])).toBe(false);
  expect(sameVersions([{ in: "cards", v: 2 }], [{ in: "lists" }])).toBe(true);
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
