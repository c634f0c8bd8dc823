import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Query } from "../src/api.js";
import { hydrated, snapshot } from "../src/hydrate.js";
import { Lease } from "../src/lease.js";
import { MemoryDisk } from "../src/memory.js";
import { nameOf } from "../src/watch.js";
import { FakeBrowser } from "./browser.js";
import { FakeServer } from "./fake.js";
import { pass } from "./harness.js";
import { rest, Tab } from "./tabs.js";

/** The lease of cards, in milliseconds. */
const LEASE = 600_000;
const ALL: Query = { in: "cards" };
const view = [{ in: "cards" }, { in: "notes" }];

let server: FakeServer;
let disk: MemoryDisk;
let browser: FakeBrowser;
const tabs: Tab[] = [];

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  server = new FakeServer();
  disk = new MemoryDisk();
  browser = new FakeBrowser();
  rules({ cards: LEASE });
  server.space().write({ op: "put", in: "cards", id: "a", value: { n: 1 } }, { op: "put", in: "notes", id: "a", value: { n: 1 } });
});

afterEach(() => {
  for (const tab of tabs.splice(0)) if (tab.alive) tab.close();
  vi.useRealTimers();
});

/** Other rules: they have another name each time. */
function rules(leases: FakeServer["spaces"] extends Map<string, infer S> ? (S extends { leases: infer L } ? L : never) : never): void {
  const space = server.space();
  space.leases = leases;
  space.scopes.clear();
  space.rescope(`s${Math.random()}`, () => true);
}

async function open(): Promise<Tab> {
  const tab = new Tab(browser, server, disk, { view });
  tabs.push(tab);
  tab.space.query({ in: "notes" });
  await rest();
  return tab;
}

/** What a tab shows is that, by every way to look; `shows` are ids. */
function expectShown(tab: Tab, shows: readonly string[]): void {
  const { space, query } = tab;
  expect(query.rows.map(({ id }) => id)).toEqual(shows);
  expect(query.total).toBe(shows.length);
  const fresh = space.query({ in: "cards", sort: ["n"], limit: 9 });
  expect(fresh.rows.map(({ id }) => id)).toEqual(shows);
  expect(space.get("cards", "a")?.id).toBe(shows.includes("a") ? "a" : undefined);
  expect(space.get("notes", "a")?.id, "what has no lease").toBe("a");
  const gone = shows.length === 0;
  expect(space.status.expired).toEqual(gone ? ["cards"] : undefined);
  for (const { result } of [query, fresh]) expect(result.status === "expired").toBe(gone);
  fresh.close();
}

describe("the time of a lease", () => {
  const leases = { cards: 1000, notes: 5000 };
  const at = (lease: Lease, now: number): readonly string[] => {
    lease.pass(now, leases);
    return lease.hidden;
  };

  it("runs from the question that was answered", () => {
    const lease = new Lease();
    expect(at(lease, 1), "nothing is known").toEqual([]);
    expect(at(lease, 10_000)).toEqual(["cards", "notes"]);
    lease.contact(10_000, 10_500);
    expect(at(lease, 11_000)).toEqual([]);
    expect(at(lease, 11_001)).toEqual(["cards"]);
    lease.contact(10_600, 13_000); // of before the page was frozen
    expect(at(lease, 13_000)).toEqual(["cards"]);
    lease.contact(9_000, 13_000); // of a tab that was
    expect(lease.seen).toBe(10_600);
    expect(lease.pass(13_500, undefined), "without leases").toBe(true);
    expect(lease.hidden).toEqual([]);
  });

  it("is not prolonged by a clock that is set back, and one that was wrong is forgiven", () => {
    let lease = new Lease();
    lease.contact(10_000, 10_000);
    for (let i = 0; i < 3; i++) {
      for (let now = 10_000; now <= 10_400; now += 100) lease.pass(now, leases);
      const stored = lease.term; // and over a restart
      lease = new Lease();
      lease.load(stored);
    }
    expect(at(lease, 10_000)).toEqual(["cards"]);
    expect(at(lease, 1e12)).toEqual(["cards", "notes"]);
    expect(at(lease, 10_000)).toEqual(["cards", "notes"]);
    lease.contact(10_100, 10_100);
    expect(at(lease, 11_100)).toEqual([]);
    expect(at(lease, 11_101)).toEqual(["cards"]);
    lease.contact(1e12, 1e12); // contact while it is ahead
    lease.contact(20_000, 20_000);
    expect(at(lease, 20_999)).toEqual([]);
    expect(at(lease, 21_001)).toEqual(["cards"]);
  });
});

