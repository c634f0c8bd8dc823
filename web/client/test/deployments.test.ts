/** Tabs of an older and of a newer program side by side, and a program that comes to speak another version. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { View } from "../src/api.js";
import { MemoryDisk } from "../src/memory.js";
import { StoreError } from "../src/store.js";
import { FakeBrowser } from "./browser.js";
import { FakeServer } from "./fake.js";
import { pass } from "./harness.js";
import { rest, Tab } from "./tabs.js";

const OLD: View = [{ in: "cards" }, { in: "lists" }];
const NEW: View = [{ in: "cards", v: 2 }, { in: "lists" }];
const OUTDATED = { state: "stopped", error: { code: "upgrade_required" } };

let server: FakeServer;
let disk: MemoryDisk;
let browser: FakeBrowser;
beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  server = new FakeServer();
  disk = new MemoryDisk();
  browser = new FakeBrowser();
  server.space().write({ op: "put", in: "cards", id: "a", value: { text: "A" } });
  server.space().write({ op: "put", in: "lists", id: "l", value: { name: "L" } });
});
afterEach(async () => {
  for (const tab of tabs.splice(0)) if (tab.alive) tab.client.close();
  await rest();
  vi.useRealTimers();
});

const tabs: Tab[] = [];
function open(view: View): Tab {
  const tab = new Tab(browser, server, disk, { view });
  tabs.push(tab);
  tab.space.query({ in: "lists" }); // so that they are read
  return tab;
}
/** A newer program after an older one has ended, on its store; the server does not answer any more. */
async function succeed(): Promise<Tab> {
  const old = open(OLD);
  await rest();
  old.close();
  await rest();
  server.answer = () => true;
  const next = open(NEW);
  await rest();
  return next;
}
const lists = (tab: Tab): unknown[] => tab.space.query({ in: "lists" }).rows.map(({ id }) => id);
const opens = (): unknown[] => server.received.filter(({ t }) => t === "open");

