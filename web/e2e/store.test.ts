/**
 * The client's store and its tabs in a real browser: processes killed and
 * stopped in the middle of writes, the database deleted, the quota used up.
 * Each mark is a mutation that puts a card of its own and adds one to a common
 * counter: what is lost is missing among the cards, what is applied twice
 * shows in the counter. ROUNDS=300 for a long run.
 */

import { build, type Plugin } from "esbuild";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Chromium, type Tab } from "./chromium.js";
import { Server } from "./server.js";
import { eventually } from "./window.js";

const ROUNDS = Number(process.env["ROUNDS"] ?? 20);

/**
 * The page's script as different builds of the client have it. There is no
 * older release yet: `elder` has another format of the store, so that it shares
 * nothing with the others; `former` has the same, but its messages to other
 * tabs do not name the store, and it knows nothing of one that was filled.
 */
const BUILDS: { readonly [name: string]: readonly (readonly [file: RegExp, from: string, to: string])[] } = {
  store: [],
  elder: [[/\/client\.ts$/, "const FORMAT = 2;", "const FORMAT = 1;"]],
  former: [
    [/\/keeper\.ts$/, "store: this.#vault?.name, ", ""],
    [/\/keeper\.ts$/, 'case "refilled":', 'case "unheard of":'],
  ],
};

let server: Server;
const scripts = new Map<string, string>();
let chrome: Chromium;
let space: string;
let count = 0;

beforeAll(async () => {
  server = await Server.open();
  for (const name of Object.keys(BUILDS)) scripts.set(name, await bundle(name));
});
afterAll(() => server.remove());

async function bundle(name: string): Promise<string> {
  const edits = BUILDS[name] ?? [];
  const older: Plugin = {
    name: "older",
    setup: ({ onLoad }) => {
      onLoad({ filter: /\/client\/src\/[a-z]+\.ts$/ }, async ({ path }) => {
        let contents = await readFile(path, "utf8");
        for (const [file, from, to] of edits) {
          if (!file.test(path)) continue;
          if (!contents.includes(from)) throw new Error(`${path} has no ${from}`);
          contents = contents.replace(from, to);
        }
        return { contents, loader: "ts" };
      });
    },
  };
  const client = join(import.meta.dirname, "../client/src/index.ts");
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "pages/store.ts")], bundle: true, format: "esm", write: false, plugins: [older], alias: { "@syncline/client": client },
  });
  return outputFiles[0]?.text ?? "";
}

/** The page is not the server's, but has its origin, as an application's would. */
async function prepare(context: BrowserContext): Promise<void> {
  for (const [name, script] of scripts) {
    await context.route(new RegExp(`/${name}\\.html`), (route) => route.fulfill({ contentType: "text/html", body: `<!doctype html><title>${name}</title><script type="module">${script}</script>` }));
  }
}

beforeEach(async () => {
  chrome = await Chromium.start(prepare);
  space = `team/store-${++count}`;
  const seed = await open();
  await seed.page.evaluate(() => window.page.space.put("cards", "n", { n: 0 }).confirmed);
  await seed.page.close();
});
afterEach(() => chrome.remove());

async function open(user = "ada", name = "store"): Promise<Tab> {
  const tab = await chrome.open(`${server.url}/${name}.html?space=${space}&user=${user}`);
  await tab.page.waitForFunction(() => "page" in window);
  return tab;
}

const saved = (page: Page): Promise<string[]> => page.evaluate(() => window.page.saved.slice());
const leading = (page: Page): Promise<boolean> => page.evaluate(() => window.page.client.leading);
const settled = (page: Page): Promise<void> =>
  eventually(() => page.evaluate(() => [window.page.look().status.state, window.page.look().pending]), ["live", 0] as (string | number)[]);

const found = async (): Promise<{ id: string; value: { n: number } }[]> => (await server.find(space, { in: "cards", limit: 10_000 })) as { id: string; value: { n: number } }[];

