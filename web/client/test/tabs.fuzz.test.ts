import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { View } from "../src/api.js";
import { MemoryDisk } from "../src/memory.js";
import { StoreError } from "../src/store.js";
import { FakeBrowser } from "./browser.js";
import { FakeServer } from "./fake.js";
import { pass } from "./harness.js";
import { rest, Tab } from "./tabs.js";

/** How many schedules; `TABS=1000` for many. */
const RUNS = Number(process.env["TABS"] ?? 100);

/** What programs of the two versions want. Lists are the same to both. */
const VIEWS: readonly [View, View] = [[{ in: "cards" }, { in: "lists" }], [{ in: "cards", v: 2 }, { in: "lists" }]];

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
 * Where it is `mixed`, some tabs have a program of another version.
 */
async function play(acts: readonly Act[], { losing = false, lease, mixed = false }: { losing?: boolean; lease?: number; mixed?: boolean }): Promise<void> {
  if (process.env["TRACE"]) (await import("node:fs")).appendFileSync(process.env["TRACE"], JSON.stringify(acts) + "\n");
  const server = new FakeServer();
  const disk = new MemoryDisk();
  const browser = new FakeBrowser();
  server.space().write({ op: "put", in: "cards", id: "n", value: { n: 0 } });
  if (lease !== undefined) {
    server.space().leases = { cards: lease };
    server.space().rescope("s", () => true);
  }
  const tabs: Tab[] = [];
  /** Rows that a tab has shown in the form of the other version. */
  const strange = new Set<string>();
  const open = (n: number): void => {
    const tab = new Tab(browser, server, disk, { view: VIEWS[mixed ? (n % 2) as 0 | 1 : 0] });
    tabs.push(tab);
    const look = (): void => {
      if (tab.v === 2 && tab.outdated) strange.add("there is no newer one");
      for (const { id, value } of [...tab.query.rows, tab.space.get("cards", "n")].filter((row) => row !== undefined)) {
        if (Object.keys(value).some((name) => name.endsWith("2") !== (tab.v === 2))) strange.add(JSON.stringify({ v: tab.v, id, value }));
      }
    };
    tab.query.subscribe(look);
    tab.space.subscribe(look);
  };
  open(0);
  const ends = new Map<string, { tab: Tab; end: unknown; unsaved?: unknown }>();
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
        if (alive.length < 4) open(n);
        break;
      case "mutate": {
        if (tab === undefined || tab.frozen) break;
        const id = `m${++count}`;
        const mutate = () => tab.space.mutate((tx) => {
          tx.put("cards", id, tab.v === 2 ? { f2: 1 } : { f: 1 });
          tx.patch("cards", "n", { $inc: tab.v === 2 ? { n2: 1 } : { n: 1 } });
        });
        if (tab.outdated) {
          expect(mutate).toThrow(expect.objectContaining({ code: "upgrade_required" }));
          break;
        }
        if (tab.client.status.state === "stopped") break;
        const made = mutate();
        all.set(id, tab);
        const end: { tab: Tab; end: unknown; unsaved?: unknown } = { tab, end: undefined };
        ends.set(id, end);
        made.saved.then(() => saved.set(id, tab), (error: unknown) => (end.unsaved = error));
        const settle = (what: unknown): void => {
          expect(end.end, "one end").toBeUndefined();
          end.end = what;
        };
        made.confirmed.then(settle, settle);
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
        server.space().write({ op: "put", in: n % 7 === 0 ? "lists" : "cards", id: `w${n % 5}`, value: { n } });
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
    expect([...strange], "in another form").toEqual([]);
  }
  failing = 0;
  server.space().forbidden = false;
  browser.delay = () => 0;
  for (const tab of tabs.filter((one) => one.alive)) {
    tab.thaw();
    tab.visible = true;
  }
  open(count);
  await rest();
  for (const tab of tabs.filter((one) => one.alive)) tab.client.goOnline();
  for (let i = 0; i < 15; i++) {
    await pass(2000);
    await rest(2);
  }
  expect([...strange], "in another form").toEqual([]);
  server.received.length = 0;
  await pass(5000);
  expect(server.received.filter(({ t }) => t === "open"), "it comes to rest").toEqual([]);
  const newest = Math.max(...tabs.filter((one) => one.alive).map(({ v }) => v));
  /** Tabs of the newest program; an older one may go on where there is no newer one. */
  const living = tabs.filter((one) => one.alive && !(mixed && one.outdated));
  for (const tab of living) expect(tab.v, "the newer program wins").toBe(newest);
  for (const tab of tabs.filter((one) => one.alive && !living.includes(one))) {
    expect(tab.v).toBe(1);
    expect(tab.client.status).toMatchObject({ state: "stopped", error: { code: "upgrade_required" } });
    expect(tab.space.status).toMatchObject({ state: "stopped", error: { code: "upgrade_required" } });
  }
  if (process.env["ACTS"]) for (const tab of tabs.filter((one) => one.alive)) console.log(tab.client.leading, tab.space.status, tab.space.pending, tab.cards);
  const there = server.space().visible([{ in: "cards" }]);
  const marks = Object.keys(there).filter((key) => key.startsWith("cards/m"));
  expect(there["cards/n"], "each once").toEqual({ n: marks.length });
  for (const [id, tab] of saved) {
    // What only the store knew, because the tab is dead, is gone with a store that was removed.
    if (!losing || tab.alive) expect(there, "none lost").toHaveProperty([`cards/${id}`]);
  }
  for (const [id, tab] of all) {
    if (!tab.alive) continue;
    const { end, unsaved } = ends.get(id) ?? {};
    // What could not be stored when a newer program came is told of.
    if (living.includes(tab) || unsaved === undefined) expect(there, "none of a tab that lives is lost").toHaveProperty([`cards/${id}`]);
    expect(end, "each has an end").toBeDefined();
    if (living.includes(tab)) expect(end).not.toBeInstanceOf(Error);
    else if (end instanceof Error) expect(end).toMatchObject({ code: "upgrade_required" });
  }
  for (const tab of living) {
    expect(tab.space.status).toMatchObject({ state: "live", pending: 0, rejected: 0, storage: { kind: "disk" } });
    expect(tab.query.result.status).toBe("live");
    expect(tab.cards).toEqual(server.space().visible(tab.space.view.slice(0, 1)));
    const lists = tab.space.query({ in: "lists" });
    await lists.ready;
    expect(lists.total).toBe(Object.keys(server.space().visible([{ in: "lists" }])).length);
  }
  expect(tabs.filter((one) => one.alive && one.client.leading).length).toBe(1);
  server.space().forbid();
  await rest();
  for (const tab of living) expect(tab.cards, "nothing that is forbidden shows").toEqual({});
  const archive = await disk.call((table) => table.range("demo/board\0a", "demo/board\0b"));
  expect(archive.map(([key]) => key), "or is kept").toEqual(["demo/board\0am"]);
  for (const tab of tabs.filter((one) => one.alive)) tab.client.close();
  await rest();
}

