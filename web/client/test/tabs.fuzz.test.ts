import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { MemoryDisk } from "../src/memory.js";
import { StoreError } from "../src/store.js";
import { FakeBrowser } from "./browser.js";
import { FakeServer } from "./fake.js";
import { pass, VIEW } from "./harness.js";
import { rest, Tab } from "./tabs.js";

/** How many schedules; `TABS=1000` for many. */
const RUNS = Number(process.env["TABS"] ?? 100);

const which = fc.nat(7);
type Act = { readonly do: string; readonly tab: number; readonly n: number };
const act: fc.Arbitrary<Act> = fc.record({
  do: fc.constantFrom(
    "mutate", "mutate", "mutate", "mutate", "open", "kill", "close", "freeze", "thaw", "hide", "show", "cut", "fail", "full",
    "lose", "shut", "pause", "resume", "write", "wait", "wait", "settle", "late", "scope", "forbid", "allow",
  ),
  tab: which,
  n: fc.nat(1500),
});

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

/**
 * Each mutation puts a card of its own and adds one to a common counter: the
 * counter tells whether one was applied twice, the cards whether one is lost.
 */
async function play(acts: readonly Act[], losing: boolean, lease?: number): Promise<void> {
  if (process.env["TRACE"]) (await import("node:fs")).appendFileSync(process.env["TRACE"], JSON.stringify(acts) + "\n");
  const server = new FakeServer();
  const disk = new MemoryDisk();
  const browser = new FakeBrowser();
  server.space().write({ op: "put", in: "cards", id: "n", value: { n: 0 } });
  if (lease !== undefined) {
    server.space().leases = { cards: lease };
    server.space().rescope("s", () => true);
  }
  const tabs: Tab[] = [new Tab(browser, server, disk)];
  const saved = new Map<string, Tab>();
  const all = new Map<string, Tab>();
  let count = 0;
  let failing = 0;
  disk.before = () => {
    if (failing > 0 && failing-- > 0) throw new StoreError("full", "planted");
  };
  for (const { do: what, tab: index, n } of acts) {
    const alive = tabs.filter((tab) => tab.alive);
    const tab = alive[index % Math.max(1, alive.length)];
    switch (what) {
      case "open":
        if (alive.length < 4) tabs.push(new Tab(browser, server, disk));
        break;
      case "mutate": {
        if (tab === undefined || tab.frozen || tab.client.status.state === "stopped") break;
        const id = `m${++count}`;
        const made = tab.space.mutate((tx) => {
          tx.put("cards", id, {});
          tx.patch("cards", "n", { $inc: { n: 1 } });
        });
        all.set(id, tab);
        made.saved.then(() => saved.set(id, tab), () => undefined);
        break;
      }
      case "kill":
        tab?.kill();
        break;
      case "close":
        if (tab !== undefined && !tab.frozen) tab.close();
        break;
      case "freeze":
        tab?.freeze();
        break;
      case "thaw":
        tab?.thaw();
        break;
      case "hide":
      case "show":
        if (tab !== undefined) tab.visible = what === "show";
        break;
      case "cut":
        server.links.at(-1 - (n % 2))?.drop();
        break;
      case "fail":
      case "full":
        failing += 1 + (n % 3);
        break;
      case "lose":
        if (losing) disk.lose();
        break;
      case "shut":
        if (losing) disk.lose(true);
        break;
      case "pause":
        tab?.client.goOffline();
        break;
      case "resume":
        tab?.client.goOnline();
        break;
      case "write":
        server.space().write({ op: "put", in: "cards", id: `w${n % 5}`, value: { n } });
        break;
      case "scope":
        if (n % 3 === 0) server.space().scopes.clear();
        server.space().rescope(`s${n}`, (key) => key !== `cards/w${n % 5}`, n % 2 === 0 ? [{ in: "cards" }] : undefined);
        break;
      case "forbid":
        server.space().forbid();
        break;
      case "allow":
        server.space().forbidden = false;
        break;
      case "wait":
        await pass(n);
        break;
      case "late":
        browser.delay = n % 2 === 0 ? () => 0 : () => (count * 7 + n) % 50;
        break;
      case "sleep":
        vi.setSystemTime(Date.now() + n * 4); // timers do not run
        break;
      default:
        await rest(3);
    }
    // An answer is no older than what the server has said last, to anybody.
    if (lease === undefined || Date.now() - server.told <= lease) continue;
    for (const one of tabs.filter((other) => other.alive && !other.frozen)) {
      expect(one.query.rows.filter(({ state }) => state === "confirmed"), "what has run out shows").toEqual([]);
      expect(one.space.get("cards", "n")?.version ?? 0, "what has run out shows").toBe(0);
    }
  }
  failing = 0;
  server.space().forbidden = false;
  browser.delay = () => 0;
  for (const tab of tabs.filter((one) => one.alive)) {
    tab.thaw();
    tab.visible = true;
  }
  tabs.push(new Tab(browser, server, disk));
  await rest();
  for (const tab of tabs.filter((one) => one.alive)) tab.client.goOnline();
  for (let i = 0; i < 15; i++) {
    await pass(2000);
    await rest(2);
  }
  if (process.env["ACTS"]) for (const tab of tabs.filter((one) => one.alive)) console.log(tab.client.leading, tab.space.status, tab.space.pending, tab.cards);
  const there = server.space().visible(VIEW);
  const marks = Object.keys(there).filter((key) => key.startsWith("cards/m"));
  expect(there["cards/n"], "each once").toEqual({ n: marks.length });
  for (const [id, tab] of saved) {
    // What only the store knew, because the tab is dead, is gone with a store that was removed.
    if (!losing || tab.alive) expect(there, "none lost").toHaveProperty([`cards/${id}`]);
  }
  for (const [id, tab] of all) if (tab.alive) expect(there, "none of a tab that lives is lost").toHaveProperty([`cards/${id}`]);
  for (const tab of tabs.filter((one) => one.alive)) {
    expect(tab.space.status).toMatchObject({ state: "live", pending: 0, rejected: 0, storage: { kind: "disk" } });
    expect(tab.query.result.status).toBe("live");
    expect(tab.cards).toEqual(there);
  }
  expect(tabs.filter((one) => one.alive && one.client.leading).length).toBe(1);
  server.space().forbid();
  await rest();
  for (const tab of tabs.filter((one) => one.alive)) expect(tab.cards, "nothing that is forbidden shows").toEqual({});
  const archive = await disk.call((table) => table.range("demo/board\0a", "demo/board\0b"));
  expect(archive.map(([key]) => key), "or is kept").toEqual(["demo/board\0am"]);
  for (const tab of tabs.filter((one) => one.alive)) tab.client.close();
  await rest();
}

it.runIf(process.env["ACTS"])("a schedule that was kept", () => play(JSON.parse(process.env["ACTS"] ?? "[]") as Act[], true));

it("no mutation that was saved is lost, and none is applied twice, whatever becomes of tabs, store and network", async () => {
  await fc.assert(fc.asyncProperty(fc.array(act, { maxLength: 50 }), (acts) => play(acts, false)), { numRuns: RUNS, endOnFailure: process.env["SHRINK"] === undefined });
}, 600_000);

it("nothing shows for longer than its lease, and all does when there is contact", async () => {
  const sleeping = act.chain((one) => fc.constantFrom(one, { ...one, do: "sleep" }, { ...one, do: "pause" }, one));
  await fc.assert(fc.asyncProperty(fc.array(sleeping, { maxLength: 40 }), (acts) => play(acts, false, 3000)), { numRuns: RUNS, endOnFailure: process.env["SHRINK"] === undefined });
}, 600_000);

it("the same where the browser removes the store", async () => {
  await fc.assert(fc.asyncProperty(fc.array(act, { maxLength: 30 }), (acts) => play(acts, true)), { numRuns: RUNS / 2, endOnFailure: process.env["SHRINK"] === undefined });
}, 600_000);