/** Fails unless the server has each of these marks, and all of its marks once. */
async function intact(marks: Iterable<string>): Promise<void> {
  const items = await found();
  const there = new Set(items.map(({ id }) => id));
  for (const id of marks) expect(there, "none is lost").toContain(id);
  expect(items.find(({ id }) => id === "n")?.value.n, "each is applied once").toBe(items.length - 1);
}

/** Waits until that many marks are safe, so that others are under way. */
const busy = (page: Page, marks: number): Promise<unknown> => page.waitForFunction((n) => window.page.saved.length >= n, marks, { polling: 5 });

describe("no mutation that was saved is lost, none is applied twice,", () => {
  it("when the process of a tab is killed in the middle of writes, and the others go on within two seconds", { timeout: ROUNDS * 40_000 }, async () => {
    const marks: string[] = [];
    let witness = await open();
    for (let round = 0; round < ROUNDS; round++) {
      const victim = await open();
      await Promise.all([settled(victim.page), settled(witness.page)]);
      // Every other time the one that leads.
      if ((await leading(victim.page)) !== (round % 2 === 0)) {
        const other = witness;
        witness = await open();
        await settled(witness.page);
        await other.page.close();
        await eventually(async () => (await leading(victim.page)) || (await leading(witness.page)), true);
      }
      await victim.page.evaluate((name) => window.page.write(name, 3), `k${round}`);
      await busy(victim.page, 3 + (round % 7));
      const safe = await saved(victim.page);
      process.kill(victim.pid, "SIGKILL");
      const killed = Date.now();
      marks.push(...safe, `w${round}`);
      await witness.page.evaluate(async (id) => {
        window.page.mark(id);
        await window.page.space.pending.at(-1)?.confirmed;
      }, `w${round}`);
      expect(Date.now() - killed, "the others go on").toBeLessThan(10_000);
      await victim.page.close().catch(() => undefined);
      await settled(witness.page);
    }
    await intact(marks);
  });

  /*
   * Chromium itself, killed at a bad moment, may find its database damaged when it starts again, and throws it away: so it did to a page that
   * has nothing of ours, when that ended its transactions by commit(). What was saved and not sent is lost then; the client has to say so.
   */
  it("when the whole browser is killed in the middle of writes, or it is said that the browser has lost all", { timeout: ROUNDS * 40_000 }, async () => {
    let marks: string[] = [];
    let wiped = 0;
    const look = async ({ page }: Tab): Promise<void> => {
      const [why] = await page.evaluate(() => window.page.wiped);
      if (why === undefined) return;
      await settled(page);
      expect(await page.evaluate(() => window.page.client.status.storage.message)).toContain(`found it damaged (${why})`);
      const there = new Set((await found()).map(({ id }) => id));
      console.warn(`Chromium has thrown its database away (${why}), and with it ${marks.filter((id) => !there.has(id)).length} mutations`);
      marks = marks.filter((id) => there.has(id));
      expect(++wiped, "of all rounds in which it was").toBeLessThanOrEqual(Math.max(1, ROUNDS / 10));
    };
    for (let round = 0; round < ROUNDS; round++) {
      const [a, b] = [await open(), await open()];
      for (const tab of [a, b]) await look(tab);
      for (const [n, { page }] of [a, b].entries()) await page.evaluate((name) => window.page.write(name, 3), `b${round}-${n}`);
      await busy(a.page, 2 + (round % 9));
      await busy(b.page, 1);
      marks.push(...(await saved(a.page)), ...(await saved(b.page)));
      await chrome.kill();
      await chrome.run();
    }
    const last = await open();
    await look(last);
    await settled(last.page);
    await intact(marks);
  });

  it("when the browser finds its database damaged: that is said, and what was sent is fetched again", { timeout: 60_000 }, async () => {
    const before = await open();
    await settled(before.page);
    await before.page.evaluate(() => window.page.mark("sent"));
    await settled(before.page);
    await chrome.kill();
    await chrome.damage();
    await chrome.run();
    const after = await open();
    await settled(after.page);
    expect(await after.page.evaluate(() => [window.page.wiped.length, window.page.look().rows])).toEqual([1, 2]);
    const { kind, message } = await after.page.evaluate(() => window.page.client.status.storage);
    expect(kind).toBe("disk");
    expect(message).toMatch(/^the browser has removed what was stored, since it found it damaged \(.*corrupt.*\); it is fetched again$/);
    await intact(["sent"]);
  });

  // A process that is stopped in the middle of a transaction that writes keeps the store until Chromium ends that, after a minute.
  it("when the tab that leads is stopped, and it harms nothing when it goes on", { timeout: ROUNDS * 100_000 }, async () => {
    const marks: string[] = [];
    const [first, second] = [await open(), await open()];
    let kept = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all([settled(first.page), settled(second.page)]);
      const [leader, other] = (await leading(first.page)) ? [first, second] : [second, first];
      await leader.page.evaluate((name) => {
        for (let i = 0; i < 5; i++) window.page.mark(`${name}-${i}`);
      }, `s${round}`);
      await other.page.bringToFront();
      process.kill(leader.pid, "SIGSTOP");
      let confirmed: Promise<boolean>;
      try {
        confirmed = other.page.evaluate(async (id) => {
          window.page.mark(id);
          await window.page.space.pending.at(-1)?.confirmed;
          return true;
        }, `o${round}`);
        // Chromium ends a transaction that a stopped process has begun and asked something in after 60 s, and never one in which nothing was asked yet (seen in
        // indexeddb-internals: started, no request, for 24 minutes).
        const soon = await Promise.race([confirmed, new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 75_000))]);
        if (soon) expect(await leading(other.page)).toBe(true);
        else expect(++kept, "of all rounds in which the store was kept").toBeLessThanOrEqual(Math.max(1, ROUNDS / 10));
      } finally {
        process.kill(leader.pid, "SIGCONT");
      }
      await confirmed;
      await Promise.all([settled(leader.page), settled(other.page)]);
      expect(await leading(leader.page)).toBe(false);
      marks.push(`o${round}`, ...(await saved(leader.page)));
    }
    await intact(marks);
  });

  it("when the database is deleted underneath", { timeout: ROUNDS * 40_000 }, async () => {
    const marks: string[] = [];
    const [a, b] = [await open(), await open()];
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all([settled(a.page), settled(b.page)]);
      await a.page.evaluate(() => window.page.client.goOffline());
      for (const [n, { page }] of [a, b].entries()) {
        await page.evaluate(async (id) => {
          window.page.mark(id);
          await window.page.space.pending.at(-1)?.saved;
        }, `d${round}-${n}`);
        marks.push(`d${round}-${n}`);
      }
      await b.page.evaluate(async () => {
        for (const { name } of await indexedDB.databases()) if (name !== undefined) indexedDB.deleteDatabase(name);
      });
      await a.page.waitForFunction(() => /anew/.test(window.page.client.status.storage.message ?? ""));
      if (round % 2 === 0) await a.page.evaluate(() => window.page.client.goOnline());
      else await Promise.all([a.page.reload(), b.page.reload()]);
      for (const { page } of [a, b]) {
        await page.waitForFunction(() => "page" in window);
        await page.evaluate(() => window.page.client.goOnline());
      }
    }
    await Promise.all([settled(a.page), settled(b.page)]);
    await intact(marks);
  });

  it.each(["elder", "former"])("when a tab has another build (%s), and either is killed", { timeout: ROUNDS * 40_000 }, async (name) => {
    const marks: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const both = round % 2 === 0 ? [await open("ada", name), await open()] : [await open(), await open("ada", name)];
      await Promise.all(both.map(({ page }) => settled(page)));
      for (const [n, { page }] of both.entries()) await page.evaluate((id) => window.page.write(id, 3, 50), `v${round}-${n}`);
      for (const { page } of both) await busy(page, 2 + (round % 5));
      const [victim, witness] = round % 4 < 2 ? both : [...both].reverse();
      if (victim === undefined || witness === undefined) throw new Error("no tabs");
      marks.push(...(await saved(victim.page)));
      process.kill(victim.pid, "SIGKILL");
      await witness.page.evaluate(async (id) => {
        window.page.mark(id);
        await window.page.space.pending.at(-1)?.confirmed;
      }, `x${round}`);
      marks.push(`x${round}`, ...(await saved(witness.page)));
      await victim.page.close().catch(() => undefined);
      await witness.page.close();
    }
    // What either build has left unsent, it sends when it is opened again.
    for (const page of [await open(), await open("ada", name)]) await settled(page.page);
    await intact(marks);
  });

  it("when there is no room", { timeout: ROUNDS * 40_000 }, async () => {
    const marks: string[] = [];
    const { page } = await open();
    for (let round = 0; round < ROUNDS; round++) {
      await settled(page);
      // Chromium grants small writes whatever the quota: what it does when there is none is done here.
      await page.evaluate(() => {
        const { put } = IDBObjectStore.prototype;
        IDBObjectStore.prototype.put = () => {
          throw new DOMException("planted", "QuotaExceededError");
        };
        window.page.relieve = () => (IDBObjectStore.prototype.put = put);
      });
      await page.evaluate((id) => window.page.mark(id), `q${round}`);
      await page.waitForFunction(() => window.page.client.status.storage.kind === "full");
      expect(await page.evaluate(() => window.page.look().rows), "what is there stays").toBeGreaterThan(0);
      await page.evaluate(() => void window.page.relieve());
      await page.waitForFunction(() => window.page.client.status.storage.kind === "disk");
      marks.push(`q${round}`);
    }
    await settled(page);
    await intact(marks);
  });

  it("when pages are reloaded in every state", { timeout: ROUNDS * 40_000 }, async () => {
    const marks: string[] = [];
    const { page } = await open();
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 3 === 1) await page.evaluate(() => window.page.client.goOffline());
      else if (round % 3 === 2) await settled(page);
      await page.evaluate((name) => window.page.write(name, 2), `r${round}`);
      await busy(page, round % 5);
      marks.push(...(await saved(page)));
      await page.reload();
      await page.waitForFunction(() => "page" in window);
    }
    await settled(page);
    await intact(marks);
  });
});