describe("an older tab beside a newer one", () => {
  it("ends, says why, and keeps what it shows; the newer one leads and fetches the one collection", async () => {
    const old = open(OLD);
    await rest();
    expect(lists(old)).toEqual(["l"]);
    server.space().told.length = 0;
    const next = open(NEW);
    await rest();
    for (const status of [old.space.status, old.client.status]) expect(status).toMatchObject(OUTDATED);
    expect(old.client.leading).toBe(false);
    expect([old.cards, lists(old)]).toEqual([{ "cards/a": { text: "A" } }, ["l"]]);
    expect(old.query.result.status).toBe("offline");
    for (const write of [() => old.space.put("cards", "x", {}), () => old.space.call("c"), () => old.client.space("other", { view: OLD })]) {
      expect(write).toThrow(expect.objectContaining({ code: "upgrade_required" }));
    }
    expect(next.client.leading).toBe(true);
    expect(next.space.status).toMatchObject({ state: "live" });
    expect([next.cards, lists(next)]).toEqual([{ "cards/a": { text2: "A" } }, ["l"]]);
    expect(server.space().told).toEqual(["cards/a"]);
    server.received.length = 0;
    await pass(60_000);
    expect(opens()).toEqual([]);
  });

  it("leaves its queue to the newer one, which sends each mutation once and as what it is", async () => {
    const old = open(OLD);
    await rest();
    server.answer = ({ t }) => t === "push";
    const made = [old.space.put("cards", "m1", { text: "1" }), old.space.patch("cards", "a", { $set: { text: "B" } })];
    await rest();
    const late = old.space.put("cards", "m2", { text: "2" }); // not stored yet when the newer one comes
    const ends = [...made, late].map((one) => one.confirmed.catch((error: unknown) => error));
    const next = open(NEW);
    await rest();
    server.answer = () => false;
    await late.saved;
    for (const end of ends) expect(await end).toMatchObject({ code: "upgrade_required" });
    next.client.goOffline();
    next.client.goOnline();
    await rest();
    const expected = { "cards/a": { text2: "B" }, "cards/m1": { text2: "1" }, "cards/m2": { text2: "2" } };
    expect(server.space().visible([{ in: "cards", v: 2 }])).toEqual(expected);
    expect(next.cards).toEqual(expected);
    expect(next.space.status.pending).toBe(0);
    expect(server.space().log.filter(({ client }) => client !== "")).toHaveLength(3);
  });

  it("tells of what could not be stored", async () => {
    const old = open(OLD);
    await rest();
    disk.before = () => {
      throw new StoreError("full", "planted");
    };
    const made = old.space.put("cards", "x", { text: "x" });
    await expect(made.saved).rejects.toMatchObject({ code: "full" });
    const end = made.confirmed.catch((error: unknown) => error);
    const next = open(NEW);
    await pass(50);
    expect(await end).toMatchObject({ code: "upgrade_required" });
    expect(old.space.status).toMatchObject({ ...OUTDATED, pending: 1 });
    disk.before = undefined;
    await pass(20_000);
    expect(next.cards).toEqual({ "cards/a": { text2: "A" } });
    expect(next.space.status).toMatchObject({ state: "live", pending: 0 });
  });

  it("is told at once when it opens later, and does the store no harm", async () => {
    const next = open(NEW);
    await rest();
    server.received.length = 0;
    server.space().told.length = 0;
    const old = open(OLD);
    const made = old.space.put("cards", "m", { text: "m" });
    await made.saved;
    await rest();
    expect(old.space.status).toMatchObject(OUTDATED);
    expect(old.cards).toEqual({ "cards/m": { text: "m" } }); // nothing in the form of the newer version
    await rest();
    expect(next.cards).toEqual({ "cards/a": { text2: "A" }, "cards/m": { text2: "m" } });
    expect(opens()).toEqual([]);
    expect(server.space().told).toEqual(["cards/m"]);
  });

  it("takes nothing of what the newer one tells before it has said what it is", async () => {
    open(NEW);
    await rest();
    browser.delay = () => 20;
    const old = open(OLD);
    await rest();
    server.space().write({ op: "put", in: "cards", id: "b", value: { text: "B" } });
    await pass(25);
    expect(old.cards).toEqual({});
    await pass(100);
    expect(old.space.status).toMatchObject(OUTDATED);
    expect(old.cards).toEqual({});
  });

  it("learns of it without the network, too", async () => {
    const old = open(OLD);
    await rest();
    old.client.goOffline();
    const next = open(NEW);
    await rest();
    expect(old.space.status).toMatchObject(OUTDATED);
    expect(next.space.status.state).toBe("paused");
    expect([next.cards, lists(next)]).toEqual([{}, ["l"]]);
    expect(next.query.result.status).toBe("offline");
    expect(next.client.leading).toBe(true);
  });

  it.each(["kill", "freeze", "close"] as const)("does no harm when it leads and they %s it", async (what) => {
    const old = open(OLD);
    await rest();
    old[what]();
    const next = open(NEW);
    await pass(3000);
    await rest();
    expect(next.client.leading).toBe(true);
    expect(next.cards).toEqual({ "cards/a": { text2: "A" } });
    server.space().write({ op: "put", in: "cards", id: "b", value: { text: "B" } });
    await rest();
    if (what !== "freeze") return;
    old.thaw();
    await rest();
    expect(old.space.status).toMatchObject(OUTDATED);
    expect(old.cards).toEqual({ "cards/a": { text: "A" } });
    expect(next.cards).toEqual({ "cards/a": { text2: "A" }, "cards/b": { text2: "B" } });
    expect(next.client.leading).toBe(true);
  });

  it("that outlives the newer one learns of it from the store", async () => {
    const [first, old] = [open(OLD), open(OLD)];
    await rest();
    for (const tab of [first, old]) tab.freeze();
    first.kill();
    const next = open(NEW);
    await pass(3000);
    next.kill();
    old.thaw();
    await pass(3000);
    expect(old.space.status).toMatchObject(OUTDATED);
    expect(old.cards).toEqual({ "cards/a": { text: "A" } });
  });

  it("that has heard of nothing learns of it from the store, too", async () => {
    const [first, old] = [open(OLD), open(OLD)];
    await rest();
    for (const tab of [first, old]) tab.freeze();
    first.kill();
    browser.delay = () => 1e9;
    const next = open(NEW);
    await pass(3000);
    next.kill();
    browser.delay = () => 0;
    old.thaw();
    await pass(3000);
    expect(old.space.status).toMatchObject(OUTDATED);
    expect(old.cards).toEqual({ "cards/a": { text: "A" } });
  });

  it("goes on after a reload, if it is alone: a deployment may be taken back", async () => {
    const next = open(NEW);
    await rest();
    next.client.goOffline();
    next.space.put("cards", "m", { text2: "m" });
    await rest();
    next.close();
    await rest();
    const old = open(OLD);
    await rest();
    expect(old.space.status).toMatchObject({ state: "live", pending: 0 });
    expect(old.cards).toEqual({ "cards/a": { text: "A" }, "cards/m": { text: "m" } });
  });

  it("is not one that has other collections in its view", async () => {
    const [a, b] = [open(NEW), open([{ in: "lists" }])];
    await rest();
    server.space().write({ op: "put", in: "lists", id: "k", value: {} });
    await rest();
    for (const tab of [a, b]) {
      expect(tab.space.status.state).toBe("live");
      expect(lists(tab)).toEqual(["k", "l"]);
    }
    a.kill();
    await rest();
    expect(b.space.status.state).toBe("live");
    expect(lists(b)).toEqual(["k", "l"]);
  });

  it("hands the space over where a third tab, that does not have it, leads", async () => {
    const third = open([{ in: "lists" }]);
    third.space.close();
    third.client.space("demo/other", { view: OLD });
    await rest();
    const old = open(OLD);
    await rest();
    expect(old.cards).toEqual({ "cards/a": { text: "A" } });
    const next = open(NEW);
    await rest();
    expect(third.client.leading).toBe(true);
    expect(old.space.status).toMatchObject(OUTDATED);
    expect(next.cards).toEqual({ "cards/a": { text2: "A" } });
    expect(next.space.status.state).toBe("live");
    const again = open(OLD);
    await rest();
    expect(again.space.status).toMatchObject(OUTDATED);
    expect(again.cards).toEqual({});
  });

  it("shows nothing for longer than its lease", async () => {
    server.space().leases = { cards: 5000 };
    server.space().rescope("s", () => true);
    const old = open(OLD);
    await rest();
    open(NEW);
    await rest();
    expect(old.cards).toEqual({ "cards/a": { text: "A" } });
    await pass(7000);
    expect(old.cards).toEqual({});
    expect(old.space.status).toMatchObject({ ...OUTDATED, expired: ["cards"] });
  });
});

