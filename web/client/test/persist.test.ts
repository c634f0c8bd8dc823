import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Space } from "../src/api.js";
import { type Store, StoreError } from "../src/store.js";
import { MemoryDisk, MemoryStore } from "../src/memory.js";
import { FakeBrowser } from "./browser.js";
import { FakeServer } from "./fake.js";
import { cards, pass, VIEW } from "./harness.js";
import { rest, Tab } from "./tabs.js";

let server: FakeServer;
let disk: MemoryDisk;
let browser: FakeBrowser;
const open: Tab[] = [];
const tab = (options: ConstructorParameters<typeof Tab>[3] = {}): Tab => {
  const made = new Tab(browser, server, disk, options);
  open.push(made);
  return made;
};
const onServer = (): unknown => server.space().visible(VIEW);
const closing = async (one: Tab): Promise<void> => {
  one.client.close();
  await rest();
};

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  server = new FakeServer();
  disk = new MemoryDisk();
  browser = new FakeBrowser();
});

afterEach(() => {
  for (const one of open.splice(0)) if (one.alive) one.client.close();
  vi.useRealTimers();
});

describe("a store", () => {
  it("keeps what is confirmed, so that it shows without a connection", async () => {
    const first = tab();
    await rest();
    first.space.put("cards", "c1", { n: 1 });
    await rest();
    expect(onServer()).toEqual({ "cards/c1": { n: 1 } });
    await closing(first);
    server.answer = () => true; // nobody answers any more
    const second = tab();
    const query = second.space.query({ in: "cards" });
    expect(query.result.status).toBe("loading");
    await rest();
    expect(query.rows).toMatchObject([{ id: "c1", value: { n: 1 }, state: "confirmed" }]);
    expect(query.result).toMatchObject({ status: "stale", lastSynced: 1_000_000 });
    await query.ready;
  });

  it("in IndexedDB is one that the browser is asked to keep, once there is something to lose", async () => {
    const persist = vi.fn(() => Promise.resolve(true));
    vi.stubGlobal("navigator", { storage: { persist } });
    const store = async (): Promise<Store> => {
      const memory = new MemoryStore(disk);
      return new Proxy<Store>(memory, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name);
          return name === "kind" ? "indexeddb" : typeof value === "function" ? value.bind(target) : value;
        },
      });
    };
    const [one, other] = [tab({ store }), tab()];
    await rest();
    expect(persist).not.toHaveBeenCalled();
    other.space.put("cards", "a", {});
    one.space.put("cards", "b", {});
    one.space.put("cards", "c", {});
    await rest();
    expect(persist).toHaveBeenCalledTimes(1);
    vi.unstubAllGlobals();
  });

  it("resumes from where it was: only what has changed is sent", async () => {
    const first = tab();
    server.space().write({ op: "put", in: "cards", id: "a", value: { n: 1 } }, { op: "put", in: "cards", id: "b", value: { n: 1 } });
    await rest();
    await closing(first);
    server.space().write({ op: "put", in: "cards", id: "b", value: { n: 2 } }, { op: "delete", in: "cards", id: "a" });
    const second = tab();
    const query = second.space.query({ in: "cards" });
    await rest();
    expect(query.rows.map(({ value }) => value)).toEqual([{ n: 2 }]);
    const opened = server.received.filter(({ t }) => t === "open");
    expect(opened.map(({ cursor }) => cursor)).toEqual([undefined, "1-a"]);
  });

  it("keeps what is unsent, and it is sent exactly once", async () => {
    const first = tab();
    await rest();
    first.client.goOffline();
    const made = [first.space.put("cards", "n", { n: 0 }), first.space.patch("cards", "n", { $inc: { n: 1 } })];
    await Promise.all([rest(), ...made.map(({ saved }) => saved)]);
    first.kill();
    const second = tab();
    expect(second.space.pending).toEqual([]);
    await second.space.ready;
    expect(second.space.pending.map(({ id }) => id)).toEqual(made.map(({ id }) => id));
    second.space.patch("cards", "n", { $inc: { n: 10 } });
    await rest();
    expect(onServer()).toEqual({ "cards/n": { n: 11 } });
    expect(second.space.status).toMatchObject({ state: "live", pending: 0 });
    await closing(second);
    const third = tab();
    await rest();
    expect(third.space.pending).toEqual([]);
    expect(server.space().seq).toBe(3);
  });

  it("keeps the rejected list", async () => {
    const first = tab();
    await rest();
    const bad = first.space.patch("cards", "none", { $inc: { n: 1 } });
    await rest();
    expect(bad.state).toBe("rejected");
    await closing(first);
    const second = tab();
    await rest();
    expect(second.space.rejected).toMatchObject([{ id: bad.id, outcome: { code: "not_found" }, at: 1_000_000, ops: bad.ops }]);
    second.space.put("cards", "none", { n: 1 });
    const again = second.space.retry(bad.id);
    await rest();
    expect(again.state).toBe("applied");
    const other = second.space.patch("cards", "nope", { $inc: { n: 1 } });
    await rest();
    second.space.discard(other.id);
    await rest();
    await closing(second);
    const third = tab();
    await rest();
    expect(third.space.rejected).toEqual([]);
    expect(onServer()).toEqual({ "cards/none": { n: 2 } });
  });

  it("that is full is said, and made room in; nothing is lost", async () => {
    const first = tab();
    await rest();
    first.space.put("cards", "a", { n: 1 });
    await rest();
    disk.before = () => {
      throw new StoreError("full", "the quota is used up");
    };
    const made = first.space.put("cards", "b", { n: 2 });
    let error: unknown;
    made.saved.catch((e: unknown) => (error = e));
    await rest();
    expect(error).toMatchObject({ code: "full" });
    expect(first.space.status).toMatchObject({ pending: 1, storage: { kind: "full" } });
    disk.before = undefined;
    await pass(6000);
    await rest();
    expect(first.space.status).toMatchObject({ state: "live", pending: 0, storage: { kind: "disk" } });
    expect(onServer()).toEqual({ "cards/a": { n: 1 }, "cards/b": { n: 2 } });
    await closing(first);
    server.answer = () => true;
    const second = tab();
    const query = second.space.query({ in: "cards" });
    await rest();
    expect(query.rows.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("that is deleted underneath is made anew, with what was unsent", async () => {
    const first = tab();
    const second = tab();
    await rest();
    first.space.put("cards", "a", { n: 1 });
    await rest();
    first.client.goOffline();
    const made = second.space.put("cards", "b", { n: 2 });
    await rest();
    await made.saved;
    disk.lose();
    await rest();
    expect(first.client.status.storage.kind).toBe("disk");
    expect(first.client.status.storage.message).toMatch(/made anew/);
    first.kill();
    second.kill();
    const third = tab();
    await rest();
    expect(onServer()).toEqual({ "cards/a": { n: 1 }, "cards/b": { n: 2 } });
    expect(third.cards).toEqual(onServer());
  });

  it("that is deleted underneath is opened until that succeeds", async () => {
    let refuse = false;
    const one = tab({ store: () => (refuse ? Promise.reject(new StoreError("unavailable", "not now")) : Promise.resolve(new MemoryStore(disk))) });
    await rest();
    refuse = true;
    disk.lose();
    one.space.put("cards", "a", { n: 1 });
    await rest();
    expect(one.space.status.storage).toMatchObject({ kind: "memory", message: "not now" });
    refuse = false;
    await pass(6000);
    await rest();
    expect(one.space.status).toMatchObject({ state: "live", pending: 0, storage: { kind: "disk" } });
    expect(onServer()).toEqual({ "cards/a": { n: 1 } });
  });

  it("that is deleted while a tab sleeps gets back what only this tab knows of, once", async () => {
    const [leader, sleeper] = [tab(), tab()];
    await rest();
    leader.space.put("cards", "n", { n: 0 });
    await rest();
    browser.delay = () => 100;
    const made = sleeper.space.mutate((tx) => tx.patch("cards", "n", { $inc: { n: 1 } }));
    await rest();
    await made.saved;
    sleeper.freeze();
    browser.delay = () => 0;
    disk.lose();
    await pass(2000);
    await rest();
    expect(onServer()).toEqual({ "cards/n": { n: 0 } });
    sleeper.thaw();
    await pass(2000);
    await rest();
    expect(onServer()).toEqual({ "cards/n": { n: 1 } });
    for (const one of [leader, sleeper]) expect(one.space.status).toMatchObject({ pending: 0, storage: { kind: "disk" } });
  });

  it("that is closed underneath is used on", async () => {
    const [leader, other] = [tab(), tab()];
    await rest();
    leader.client.goOffline();
    for (const [i, one] of [leader, other].entries()) await one.space.put("cards", `c${i}`, {}).saved;
    disk.lose(true);
    await rest();
    leader.client.goOnline();
    await rest();
    expect(onServer()).toEqual({ "cards/c0": {}, "cards/c1": {} });
    leader.kill();
    other.space.put("cards", "c2", {});
    await rest();
    expect(Object.keys(onServer() as object)).toEqual(["cards/c0", "cards/c1", "cards/c2"]);
  });

  it("that is read while another tab stores something has that, too: it is not taken for done with", async () => {
    const lead = tab();
    const other = tab();
    await rest();
    lead.client.goOffline();
    await rest();
    const made = other.space.put("cards", "c1", { n: 1 });
    disk.lose(true); // so that the one that leads reads the queue anew, just before the other one stores again what it could not
    await rest();
    expect([lead, other].map(({ space }) => space.pending.map(({ state }) => state))).toEqual([["queued"], ["queued"]]);
    lead.client.goOnline();
    await rest();
    expect(onServer()).toEqual({ "cards/c1": { n: 1 } });
    expect(made.state).toBe("applied");
  });

  it("that is damaged is said and fetched anew", async () => {
    const first = tab();
    server.space().write({ op: "put", in: "cards", id: "a", value: { n: 1 } });
    await rest();
    first.client.goOffline();
    const made = first.space.put("cards", "b", { n: 2 });
    await rest();
    await made.saved;
    first.kill();
    await disk.call((table) => {
      for (const [key] of table.range("demo/board\0a", "demo/board\0b")) table.apply({ put: [[key, "rubbish"]] });
    });
    const second = tab();
    const query = second.space.query({ in: "cards" });
    await rest();
    expect(query.rows.map(({ id, value }) => [id, value])).toEqual([["a", { n: 1 }], ["b", { n: 2 }]]);
    expect(second.client.status.storage).toMatchObject({ kind: "disk", message: expect.stringMatching(/manifest/) as string });
    await closing(second);
    server.answer = () => true;
    const third = tab();
    const again = third.space.query({ in: "cards" });
    await rest();
    expect(again.rows.length).toBe(2);
  });

  it.each([false, true])("that is damaged so that only its check sum shows it is made good after it has shown (by a tab that follows: %s)", async (following) => {
    server.space().write({ op: "put", in: "cards", id: "a", value: { n: 1 } });
    const first = tab();
    await rest();
    await closing(first); // a reset is written as chunks
    const lead = tab();
    await rest();
    await disk.call((table) => {
      for (const [key, text] of table.range("demo/board\0ac", "demo/board\0ad")) table.apply({ put: [[key, text.replace('"n":1', '"n":7')]] });
    });
    if (!following) await closing(lead);
    const one = tab();
    const query = one.space.query({ in: "cards" });
    const shown: unknown[] = [];
    query.subscribe(() => shown.push(...query.rows.map(({ value }) => value)));
    for (let i = 0; i < 10; i++) {
      await rest();
      await pass(1);
    }
    expect(shown[0], "what the disk says, at first").toEqual({ n: 7 });
    expect(query.rows.map(({ value }) => value)).toEqual([{ n: 1 }]);
    expect(one.client.status.storage).toMatchObject({ kind: "disk", message: expect.stringMatching(/chunk 1 of cards/) as string });
    await closing(one);
    if (following) await closing(lead);
    const next = tab();
    await rest();
    expect(cards(next.space)).toEqual({ "cards/a": { n: 1 } });
  });

  it.each<[string, number, (space: Space) => unknown]>([
    ["by id, some rows", 1, (space) => space.query({ in: "cards", limit: 5 }).rows],
    ["all, of which nobody wants the rows", 1, (space) => space.query({ in: "cards" })],
    ["all", 3, (space) => space.query({ in: "cards" }).rows],
    ["by a field, some rows", 3, (space) => space.query({ in: "cards", sort: ["i"], limit: 5 }).rows],
    ["a later page", 2, (space) => space.query({ in: "cards", skip: 4990, limit: 5 }).rows],
  ])("is made into entries as far as a query needs it: %s", async (_, chunks, ask) => {
    for (let i = 0; i < 5000; i++) server.space().write({ op: "put", in: "cards", id: `c${1000 + i}`, value: { i } });
    const first = tab();
    await rest();
    await closing(first);
    server.answer = () => true;
    const one = tab();
    one.query.close();
    const parsed = vi.spyOn(JSON, "parse");
    ask(one.space);
    await one.space.ready;
    await rest();
    expect(parsed.mock.calls.filter(([text]) => text.startsWith("[[")).length).toBe(chunks);
    parsed.mockRestore();
    expect(one.space.get("cards", "c5999")?.value).toEqual({ i: 4999 });
  });

  it("that is damaged where nobody has looked yet is said once somebody does, and made good", async () => {
    for (let i = 0; i < 3000; i++) server.space().write({ op: "put", in: "cards", id: `c${1000 + i}`, value: { i } });
    const first = tab();
    await rest();
    await closing(first);
    await disk.call((table) => {
      const [key, text] = [...table.range("demo/board\0ac", "demo/board\0ad")].at(-1) ?? ["", ""];
      expect(text).toContain('"c3999"');
      table.apply({ put: [[key, "{" + text.slice(1)]] });
    });
    const one = tab();
    one.query.close(); // it looks at everything
    const query = one.space.query({ in: "cards", limit: 5 });
    let seen: (number | undefined)[] = [];
    query.subscribe(() => {
      if (query.total === 3000 && seen.length === 0) seen = [query.rows.length, one.space.get("cards", "c3999")?.version, query.total];
    });
    await rest();
    await pass(1);
    expect(seen, "at first").toEqual([5, undefined, 3000]);
    expect(one.client.status.storage).toMatchObject({ kind: "disk", message: expect.stringMatching(/chunk 2 of cards/) as string });
    expect([one.space.get("cards", "c3999")?.value, query.total]).toEqual([{ i: 2999 }, 3000]);
    expect(server.received.filter(({ t }) => t === "open").length).toBe(2); // of the first tab, and once of this one
  });

  it.each<[string, (text: string) => string | undefined]>([
    ["lost", () => undefined],
    ["cut", (text) => text.slice(0, -9)],
    ["rubbish", (text) => "{" + text.slice(1)],
    ["changed", (text) => text.replace('"i":0', '"i":7')],
  ])("of which a chunk is %s shows the rest as long as there is no connection, also after a reload", async (_, damage) => {
    for (let i = 0; i < 3000; i++) server.space().write({ op: "put", in: "cards", id: `c${1000 + i}`, value: { i } });
    server.space().write({ op: "put", in: "people", id: "p", value: {} });
    await closing(await opened());
    await disk.call((table) => {
      const [key, text] = [...table.range("demo/board\0ac", "demo/board\0ad")].find(([, text]) => text.includes('"c1000"')) ?? ["", ""];
      const now = damage(text);
      table.apply(now === undefined ? { del: [key] } : { put: [[key, now]] });
    });
    const answer = server.answer;
    server.answer = () => true;
    for (let i = 0; i < 2; i++) {
      const lead = await opened();
      const people = [lead.space.query({ in: "people" })];
      await rest();
      const two = [lead, await opened()]; // the other one tells it of the damage, too
      for (const { space } of two) people.push(space.query({ in: "people" }));
      await rest();
      await pass(1000);
      for (const one of two) {
        expect(one.query.rows.at(-1)?.id).toBe("c3999");
        expect(one.query.result.status).toBe("stale");
        expect(one.client.status.storage).toMatchObject({ kind: "disk", message: expect.stringMatching(/chunk 1 of cards/) as string });
      }
      expect(people.map(({ rows }) => rows.length)).toEqual([1, 1, 1]);
      for (const one of two) await closing(one);
    }
    server.answer = answer;
    await closing(await opened());
    server.answer = () => true;
    const last = await opened();
    expect(last.query.rows.length).toBe(3000);
    expect(last.query.rows[0]?.value).toEqual({ i: 0 });

    server.answer = answer;
    await closing(last);
    async function opened(): Promise<Tab> {
      const one = tab({ view: [{ in: "cards" }, { in: "people" }] });
      await rest();
      await pass(1000);
      return one;
    }
  });

  it.each([false, true])("of which a chunk turns out to be damaged long after all is live is made good (by a tab that follows: %s)", async (following) => {
    for (let i = 0; i < 3000; i++) server.space().write({ op: "put", in: "people", id: `p${1000 + i}`, value: { i } });
    const view = [{ in: "cards" }, { in: "people" }];
    const first = tab({ view });
    await rest();
    await closing(first);
    await disk.call((table) => {
      for (const [key, text] of table.range("demo/board\0ac", "demo/board\0ad")) if (text.includes('"p1000"')) table.apply({ put: [[key, text.replace('"i":0', '"i":7')]] });
    });
    const tabs = [tab({ view }), tab({ view })];
    await rest();
    await pass(5000);
    expect(tabs.map(({ space }) => space.status.state)).toEqual(["live", "live"]);
    const people = tabs[following ? 1 : 0]?.space.query({ in: "people" });
    const shown = new Set<unknown>();
    people?.subscribe(() => shown.add(people.rows[0]?.value["i"]));
    await rest();
    await pass(5000);
    expect([...shown]).toEqual([7, 0]);
    expect(people?.rows.length).toBe(3000);
  });

  it.each([false, true])("of which a chunk is damaged while it is folded is written anew from memory, or if not all is there, by the server (all: %s)", async (all) => {
    server.space().rescope("s1", () => true);
    for (const name of ["cards", "people"]) for (let i = 0; i < 9; i++) server.space().write({ op: "put", in: name, id: `c${i}`, value: { i } });
    const view = [{ in: "cards" }, { in: "people" }];
    const first = tab({ view });
    await rest();
    await closing(first);
    const lead = tab({ view });
    if (all) lead.space.query({ in: "people" });
    await rest();
    await pass(5000);
    const resets = (): number => server.received.filter(({ t, cursor }) => t === "open" && cursor === undefined).length;
    expect(resets()).toBe(1);
    await disk.call((table) => {
      const [[key]] = [...table.range("demo/board\0ac", "demo/board\0ad")] as [[string, string]];
      table.apply({ del: [key] });
    });
    server.space().write({ op: "put", in: "cards", id: "c0", value: { i: 100 } });
    await rest();
    await pass(2500); // what is gone from an entry is soon gone from the disk
    await rest();
    expect(lead.client.status.storage).toMatchObject({ kind: "disk", message: expect.stringMatching(/chunk \d of cards/) as string });
    expect(resets()).toBe(all ? 1 : 2);
    await closing(lead);
    server.answer = () => true;
    const next = tab({ view });
    await rest();
    expect([next.query.rows.length, next.query.rows[0]?.value, next.space.query({ in: "people" }).rows.length]).toEqual([9, { i: 100 }, 0]);
    const people = next.space.query({ in: "people" });
    await rest();
    expect(people.rows.length).toBe(9);
  });

  it("that cannot be opened leaves a client in memory, and says so", async () => {
    const one = tab({ store: () => Promise.reject(new StoreError("unavailable", "private mode")) });
    one.space.put("cards", "a", {});
    await rest();
    expect(one.space.status).toMatchObject({ state: "live", pending: 0, storage: { kind: "memory", message: "private mode" } });
    expect(onServer()).toEqual({ "cards/a": {} });
  });
});

describe("a scope", () => {
  const scopes = (): unknown[] => server.received.filter(({ t }) => t === "open").map(({ cursor, scope }) => [cursor, scope]);
  const put = (id: string): void => server.space().write({ op: "put", in: "cards", id, value: {} });

  it("is stored with the cursor, also where nothing else has changed, and comes back with it", async () => {
    server.space().rescope("s1", () => true);
    const first = tab();
    put("a");
    await rest();
    await closing(first);
    const second = tab();
    await rest();
    server.space().rescope("s2", () => true);
    await rest();
    await closing(second);
    server.space().rescope("s3", () => true); // told by a diff that is empty
    const third = tab();
    await rest();
    await closing(third);
    tab();
    await rest();
    expect(scopes()).toEqual([[undefined, undefined], ["1-a", "s1"], ["1-a", "s2"], ["1-a", "s3"]]);
  });

  it("that `current` tells is stored, and one that is told no more is none", async () => {
    const first = tab();
    put("a");
    await rest();
    await closing(first);
    let scope: string | undefined = "s1";
    server.answer = (message, link) => {
      if (message["t"] !== "open") return false;
      link.tell({ t: "opened", space: "demo/board", view: "v", from: message["cursor"], head: "1-a", last: 0, resume: "current", scope });
      return true;
    };
    for (scope of ["s1", undefined, undefined]) {
      const one = tab();
      await rest();
      await closing(one);
    }
    expect(scopes()).toEqual([[undefined, undefined], ["1-a", undefined], ["1-a", "s1"], ["1-a", undefined]]);
  });

  it("is known to a tab that follows, and leads then", async () => {
    server.space().rescope("s1", () => true);
    const [a, b] = [tab(), tab()];
    put("a");
    await rest();
    server.space().rescope("s2", () => true); // nothing else changes
    await rest();
    const made = b.space.mutate((tx) => tx.put("cards", "b", { seen: tx.get("cards", "a") !== undefined }), { serializable: true });
    await rest();
    expect(made.state).toBe("applied");
    a.kill();
    await rest();
    expect(b.client.leading).toBe(true);
    expect(scopes().at(-1)).toEqual(["2-a", "s2"]);
    const [push] = server.received.filter(({ t }) => t === "push");
    expect(push?.["muts"]).toMatchObject([{ reads: { at: 1, scope: "s2" } }]);
  });

  it("of a serializable mutation outlives a reload and a change of scope", async () => {
    server.space().rescope("s1", () => true);
    put("a");
    const first = tab();
    await rest();
    first.client.goOffline();
    const made = first.space.mutate((tx) => tx.put("cards", "b", { seen: tx.get("cards", "a") !== undefined }), { serializable: true });
    await rest();
    await made.saved;
    await closing(first);
    server.space().rescope("s2", () => true);
    const second = tab();
    await rest();
    const pushes = server.received.filter(({ t }) => t === "push").map(({ muts }) => muts);
    expect(pushes).toMatchObject([[{ reads: { at: 1, keys: [["cards", "a"]], scope: "s1" } }]]);
    expect(second.space.rejected).toMatchObject([{ id: made.id, outcome: { code: "stale" } }]);
    second.space.retry(made.id);
    await rest();
    expect(server.received.at(-1)?.["muts"]).toMatchObject([{ reads: { at: 2, scope: "s2" } }]);
    expect(onServer()).toEqual({ "cards/a": {}, "cards/b": { seen: true } });
  });
});

describe("what is dropped by selector", () => {
  const dump = (): Promise<[string, string][]> => disk.call((table) => [...table.entries()]);
  const fill = async (): Promise<void> => {
    server.space().rescope("s1", () => true);
    for (let i = 0; i < 5; i++) server.space().write({ op: "put", in: "cards", id: `c${i}`, value: { team: i < 4 ? "canary" : "other", i } });
    await rest();
  };
  const revoke = (): void => server.space().rescope("s2", (_, { team, i }) => team !== "canary" || i === 3, [{ in: "cards", where: { team: "canary" } }]);
  const left = { "cards/c3": { team: "canary", i: 3 }, "cards/c4": { team: "other", i: 4 } };

  it("goes in all tabs at once, and then from the disk; what is queued stays", async () => {
    const [a, b] = [tab(), tab()];
    await fill();
    server.answer = ({ t }) => t === "push";
    const made = b.space.patch("cards", "c1", { $set: { mine: true } });
    await rest();
    const [kept] = a.query.rows.filter(({ id }) => id === "c3");
    const seen: string[][] = [];
    a.query.subscribe(() => seen.push(a.query.rows.map(({ id }) => id)));
    revoke();
    await rest();
    for (const { cards, space } of [a, b]) {
      expect(cards).toEqual(left);
      expect(space.pending.map(({ id }) => id)).toEqual([made.id]);
    }
    expect(seen).toEqual([["c3", "c4"]]);
    expect(a.query.rows[0]).toBe(kept); // it was dropped and put again as it was: nothing of it changes
    await pass(3000);
    const rows = (await dump()).filter(([key]) => !key.startsWith("demo/board\0q"));
    expect(JSON.stringify(rows).match(/canary/g)).toHaveLength(1);
    await closing(a);
    await closing(b);
    server.answer = () => true;
    const again = tab();
    await rest();
    expect(again.cards).toEqual(left);
  });

  it("goes from a collection that is only on the disk", async () => {
    const first = tab();
    await fill();
    await closing(first);
    const second = tab();
    second.query.close();
    await rest();
    revoke();
    await rest();
    await pass(3000);
    expect(JSON.stringify(await dump()).match(/canary/g)).toHaveLength(1);
    expect(second.space.get("cards", "c1")).toBeUndefined();
  });
});

describe("a space that is forbidden", () => {
  const dump = (): Promise<[string, string][]> => disk.call((table) => [...table.entries()]);
  const fill = async (): Promise<void> => {
    server.space().rescope("secret-scope", () => true);
    for (let i = 0; i < 9; i++) server.space().write({ op: "put", in: "cards", id: `canary-${i}`, value: { text: "canary" } });
    await rest();
  };
  const gone = async (tabs: readonly Tab[]): Promise<void> => {
    for (const one of tabs) {
      expect(one.space.status).toMatchObject({ state: "stopped", error: { code: "forbidden", message: expect.stringMatching(/^you may not/) as string } });
      expect(Object.keys(one.cards).filter((key) => key.includes("canary"))).toEqual([]);
      expect(one.space.get("cards", "canary-1")).toBeUndefined();
    }
    const rows = await dump();
    const left = rows.filter(([key, value]) => /canary|secret-scope|"in":"cards"|9-a/.test(key + value));
    expect(left.filter(([key]) => !key.startsWith("demo/board\0q"))).toEqual([]);
  };

  it("is emptied, in memory and on the disk, in all tabs; the queue stays, and goes once it is allowed again", async () => {
    const [a, b] = [tab(), tab()];
    await fill();
    server.answer = ({ t }) => t === "push";
    const made = b.space.patch("cards", "canary-1", { $set: { text: "canary mine" } });
    const own = a.space.put("cards", "own", { n: 1 });
    await rest();
    expect(JSON.stringify(await dump())).toContain("canary-8");
    server.space().forbid();
    await rest();
    await gone([a, b]);
    expect(JSON.stringify(await dump())).toContain("canary mine");
    for (const { cards, space } of [a, b]) {
      expect(cards).toEqual({ "cards/own": { n: 1 } });
      expect(space.pending.map(({ id }) => id).sort()).toEqual([made.id, own.id].sort());
    }
    const sent = server.received.length;
    await pass(20_000);
    b.space.put("cards", "later", {});
    await pass(600_000);
    expect(server.received.slice(sent).filter(({ t }) => t !== "ping")).toEqual([]);
    server.answer = () => false;
    server.space().forbidden = false;
    b.client.goOnline();
    await rest();
    for (const { cards, space } of [a, b]) {
      expect(space.status).toMatchObject({ state: "live", pending: 0 });
      expect(cards).toEqual(onServer());
    }
    expect(onServer()).toMatchObject({ "cards/canary-1": { text: "canary mine" }, "cards/own": { n: 1 }, "cards/later": {} });
    const [again] = server.received.slice(sent).filter(({ t }) => t === "open");
    expect([again?.["cursor"], again?.["scope"], again?.["was"]]).toEqual([undefined, undefined, undefined]);
  });

  it("when it is opened after a reload is not shown any longer than that takes", async () => {
    const first = tab();
    await fill();
    await closing(first);
    server.space().forbid();
    const [a, b] = [tab(), tab()];
    await rest();
    await gone([a, b]);
    a.kill(); // and who leads next asks, and is told the same
    await pass(3000);
    await rest();
    await gone([b]);
    await closing(b);
    server.answer = () => true;
    const last = tab();
    await rest();
    expect(last.cards).toEqual({});
  });

  it("while its collections are still being read stays empty", async () => {
    const first = tab();
    await fill();
    await closing(first);
    server.space().forbid();
    for (let calls = 1; calls < 12; calls++) {
      // The disk is slow from some call on, for a while.
      let n = 0;
      const one = tab({
        store: async () => {
          const memory = new MemoryStore(disk);
          return new Proxy<Store>(memory, {
            get: (target, name) => {
              const value: unknown = Reflect.get(target, name);
              if (typeof value !== "function") return value;
              const call = value.bind(target) as (...args: unknown[]) => unknown;
              return name !== "get" && name !== "range" ? call : async (...args: unknown[]) => {
                const result = await call(...args);
                if (++n >= calls) await new Promise((resolve) => setTimeout(resolve, 50));
                return result;
              };
            },
          });
        },
      });
      await pass(10_000);
      await gone([one]);
      await closing(one);
      server.space().forbidden = false;
      const other = tab();
      await rest();
      expect(Object.keys(other.cards).length).toBe(9);
      await closing(other);
      server.space().forbid();
    }
  });

  it("is not filled by a collection whose reading was under way", async () => {
    const view = [{ in: "cards" }, { in: "people" }];
    const first = tab({ view });
    server.space().write({ op: "put", in: "people", id: "p", value: { text: "canary" } });
    await fill();
    await closing(first);
    let slow = false;
    const store = async (): Promise<Store> => {
      const memory = new MemoryStore(disk);
      return Object.assign(Object.create(memory) as Store, {
        kind: memory.kind,
        get: async (keys: readonly string[]) => {
          const values = await memory.get(keys);
          if (slow) await new Promise((resolve) => setTimeout(resolve, 50));
          return values;
        },
        range: (from: string, to: string) => memory.range(from, to),
        update: (...[keys, decide]: Parameters<Store["update"]>) => memory.update(keys, decide),
        onLost: (fn: Parameters<Store["onLost"]>[0]) => memory.onLost(fn),
        close: () => memory.close(),
        destroy: () => memory.destroy(),
      });
    };
    const one = tab({ view, store });
    await rest();
    expect(one.space.status.state).toBe("live");
    slow = true;
    const people = one.space.query({ in: "people" });
    await rest();
    expect(people.result.status).toBe("loading");
    server.space().forbid();
    await pass(1000);
    expect(people.rows).toEqual([]);
    await gone([one]);
  });

  it("just when the store was closed underneath is emptied in the next one", async () => {
    const [a, b] = [tab(), tab()];
    await fill();
    disk.lose(true);
    server.space().forbid();
    await pass(2000);
    await rest();
    await gone([a, b]);
  });

  it("for a tab that led is not forbidden for good: the one that leads now may see it", async () => {
    const [a, b] = [tab(), tab()];
    await fill();
    server.space().forbid();
    await rest();
    await gone([a, b]);
    a.freeze();
    server.space().forbidden = false;
    b.space.put("cards", "b", {});
    await pass(3000);
    await rest();
    expect([b.client.leading, b.cards]).toEqual([true, onServer()]);
    a.thaw();
    await pass(3000);
    await rest();
    expect([a.client.leading, a.cards]).toEqual([false, onServer()]);
    expect(a.space.status.state).toBe("live");
  });

  it("is emptied on a disk that is full for a while", async () => {
    const [a, b] = [tab(), tab()];
    await fill();
    disk.before = () => {
      throw new StoreError("full", "the quota is used up");
    };
    server.space().forbid();
    await rest();
    expect(a.cards).toEqual({});
    disk.before = undefined;
    await pass(6000);
    await rest();
    await gone([a, b]);
  });

  it("and was settled but not confirmed has nothing to wait for", async () => {
    const one = tab();
    await fill();
    server.cut = (way, text) => {
      if (way === "down" && text.startsWith('{"t":"ack"')) server.space().forbid();
      return false;
    };
    const { diff } = server.space();
    server.space().diff = () => undefined; // no diff comes
    const made = one.space.patch("cards", "canary-1", { $set: { text: "canary mine" } });
    await rest();
    expect(made.state).toBe("applied");
    expect(one.space.status.pending).toBe(0);
    await gone([one]);
    server.space().diff = diff;
  });
});

describe("several tabs", () => {
  it("have one connection, and show each other's mutations at once", async () => {
    const [a, b] = [tab(), tab()];
    await rest();
    expect(server.links.length).toBe(1);
    expect([a, b].map(({ client }) => client.leading)).toEqual([true, false]);
    expect(b.space.status).toMatchObject({ state: "live", transport: "websocket" });
    const query = a.space.query({ in: "cards" });
    b.space.put("cards", "x", { n: 1 });
    const seen: unknown[] = [];
    query.subscribe(() => seen.push(query.rows[0]?.state));
    for (let i = 0; seen.length === 0; i++) {
      expect(i).toBeLessThan(8); // no store, no server in between
      await Promise.resolve();
    }
    expect(seen).toEqual(["pending"]);
    await rest();
    expect(query.rows).toMatchObject([{ id: "x", state: "confirmed" }]);
    expect(b.space.get("cards", "x")).toMatchObject({ state: "confirmed" });
    expect([a, b].map(({ space }) => space.status.pending)).toEqual([0, 0]);
    expect(onServer()).toEqual({ "cards/x": { n: 1 } });
    server.space().write({ op: "patch", in: "cards", id: "x", patch: { $inc: { n: 1 } } });
    await rest();
    expect([a, b].map(({ space }) => cards(space))).toEqual([onServer(), onServer()]);
  });

  it("go on when the one that leads is closed, or killed", async () => {
    for (const end of ["close", "kill"] as const) {
      const [a, b, c] = [tab(), tab(), tab()];
      await rest();
      const made = b.space.put("cards", `${end}-b`, {});
      if (end === "close") a.client.close();
      else a.kill();
      const more = c.space.put("cards", `${end}-c`, {});
      await rest();
      expect([b, c].filter(({ client }) => client.leading).length).toBe(1);
      expect([made, more].map(({ state }) => state)).toEqual(["applied", "applied"]);
      expect(onServer()).toMatchObject({ [`cards/${end}-b`]: {}, [`cards/${end}-c`]: {} });
      b.client.close();
      c.client.close();
      await rest();
    }
    expect(server.space().seq).toBe(4);
  });

  it("replace one that leads and is frozen, within two seconds, and it does no harm when it wakes", async () => {
    const [a, b] = [tab(), tab()];
    await rest();
    a.space.put("cards", "a", {});
    a.freeze();
    const made = b.space.put("cards", "b", { n: 1 });
    await pass(2000);
    await rest();
    expect(b.client.leading).toBe(true);
    expect(made.state).toBe("applied");
    a.thaw();
    await rest();
    await pass(1000);
    await rest();
    expect(a.client.leading).toBe(false);
    a.space.patch("cards", "b", { $inc: { n: 1 } });
    await rest();
    expect(onServer()).toEqual({ "cards/a": {}, "cards/b": { n: 2 } });
    expect([a, b].map(({ space }) => cards(space))).toEqual([onServer(), onServer()]);
    expect([a, b].map(({ space }) => space.status.pending)).toEqual([0, 0]);
  });

  it("go on where one that was frozen on its way to the lead claims the store late", async () => {
    const late = tab();
    const leader = tab();
    late.freeze(); // the lock is its own, the store not yet
    await pass(2000);
    expect(leader.client.leading).toBe(true);
    late.thaw();
    await rest();
    expect([late.client.leading, leader.client.leading]).toEqual([false, true]);
    server.space().write({ op: "put", in: "cards", id: "c1", value: {} });
    await rest();
    expect(leader.cards).toEqual({ "cards/c1": {} });
    expect(late.cards, "what the leader could not write the others do not see").toEqual({ "cards/c1": {} });
    await closing(leader);
    await closing(late);
    const next = tab();
    await rest(3);
    expect(next.cards).toEqual({ "cards/c1": {} });
  });

  it("do not take the lead while they are hidden and it is alive", async () => {
    const [a, b] = [tab(), tab()];
    await rest();
    b.visible = false;
    a.freeze();
    await pass(10_000);
    expect(b.client.leading).toBe(false);
    b.visible = true;
    await pass(2000);
    await rest();
    expect(b.client.leading).toBe(true);
  });

  it("share network switch, presence, casts and checks", async () => {
    const [a, b] = [tab({ presence: true }), tab({ presence: true })];
    const heard: unknown[] = [];
    b.space.onCast((cast) => heard.push(cast.data));
    await rest();
    await expect(b.space.check()).resolves.toMatchObject({ ok: true });
    server.last.tell({ t: "cast", space: "demo/board", session: "x", topic: "t", data: 7 });
    server.last.tell({ t: "present", space: "demo/board", peers: [{ session: "x", user: "eve", state: { at: 1 } }] });
    await rest();
    expect(heard).toEqual([7]);
    expect([...b.space.presence.peers.keys()]).toEqual(["x"]);
    b.space.presence.set({ at: 2 });
    b.space.cast("t", 8);
    await rest();
    expect(server.received.filter(({ t }) => t === "presence" || t === "cast")).toMatchObject([{ state: { at: 2 } }, { data: 8 }]);
    b.client.goOffline();
    await rest();
    expect([a, b].map(({ client }) => client.status.state)).toEqual(["paused", "paused"]);
    a.client.goOnline();
    await rest();
    expect([a, b].map(({ client }) => client.status.state)).toEqual(["live", "live"]);
  });

  it("may want different views and spaces", async () => {
    const [a, b] = [tab(), tab({ view: [{ in: "people" }] })];
    await rest();
    const extra = b.client.space("demo/other", { view: VIEW });
    await rest();
    server.space().write({ op: "put", in: "cards", id: "c", value: {} }, { op: "put", in: "people", id: "p", value: {} });
    server.space("demo/other").write({ op: "put", in: "cards", id: "o", value: {} });
    await rest();
    expect(a.space.get("cards", "c")).toBeDefined();
    expect(b.space.get("people", "p")).toBeDefined();
    expect(extra.get("cards", "o")).toBeDefined();
    const made = extra.put("cards", "mine", {});
    await rest();
    expect(made.state).toBe("applied");
    expect(server.links.length).toBe(1);
    a.client.close();
    await rest();
    extra.put("cards", "later", {});
    await rest();
    expect(server.space("demo/other").visible(VIEW)).toEqual({ "cards/o": {}, "cards/mine": {}, "cards/later": {} });
  });

  it("are all signed out, and what was stored is gone", async () => {
    const [a, b] = [tab(), tab()];
    await rest();
    a.space.put("cards", "x", {});
    await rest();
    await Promise.all([b.client.signOut(), rest()]);
    expect([a, b].map(({ client }) => client.status)).toMatchObject([
      { state: "stopped", error: { code: "signed_out" } },
      { state: "stopped", error: { code: "signed_out" } },
    ]);
    expect(await disk.call((table) => table.size)).toBe(0);
  });
});