describe("a space", () => {
  it("is hidden by the clock while nobody looks, and shows again once it is live", async () => {
    const tab = await open();
    expectShown(tab, ["a"]);
    let told = 0;
    tab.query.subscribe(() => told++);
    tab.client.goOffline();
    await pass(LEASE - 5000);
    expectShown(tab, ["a"]);
    const before = told;
    await pass(6000);
    expect(told).toBe(before + 1);
    expectShown(tab, []);

    const own = tab.space.put("cards", "b", { n: 2 });
    expectShown(tab, []);
    expect(tab.space.pending).toEqual([own]);
    tab.space.mutate((tx) => {
      expect(tx.get("cards", "a")).toBeUndefined();
      expect(tx.query(ALL)).toEqual([]);
      tx.put("notes", "b", {});
    });
    const read = (): unknown => tab.space.mutate((tx) => tx.get("cards", "a"), { serializable: true });
    expect(read).toThrow(expect.objectContaining({ code: "expired" }) as Error);

    tab.client.goOnline();
    await rest();
    expectShown(tab, ["a", "b"]);
    expect(tab.space.status).toMatchObject({ state: "live", pending: 0 });
  });

  it("stays hidden until catching up is done", async () => {
    const tab = await open();
    tab.client.goOffline();
    await pass(2 * LEASE);
    server.space().write({ op: "put", in: "cards", id: "b", value: { n: 2 } });
    let held: string | undefined;
    server.cut = (way, text) => {
      if (way === "down" && text.startsWith('{"t":"diff"')) held = text;
      return false;
    };
    const link = new Promise<void>((resolve) => {
      server.answer = (message, to) => {
        if (message["t"] !== "open") return false;
        to.tell({ t: "opened", space: "demo/board", view: "v", from: message["cursor"], head: server.space().cursor(), last: 0, outcomes: [], resume: "diff", scope: message["scope"], leases: { cards: LEASE } });
        server.answer = () => false;
        resolve();
        return true;
      };
    });
    tab.client.goOnline();
    await link;
    await rest();
    expect(tab.space.status.state).toBe("syncing");
    expectShown(tab, []);
    expect(held).toBeUndefined();
    server.last.tell({ t: "diff", space: "demo/board", view: "v", from: "1-a", to: server.space().cursor(), put: [["cards", "b", 2, { n: 2 }]] });
    await rest();
    expectShown(tab, ["a", "b"]);
  });

  it("asks for signs of life while it is connected, and only if there is a lease", async () => {
    const tab = await open();
    const pings = (): number => server.received.filter(({ t }) => t === "ping").length;
    for (let i = 0; i < 25; i++) {
      server.space().write({ op: "put", in: "notes", id: "n", value: { i } }); // it is never silent
      await pass(60_000);
      expectShown(tab, ["a"]);
    }
    expect(pings()).toBeGreaterThan(40);
    expect(pings()).toBeLessThan(70);
    rules(undefined);
    await rest();
    const before = pings();
    for (let i = 0; i < 20; i++) {
      server.space().write({ op: "put", in: "notes", id: "n", value: { i } });
      await pass(20_000);
    }
    expect(pings()).toBe(before);
    tab.client.goOffline();
    await pass(3 * LEASE);
    expectShown(tab, ["a"]);
  });

  it("shows nothing after a sleep, whoever looks first, and whatever lay in buffers", async () => {
    const looks: ((tab: Tab) => unknown)[] = [
      (tab) => tab.query.rows[0],
      (tab) => tab.query.result.rows[0],
      (tab) => tab.query.total || undefined,
      (tab) => tab.space.get("cards", "a"),
      (tab) => {
        let seen: unknown;
        tab.space.mutate((tx) => {
          seen = tx.get("cards", "a");
          tx.put("notes", "x", {});
        });
        return seen;
      },
      (tab) => {
        const live = tab.space.query(ALL);
        live.close();
        return live.rows[0];
      },
    ];
    const tab = await open();
    for (const look of looks) {
      expect(look(tab)).toBeDefined();
      server.last.tell({ t: "pong" });
      server.space().write({ op: "put", in: "cards", id: "a", value: { n: 1 } });
      vi.setSystemTime(Date.now() + 2 * LEASE); // no timer runs
      expect(look(tab)).toBeUndefined();
      for (let i = 0; i < 9; i++) await Promise.resolve();
      expect(look(tab), "a message of before").toBeUndefined();
      await pass(2000); // it asks, and is answered
      expect(look(tab)).toBeDefined();
    }
  });

  it("takes an answer for as old as its question", async () => {
    const tab = await open();
    let asked: { tell(message: { t: string }): void } | undefined;
    server.answer = (message, link) => {
      if (message["t"] !== "ping") return false;
      asked = link;
      return true;
    };
    await pass(30_000);
    vi.setSystemTime(Date.now() + 2 * LEASE);
    asked?.tell({ t: "pong" }); // it lay in a buffer
    for (let i = 0; i < 9; i++) await Promise.resolve();
    expect(asked).toBeDefined();
    expectShown(tab, []);
    server.answer = () => false;
    await pass(15_000);
    expectShown(tab, ["a"]);
  });

  it("is hidden before the first paint after a restart, and a clock set back does not change that", async () => {
    const first = await open();
    await pass(LEASE / 2);
    first.close();
    await rest();
    server.cut = () => true;
    const painted = async (ago: number): Promise<boolean> => {
      vi.setSystemTime(Date.now() + ago);
      const tab = await open();
      let most = tab.query.rows.length;
      tab.query.subscribe(() => (most = Math.max(most, tab.query.rows.length)));
      await tab.query.ready;
      await rest();
      most = Math.max(most, tab.query.rows.length);
      expect(tab.space.get("notes", "a")).toBeDefined();
      expect(most > 0).toBe(tab.space.status.expired === undefined);
      await pass(70_000); // which it notes
      tab.close();
      await rest();
      return most > 0;
    };
    expect(await painted(LEASE / 2)).toBe(true);
    expect(await painted(LEASE / 2)).toBe(false);
    expect(await painted(-LEASE)).toBe(false);
    server.cut = () => false;
    const tab = await open();
    expectShown(tab, ["a"]);
  });

  it("takes leases, and what becomes of them, from other rules, connected or away", async () => {
    rules(undefined);
    const tab = await open();
    await pass(1000);
    expect((await disk.call((table) => table.range("demo/board\0m", "demo/board\0o"))).length, "nothing is stored without leases").toBe(0);
    rules({ cards: LEASE });
    await rest();
    await pass(1000);
    expectShown(tab, ["a"]);
    tab.client.goOffline();
    await pass(2 * LEASE);
    expectShown(tab, []);
    rules(undefined);
    tab.client.goOnline();
    await rest();
    expectShown(tab, ["a"]);
    tab.client.goOffline();
    await pass(2 * LEASE);
    expectShown(tab, ["a"]);
    tab.close();
    await rest();
    rules({ notes: 100 * LEASE, cards: LEASE / 2 });
    const other = await open();
    other.client.goOffline();
    await pass(LEASE);
    expectShown(other, []);
  });

  it("shows nothing of what a page was rendered from either", async () => {
    const tab = await open();
    const page = hydrated(await snapshot(tab.space, [ALL]));
    const visitor = new Tab(new FakeBrowser(), server, disk, { view });
    tabs.push(visitor);
    server.cut = () => true;
    vi.setSystemTime(Date.now() + 2 * LEASE);
    await rest();
    expect(visitor.query.result.status).toBe("expired");
    expect(page.over(visitor.space, ALL, nameOf(ALL), visitor.query.result).rows).toEqual([]);
    expect(page.overEntry(visitor.space, "cards", "a", undefined)).toBeUndefined();
    expect(page.result("demo/board", nameOf(ALL))?.rows.length, "it has it").toBe(1);
  });
});

