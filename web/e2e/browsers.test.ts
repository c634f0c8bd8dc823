/** The store and the tabs in other browsers than Chromium, whose IndexedDB, locks and channels are others: as store.test.ts, in short. ROUNDS=100 for a long run. */

import { build } from "esbuild";
import { createServer, type Server as PageServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Firefox } from "./firefox.js";
import type { Remote, RemoteTab } from "./remote.js";
import { Server } from "./server.js";
import { WebKit } from "./webkit.js";
import { eventually } from "./window.js";

const ROUNDS = Math.ceil(Number(process.env["ROUNDS"] ?? 20) / 4);

let pages: PageServer;
let server: Server;
let address: string;

beforeAll(async () => {
  const client = join(import.meta.dirname, "../client/src/index.ts");
  const { outputFiles } = await build({ entryPoints: [join(import.meta.dirname, "pages/store.ts")], bundle: true, format: "esm", write: false, alias: { "@syncline/client": client } });
  pages = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(`<!doctype html><title>store</title><script type="module">${outputFiles[0]?.text}</script>`));
  await once(pages.listen(0, "127.0.0.1"), "listening");
  address = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  server = await Server.open(address);
});
afterAll(async () => {
  await server.remove();
  pages.close();
});

function open(browser: Remote, space: string, more: { readonly [name: string]: string } = {}): Promise<RemoteTab> {
  return browser.open(`${address}/?${String(new URLSearchParams({ space, server: server.url, ...more }))}`);
}

/** Opens the first tab of a space. */
async function begin(browser: Remote, space: string, more?: { readonly [name: string]: string }): Promise<RemoteTab> {
  const tab = await open(browser, space, more);
  await tab.evaluate(() => void window.page.space.put("cards", "n", { n: 0 }));
  await eventually(() => look(tab), expect.objectContaining({ result: "live", pending: 0, rows: 1 }));
  return tab;
}

const look = (tab: RemoteTab): Promise<ReturnType<typeof window.page.look>> => tab.evaluate(() => window.page.look());
const ids = (tab: RemoteTab): Promise<string[]> => tab.evaluate(() => window.page.cards.rows.map(({ id }) => id));
const saved = (tab: RemoteTab): Promise<readonly string[]> => tab.evaluate(() => window.page.saved);
/** What the server has counted of the marks that there are. */
const counted = async (space: string): Promise<unknown> => (await server.record(`${space}/-/cards/n`))["n"];

describe.each<[string, () => Promise<Remote>]>([["Firefox", () => Firefox.start()], ["WebKit", () => WebKit.start()]])("in %s", (name, start) => {
  let browser: Remote;
  beforeAll(async () => void (browser = await start()));
  afterAll(() => browser.remove());

  it("tabs have one connection, show each other's mutations, and go on when the one that leads is closed", { timeout: 300_000 }, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const space = `${name.toLowerCase()}/tabs-${round}`;
      const tabs = [await begin(browser, space), await open(browser, space)] as const;
      for (const tab of tabs) await eventually(() => look(tab), expect.objectContaining({ result: "live", rows: 1, status: expect.objectContaining({ storage: { kind: "disk" }, transport: "websocket" }) as unknown }));
      const leading = [(await look(tabs[0])).leading, (await look(tabs[1])).leading];
      expect(leading.filter(Boolean).length).toBe(1);
      const [gone, left] = leading[0] ? tabs : [tabs[1], tabs[0]];
      await gone.evaluate(() => window.page.mark("early"));
      await eventually(async () => (await ids(left)).includes("early"), true);
      for (const [i, tab] of tabs.entries()) await tab.evaluate((prefix) => window.page.write(prefix, 5, 10), `t${i}`);
      await eventually(async () => (await saved(left)).length > 2, true);
      const safe = await saved(gone);
      await gone.close();
      await eventually(async () => (await saved(left)).length, 10);
      await eventually(() => look(left), expect.objectContaining({ leading: true, pending: 0, result: "live" }));
      const rows = await ids(left);
      expect(safe.filter((id) => !rows.includes(id))).toEqual([]);
      expect(await counted(space)).toBe(rows.length - 1);
      await left.close();
    }
  });

  it.each(["websocket", "sse", "stream", "longpoll", "poll"])("%s carries what is written on both sides", async (transport) => {
    const space = `${name.toLowerCase()}/${transport}`;
    const tab = await begin(browser, space, { transport });
    expect((await look(tab)).status.transport).toBe(transport);
    await tab.evaluate(() => window.page.mark("here"));
    await server.write(`${space}/-/cards/there`, { from: "server" });
    await eventually(() => ids(tab), ["here", "n", "there"]);
    await eventually(() => counted(space), 1);
    await eventually(() => look(tab), expect.objectContaining({ pending: 0, result: "live" }));
    await tab.close();
  });
});

describe("Firefox, killed while it writes,", () => {
  it("has what was saved, shows it without a network, and sends it once", { timeout: 300_000 }, async () => {
    const firefox = await Firefox.start();
    onTestFinished(() => firefox.remove());
    for (let round = 0; round < ROUNDS; round++) {
      const space = `killed/${round}`;
      const first = await begin(firefox, space);
      await first.evaluate(() => window.page.mark("online"));
      await eventually(() => look(first), expect.objectContaining({ pending: 0, rows: 2 }));
      await server.kill();
      await first.evaluate(() => window.page.write("offline", 3));
      await eventually(async () => (await saved(first)).length > 20, true);
      const safe = await saved(first);
      await firefox.kill();
      await firefox.run();
      const second = await open(firefox, space);
      await eventually(async () => (await ids(second)).includes("online"), true);
      const rows = await ids(second);
      expect(safe.filter((id) => !rows.includes(id))).toEqual([]);
      await server.run();
      await eventually(() => look(second), expect.objectContaining({ pending: 0, result: "live" }));
      expect(await counted(space)).toBe(rows.length - 1);
      await second.close();
    }
  });
});