describe("a program that comes to speak another version of a collection", () => {
  it("has the others at once, offline too, and is sent the one collection alone", async () => {
    const old = open(OLD);
    await rest();
    old.close();
    await rest();
    server.space().told.length = 0;
    server.received.length = 0;
    server.answer = () => true; // nobody answers yet
    const next = open(NEW);
    await rest();
    expect([next.cards, lists(next)]).toEqual([{}, ["l"]]);
    expect(opens()).toMatchObject([{ view: NEW, was: [{ in: "lists" }], cursor: "2-a" }]);
    server.answer = () => false;
    next.client.goOffline();
    next.client.goOnline();
    await rest();
    expect(next.cards).toEqual({ "cards/a": { text2: "A" } });
    expect(server.space().told).toEqual(["cards/a"]);
    expect((await next.space.check()).ok).toBe(true);
  });

  it("keeps what it was sent, and nothing of the former form", async () => {
    server.space().write({ op: "put", in: "cards", id: "gone", value: { text: "gone" } });
    for (const view of [OLD, NEW]) {
      const tab = open(view);
      await rest();
      tab.close();
      await rest();
      server.space().write({ op: "delete", in: "cards", id: "gone" });
    }
    server.space().told.length = 0;
    server.answer = () => true;
    const again = open(NEW);
    await rest();
    expect([again.cards, lists(again)]).toEqual([{ "cards/a": { text2: "A" } }, ["l"]]);
  });

  it("leaves the former ones in the store until there is something to write", async () => {
    const next = await succeed();
    expect(next.cards).toEqual({});
    next.close();
    await rest();
    const back = open(OLD);
    await rest();
    expect(back.cards).toEqual({ "cards/a": { text: "A" } });
  });

  it("computes nothing serializable from what has not come", async () => {
    const next = await succeed();
    expect(() => next.space.mutate((tx) => void tx.get("cards", "a"), { serializable: true })).toThrow(expect.objectContaining({ code: "not_loaded" }));
    next.space.mutate((tx) => tx.put("lists", "k", { n: tx.query({ in: "lists" }).length }), { serializable: true });
    expect(lists(next)).toEqual(["k", "l"]);
  });

  it("speaks of a collection that it adds to its view at the version that it says there", async () => {
    const tab = open([{ in: "lists" }]);
    await rest();
    tab.space.setView(NEW);
    tab.space.put("cards", "b", { text2: "B" });
    await rest();
    expect(tab.cards).toEqual({ "cards/a": { text2: "A" }, "cards/b": { text2: "B" } });
    expect(server.space().visible([{ in: "cards" }])).toEqual({ "cards/a": { text: "A" }, "cards/b": { text: "B" } });
    expect(() => tab.space.setView(OLD)).toThrow(/stays at its versions/);
  });

  it("writes nothing for what it reads", async () => {
    const first = open(OLD);
    await rest();
    first.close();
    await rest();
    const tab = new Tab(browser, server, disk, { view: OLD });
    tabs.push(tab);
    await rest();
    expect(tab.space.status.state).toBe("live");
    const written: string[] = [];
    disk.before = ({ put = [] }) => void written.push(...put.map(([key]) => key));
    const query = tab.space.query({ in: "lists" });
    await query.ready;
    await rest();
    expect(query.total).toBe(1);
    expect(written).toEqual([]);
    disk.before = undefined;
  });
});