describe("tabs", () => {
  it("agree, and one that follows hears of contact", async () => {
    const leader = await open();
    const follower = await open();
    expect([leader.client.leading, follower.client.leading]).toEqual([true, false]);
    for (let i = 0; i < 25; i++) await pass(60_000);
    expectShown(leader, ["a"]);
    expectShown(follower, ["a"]);
    leader.client.goOffline();
    await pass(LEASE - 30_000);
    expectShown(leader, ["a"]);
    expectShown(follower, ["a"]);
    await pass(31_000);
    expectShown(leader, []);
    expectShown(follower, []);
    leader.client.goOnline();
    await rest();
    await pass(1000);
    expectShown(leader, ["a"]);
    expectShown(follower, ["a"]);
  });

  it("hide what has run out without the one that leads, and when they thaw", async () => {
    const leader = await open();
    const follower = await open();
    follower.visible = false; // so that it does not take the lead
    leader.freeze();
    vi.setSystemTime(Date.now() + LEASE + 1000);
    expectShown(follower, []);
    leader.thaw();
    expectShown(leader, []);
    follower.freeze();
    await pass(5000);
    expectShown(leader, ["a"]);
    vi.setSystemTime(Date.now() + 2 * LEASE);
    follower.thaw(); // with news of contact from before
    expectShown(follower, []);
    await pass(5000);
    expectShown(follower, ["a"]);
  });
});
