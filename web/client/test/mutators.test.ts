import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import type { Doc, Op, Space } from "../src/api.js";
import type { Client } from "../src/client.js";
import { define } from "../src/define.js";
import { MemoryDisk } from "../src/memory.js";
import { mutators, openSpace } from "../src/mutators.js";
import { Random, sha256 } from "../src/random.js";
import { History } from "../src/undo.js";
import { FakeBrowser } from "./browser.js";
import { FakeServer } from "./fake.js";
import { cards, connect, settle, VIEW } from "./harness.js";
import { rest, Tab } from "./tabs.js";
import { vectors } from "./vectors.js";

const Card = z.object({ n: z.number().int(), made: z.string().optional(), at: z.number().optional() });

const app = define({
  spaces: {
    "demo/{board}": {
      collections: { cards: { schema: Card } },
      mutators: {
        add: {
          args: z.object({ id: z.string(), by: z.number().int().default(1) }),
          run(tx, { id, by = 1 }) {
            const card = tx.get("cards", id);
            if (card === undefined) tx.put("cards", id, { n: by });
            else tx.patch("cards", id, { $inc: { n: by } });
          },
        },
        /** Puts a card with the sum of all others. */
        sum: {
          run(tx) {
            const n = tx.query({ in: "cards", where: { n: { $gt: 0 } } }).reduce((sum, { value }) => sum + value.n, 0);
            tx.put("cards", "sum", { n });
          },
        },
        mint: {
          run(tx) {
            tx.put("cards", tx.id(), { n: Math.floor(tx.random() * 1000), at: tx.now });
          },
        },
        /** Refuses where the card has too much. */
        spend: {
          args: z.object({ id: z.string(), most: z.number() }),
          run(tx, { id, most }) {
            const card = tx.get("cards", id);
            tx.put("cards", "log", { n: card?.n ?? 0 });
            if ((card?.n ?? 0) > most) tx.reject("too much", { code: "too_much" });
            tx.delete("cards", id);
          },
        },
        tamper: {
          args: z.object({ list: z.array(z.number()) }),
          run(tx, args) {
            args.list.push(9);
            const card = tx.get("cards", "c");
            if (card) card.n = 99;
            for (const row of tx.query({ in: "cards" })) row.value.n = 99;
          },
        },
        bug: { run: () => void (undefined as unknown as { x: { y: number } }).x.y },
        slow: {
          async run(tx) {
            tx.put("cards", "early", { n: 1 });
            await Promise.resolve();
            tx.put("cards", "late", { n: 1 });
          },
        },
      },
    },
  },
});
const player = mutators(app, "demo/{board}");
const options = { view: VIEW, mutators: player };