it.each(Array.from({ length: ROUNDS }, (_, round) => round + 1))("shows what is on the disk without a server, and sends what was made a day later (%i)", { timeout: 60_000 }, async () => {
  const first = await open();
  await settled(first.page);
  await first.page.evaluate(() => window.page.mark("before"));
  await settled(first.page);
  await server.kill();
  await first.page.close();
  const second = await open();
  await second.page.waitForFunction(() => window.page.look().rows === 2);
  expect(await second.page.evaluate(() => window.page.look().result)).toMatch(/stale|offline/);
  await second.page.clock.install();
  await second.page.evaluate(() => window.page.mark("offline"));
  await second.page.clock.fastForward("24:00:00");
  await server.run();
  await second.page.clock.resume();
  await second.page.evaluate(() => window.page.client.goOnline());
  await settled(second.page);
  await intact(["before", "offline"]);
});

it("keeps users apart: what one has queued is not sent by another, and signing out removes it", { timeout: 60_000 }, async () => {
  const ada = await open("ada");
  await settled(ada.page);
  await ada.page.evaluate(async () => {
    window.page.client.goOffline();
    window.page.mark("secret");
    await window.page.space.pending.at(-1)?.saved;
  });
  await ada.page.close();
  const bob = await open("bob");
  await settled(bob.page);
  expect(await bob.page.evaluate(() => window.page.cards.rows.map(({ id }) => id))).toEqual(["n"]);
  await bob.page.close();
  const again = await open("ada");
  await again.page.waitForFunction(() => window.page.look().rows === 2);
  await settled(again.page);
  await again.page.evaluate(() => window.page.client.signOut());
  expect(await again.page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name).filter((name) => name?.endsWith("/ada")))).toEqual([]);
  await intact(["secret"]);
});