/** Schedules that have found something. */
const FOUND: readonly (readonly [what: string, acts: readonly [what: string, tab: number, n: number][], losing?: boolean])[] = [
  ["what an ending tab stores while the next leader reads the queue", [["open", 6, 1421], ["late", 0, 633], ["open", 5, 216], ["settle", 0, 0], ["open", 0, 0], ["mutate", 7, 482]]],
  ["what is stored behind a hole, and done with when the hole is filled", [
    ["mutate", 4, 638], ["open", 2, 665], ["open", 0, 663], ["mutate", 6, 149], ["late", 2, 999], ["mutate", 0, 978], ["mutate", 1, 30], ["settle", 3, 1116],
  ]],
  ["what was in a store that is gone when a newer program comes", [
    ["allow", 2, 1358], ["pause", 7, 342], ["open", 4, 1496], ["mutate", 7, 876], ["settle", 6, 1117], ["shut", 1, 1423], ["lose", 1, 1061], ["open", 7, 1289], ["wait", 0, 26], ["shut", 7, 341],
  ], true],
  ["what is read from a store that was opened anew, by a leader that has gone on meanwhile", [
    ["cut", 2, 1493], ["settle", 4, 1340], ["cut", 1, 9], ["open", 0, 23], ["open", 4, 1297], ["kill", 6, 876], ["open", 3, 724], ["write", 1, 252], ["shut", 0, 733],
  ], true],
  ["how a leader that has closed stands to the server, told late", [
    ["wait", 0, 59], ["open", 2, 2], ["open", 4, 240], ["fail", 6, 819], ["thaw", 7, 318], ["shut", 2, 773], ["wait", 6, 1474], ["late", 5, 1443], ["write", 0, 1499], ["close", 6, 123],
  ], true],
];

it.each(FOUND.map(([what, acts, losing = false]) => [what, acts, losing] as const))("%s", (_, acts, losing) => play(acts.map(([what, tab, n]) => ({ do: what, tab, n })), { mixed: true, losing }));

it.runIf(process.env["ACTS"])("a schedule that was kept", () => play(JSON.parse(process.env["ACTS"] ?? "[]") as Act[], JSON.parse(process.env["HOW"] ?? '{"losing":true}') as { losing?: boolean }));

it("no mutation that was saved is lost, and none is applied twice, whatever becomes of tabs, store and network", async () => {
  await fc.assert(fc.asyncProperty(fc.array(act, { maxLength: 50 }), (acts) => play(acts, {})), { numRuns: RUNS, endOnFailure: process.env["SHRINK"] === undefined });
}, 600_000);

it("nothing shows for longer than its lease, and all does when there is contact", async () => {
  const sleeping = act.chain((one) => fc.constantFrom(one, { ...one, do: "sleep" }, { ...one, do: "pause" }, one));
  await fc.assert(fc.asyncProperty(fc.array(sleeping, { maxLength: 40 }), (acts) => play(acts, { lease: 3000 })), { numRuns: RUNS, endOnFailure: process.env["SHRINK"] === undefined });
}, 600_000);

it("the same where the browser removes the store", async () => {
  await fc.assert(fc.asyncProperty(fc.array(act, { maxLength: 30 }), (acts) => play(acts, { losing: true })), { numRuns: RUNS / 2, endOnFailure: process.env["SHRINK"] === undefined });
}, 600_000);

it("the same where tabs have programs of two versions: each row in its own form, and the newer wins", async () => {
  const opening = act.chain((one) => fc.constantFrom(one, one, { ...one, do: "open" }));
  const property = fc.asyncProperty(fc.array(opening, { maxLength: 40 }), fc.constantFrom({}, { losing: true }, { lease: 3000 }), (acts, mode) => play(acts, { ...mode, mixed: true }));
  await fc.assert(property, { numRuns: RUNS, endOnFailure: process.env["SHRINK"] === undefined });
}, 600_000);