describe("random numbers", () => {
  it.each([0, 1, 55, 56, 63, 64, 65, 119, 200])("SHA-256 of %i bytes", (length) => {
    const bytes = new Uint8Array(length).map((_, i) => i * 7);
    const words = sha256(bytes).map((n) => (n >>> 0).toString(16).padStart(8, "0"));
    expect(words.join("")).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  interface Vector {
    client: string;
    mutation: number;
    name: string;
    draw: ("random" | "id")[];
    want: (number | string)[];
  }
  const all = vectors<Vector[]>("random.json");
  expect(all.length).toBeGreaterThan(0);
  it.each(all)("are the server's: $client $mutation $name", ({ client, mutation, name, draw, want }) => {
    const random = new Random(`${client}\0${mutation}\0${name}`);
    expect(draw.map((kind) => random[kind]())).toEqual(want);
  });
});

let server: FakeServer;
let client: Client;
let board: Space;

beforeEach(async () => {
  vi.useFakeTimers({ now: 1_000_000 });
  server = new FakeServer();
  server.player = player;
  client = connect(server);
  board = client.space("demo/board", options);
  await settle();
});
afterEach(() => {
  client.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const put = (id: string, n: number): Op => ({ op: "put", in: "cards", id, value: { n } });
const sent = (): unknown[] => server.received.filter(({ t }) => t === "push").flatMap(({ muts }) => muts as unknown[]);
const onServer = (): unknown => server.space().visible(VIEW);

describe("a call", () => {
  it("shows at once, is sent by name and arguments, and comes to the same", async () => {
    const made = board.call("add", { id: "c", by: 3 });
    expect(cards(board)).toEqual({ "cards/c": { n: 3 } });
    expect(board.get("cards", "c")?.state).toBe("pending");
    expect(made).toMatchObject({ call: { name: "add", args: { id: "c", by: 3 } }, ops: [put("c", 3)], state: "queued" });
    await settle();
    expect(sent()).toEqual([{ id: 1, call: "add", args: { id: "c", by: 3 } }]);
    expect(made.state).toBe("applied");
    expect(board.get("cards", "c")).toMatchObject({ value: { n: 3 }, state: "confirmed" });
    expect(onServer()).toEqual(cards(board));
  });

  it("sees what the queue before it does, and is seen by what comes after it", () => {
    client.goOffline();
    board.put("cards", "c", { n: 1 });
    board.call("add", { id: "c" });
    board.call("sum");
    board.patch("cards", "sum", { $inc: { n: 10 } });
    expect(cards(board)).toEqual({ "cards/c": { n: 2 }, "cards/sum": { n: 12 } });
  });

  it("is run again when what it looked at changes, a query as well; a change beside it runs nothing", async () => {
    server.answer = ({ t }) => t === "push";
    const play = vi.spyOn(player, "play");
    board.call("sum");
    board.call("add", { id: "c" });
    expect(cards(board)).toEqual({ "cards/sum": { n: 0 }, "cards/c": { n: 1 } });
    server.space().write(put("x", 5));
    await settle();
    expect(cards(board)).toEqual({ "cards/sum": { n: 5 }, "cards/c": { n: 1 }, "cards/x": { n: 5 } });
    server.space().write(put("c", 7));
    await settle();
    expect(cards(board)).toEqual({ "cards/sum": { n: 12 }, "cards/c": { n: 8 }, "cards/x": { n: 5 } });
    play.mockRestore();
    const other = client.space("demo/other", { view: VIEW, mutators: player });
    await settle();
    other.call("add", { id: "c" });
    await settle();
    const again = vi.spyOn(player, "play");
    server.space("demo/other").write(put("d", 1));
    await settle();
    expect(again).not.toHaveBeenCalled();
    again.mockRestore();
  });

  it("gives ids that the server gives, too", async () => {
    board.call("mint");
    board.call("mint");
    const shown = cards(board);
    expect(Object.keys(shown)).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(5);
    expect(cards(board)).toEqual(onServer());
    expect(cards(board)).toEqual(shown);
  });

  it("that is refused is in the rejected list by name and arguments, and can be tried again", async () => {
    board.put("cards", "c", { n: 5 });
    await settle();
    server.answer = ({ t }) => t === "push";
    const made = board.call("spend", { id: "c", most: 5 });
    made.confirmed.catch(() => undefined);
    expect(cards(board)).toEqual({ "cards/log": { n: 5 } });
    server.space().write(put("c", 6));
    await settle();
    expect(cards(board)).toEqual({ "cards/c": { n: 6 } }); // its replay refuses, and shows nothing
    expect(board.pending).toHaveLength(1);
    server.answer = () => false;
    client.goOffline();
    client.goOnline();
    await settle();
    expect(board.rejected).toMatchObject([{ id: made.id, call: { name: "spend", args: { id: "c", most: 5 } }, outcome: { code: "refused" } }]);
    server.space().write(put("c", 1));
    await settle();
    const again = board.retry(made.id);
    expect(again.id).not.toBe(made.id);
    await settle();
    expect(cards(board)).toEqual({ "cards/log": { n: 1 } });
    expect(board.rejected).toEqual([]);
  });

  it("that throws or waits shows nothing, is reported once, and is the server's to decide", async () => {
    const reported = vi.fn();
    vi.stubGlobal("reportError", reported);
    server.answer = ({ t }) => t === "push";
    board.call("bug");
    board.call("slow");
    board.call("sum");
    await settle();
    expect(cards(board)).toEqual({ "cards/sum": { n: 0 } });
    server.space().write(put("x", 5));
    await settle();
    expect(cards(board)).toEqual({ "cards/sum": { n: 5 }, "cards/x": { n: 5 } });
    expect(reported.mock.calls.map(([error]) => String(error))).toEqual([
      expect.stringMatching(/TypeError/),
      expect.stringMatching(/the mutator slow is async/),
    ]);
    expect(sent()).toMatchObject([{ call: "bug" }, { call: "slow" }, { call: "sum" }]);
  });

  it("that nobody here can run is sent all the same", async () => {
    const plain = connect(server, { user: "bob" });
    const theirs = plain.space("demo/board", { view: VIEW });
    await settle();
    theirs.call("add", { id: "c" });
    expect(cards(theirs)).toEqual({});
    await settle();
    expect(cards(theirs)).toEqual({ "cards/c": { n: 1 } });
    plain.close();
  });

  it("cannot change what the replica holds, nor its own arguments", () => {
    client.goOffline();
    board.put("cards", "c", { n: 1 });
    const list = [1];
    const made = board.call("tamper", { list });
    expect(cards(board)).toEqual({ "cards/c": { n: 1 } });
    expect(list).toEqual([1]);
    expect(made.call).toEqual({ name: "tamper", args: { list: [1] }, now: 1_000_000 });
  });

  it("is refused at once for a wrong name, for arguments that do not fit, and for what is no JSON", () => {
    const team = openSpace(client, app, "demo/{board}", { board: "board" }, { view: VIEW });
    expect(() => team.call("add", { id: 1 } as never)).toThrow(expect.objectContaining({ code: "invalid", message: expect.stringContaining("the arguments of add do not fit: id: ") as unknown }) as Error);
    expect(() => board.call("no name")).toThrow(expect.objectContaining({ code: "bad_name" }) as Error);
    expect(() => board.call("sum", Number.NaN as never)).toThrow();
    expect(() => board.call("sum", "x".repeat(600_000))).toThrow(expect.objectContaining({ code: "too_large" }) as Error);
    expect(board.pending).toEqual([]);
    team.call("add", { id: "c" });
    expect(team.get("cards", "c")?.value).toEqual({ n: 1 });
  });

  it("is undone by what it did: a counter by its amount, whatever others have added", async () => {
    const history = new History(board);
    board.put("cards", "c", { n: 1 });
    board.call("add", { id: "c", by: 5 });
    await settle();
    server.space().write({ op: "patch", in: "cards", id: "c", patch: { $inc: { n: 100 } } });
    await settle();
    history.undo();
    expect(cards(board)).toEqual({ "cards/c": { n: 101 } });
    history.redo();
    expect(cards(board)).toEqual({ "cards/c": { n: 106 } });
    board.call("bug"); // did nothing here: there is nothing to undo
    expect(history.undoName).toBe("");
    history.undo();
    expect(cards(board)).toEqual({ "cards/c": { n: 101 } });
    history.close();
  });
});

describe("tabs and restarts", () => {
  it("show calls of other tabs where they can run them, and send them where they cannot", async () => {
    client.close();
    server.answer = ({ t }) => t === "push";
    const [disk, browser] = [new MemoryDisk(), new FakeBrowser()];
    const old = new Tab(browser, server, disk); // an older build, without mutators: it leads
    const [a, b] = [new Tab(browser, server, disk, { mutators: player }), new Tab(browser, server, disk, { mutators: player })];
    await rest();
    expect(old.client.leading).toBe(true);
    a.space.call("mint");
    b.space.call("mint");
    await rest();
    expect(Object.keys(a.cards)).toHaveLength(2);
    expect(b.cards).toEqual(a.cards);
    expect(old.cards).toEqual({});
    expect(old.space.pending).toMatchObject([{ call: { name: "mint" }, ops: [] }, { call: { name: "mint" }, ops: [] }]);
    const shown = a.cards;
    // A restart: what is stored shows again, of the same time.
    for (const tab of [old, a, b]) tab.close();
    await rest();
    await vi.advanceTimersByTimeAsync(60_000);
    const later = new Tab(browser, server, disk, { mutators: player });
    await rest();
    expect(later.cards).toEqual(shown);
    server.answer = () => false;
    later.client.goOffline();
    later.client.goOnline();
    await rest();
    expect(later.space.pending).toEqual([]);
    expect(Object.keys(later.cards)).toEqual(Object.keys(shown));
    expect(later.cards).toEqual(onServer());
    later.close();
  });
});

/** What must be shown: the queue, run in its order on what is confirmed. */
function scratch(confirmed: ReadonlyMap<string, Doc>, space: Space, clientID: string, wire: ReadonlyMap<string, number>): Record<string, Doc> {
  const data = new Map(confirmed);
  for (const { id, call, ops } of space.pending) {
    if (call === undefined) {
      for (const op of ops) if (op.op === "put") data.set(`cards/${op.id}`, op.value);
      continue;
    }
    const entry = (key: string) => ({ collection: "cards", id: key.slice(6), value: data.get(key) as Doc, version: 0, state: "pending" as const });
    const play = player.play(call, `${clientID}\0${wire.get(id)}\0${call.name}`, {
      path: "demo/board",
      user: "ada",
      get: (_, at) => (data.has(`cards/${at}`) ? entry(`cards/${at}`) : undefined),
      entries: () => [...data.keys()].map(entry),
    });
    for (const [key, value] of play?.made ?? []) {
      if (value === undefined) data.delete(key);
      else data.set(key, value);
    }
  }
  return Object.fromEntries([...data].sort(([a], [b]) => (a < b ? -1 : 1)));
}

type Act = { readonly do: string; readonly id: string; readonly n: number };
const act: fc.Arbitrary<Act> = fc.record({
  do: fc.constantFrom("add", "add", "sum", "mint", "spend", "put", "write", "remove", "push", "hold", "hold", "cut"),
  id: fc.constantFrom("a", "b", "c", "log", "sum"),
  n: fc.integer({ min: 1, max: 4 }),
});

it("shows, whatever happens in which order, what running the queue from scratch would show", async () => {
  client.close();
  let effects = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 25 }), async (acts) => {
      const own = new FakeServer();
      own.player = player;
      const device = connect(own);
      const space = device.space("demo/board", options);
      const wire = new Map<string, number>();
      let made = 0;
      let hold = true;
      own.answer = ({ t }) => t === "push" && hold;
      await settle();
      const call = (name: string, args?: Doc): void => {
        const mutation = space.call(name, args);
        mutation.confirmed.catch(() => undefined);
        wire.set(mutation.id, ++made);
      };
      for (const { do: what, id, n } of acts) {
        if (what === "add") call("add", { id, by: n });
        else if (what === "sum" || what === "mint") call(what);
        else if (what === "spend") call("spend", { id, most: n });
        else if (what === "put") wire.set(space.put("cards", id, { n }).id, ++made);
        else if (what === "write") own.space().write(put(id, n));
        else if (what === "remove") own.space().write({ op: "delete", in: "cards", id });
        else if (what === "push") hold = false;
        else if (what === "hold") hold = true;
        else {
          own.last.drop();
          await vi.advanceTimersByTimeAsync(60_000);
        }
        await settle();
        // What is confirmed on the device is what the server has, if it is connected and has been told.
        const confirmed = new Map<string, Doc>();
        const known = own.links.flatMap((link) => [...own.space().members.values()].filter((member) => member.link === link));
        if (known.length === 0 || known[0]?.seq !== own.space().seq) continue;
        for (const [key, value] of own.space().data) confirmed.set(key, value.value);
        const clientID = known[0].client;
        const want = scratch(confirmed, space, clientID, wire);
        const shown = Object.fromEntries(Object.entries(cards(space)).sort(([a], [b]) => (a < b ? -1 : 1)));
        expect(shown).toEqual(want);
        effects += space.pending.length;
      }
      hold = false;
      own.last.drop();
      await vi.advanceTimersByTimeAsync(60_000);
      expect(space.pending).toEqual([]);
      expect(cards(space)).toEqual(own.space().visible(VIEW));
      device.close();
    }),
    { numRuns: 150 },
  );
  expect(effects).toBeGreaterThan(1000); // there was something to compare
}, 60_000);
