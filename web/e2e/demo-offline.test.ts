/** The demo without a network: after the first visit its pages open, show their data, take edits, and send them later. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CitiesFile, writeCities } from "./cities.js";
import { Server } from "./server.js";
import { eventually, launch, Window } from "./window.js";

const FILES = ["/access.css", "/access.html", "/access.js", "/app.css", "/app.js", "/board.css", "/board.js", "/cities.css", "/cities.html", "/cities.js", "/icon.svg", "/index.html", "/react.js", "/regions.json", "/syncline.js"];

let browser: Browser;
let server: Server;
let file: CitiesFile;
let ada: Window;
let bob: Window;

beforeAll(async () => {
  file = await writeCities(500);
  [server, browser] = await Promise.all([Server.demo({ cities: file.path }), launch()]);
  [ada, bob] = await Promise.all([Window.open(browser, `${server.url}/`, "ada"), Window.open(browser, `${server.url}/`, "ben")]);
});

afterAll(async () => {
  await Promise.all([ada?.close(), bob?.close()]);
  await browser?.close();
  await server?.remove();
  await file?.remove();
});

test("the first visit stores the pages, and nothing of the sync engine's", async () => {
  // It takes over the page that brought it, without a reload.
  await ada.page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  const stored = (): Promise<string[]> =>
    ada.page.evaluate(async () => {
      const names = await caches.keys();
      const all = await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)));
      return all.flat().sort();
    });
  await eventually(stored, FILES);
  await ada.page.goto(`${server.url}/cities?user=ada`);
  await ada.live();
  await eventually(() => ada.page.locator(".count-line strong").textContent(), "500");
  await ada.page.goto(`${server.url}/?user=ada`);
  await ada.live();
  expect(await stored()).toEqual(FILES);
  expect(await ada.page.evaluate(() => navigator.serviceWorker.controller?.scriptURL)).toBe(`${server.url}/sw.js`);
});

test("with the server dead and the network off, a reload shows the board, and an edit waits", async () => {
  await server.kill();
  await ada.context.setOffline(true);
  await ada.page.reload();
  await eventually(async () => (await ada.column("done")).length, 4);
  await ada.create("Made without a network");
  await ada.vote("Choose a name", 1);
  await eventually(() => ada.state("Made without a network"), "pending");
  await ada.page.locator('[data-notice="offline"]').waitFor();
  await ada.page.reload();
  await eventually(() => ada.state("Made without a network"), "pending");
  await eventually(() => ada.votes("Choose a name"), "13");
});

test("the other page opens too", async () => {
  await ada.page.goto(`${server.url}/cities?user=ada`);
  await ada.row("City 0000").waitFor();
  await eventually(() => ada.page.locator(".count-line strong").textContent(), "500");
  await ada.edit(ada.row("City 0003").locator("[data-field=note]"), "Note", "seen without a network");
  await eventually(() => ada.row("City 0003").getAttribute("data-state"), "pending");
  expect(await ada.row("City 0003").locator(".badge").textContent()).toBe("pending");
});

test("what was done arrives in the other window when the server is back", async () => {
  await server.run();
  await ada.context.setOffline(false);
  await ada.live();
  await eventually(() => ada.row("City 0003").getAttribute("data-state"), "confirmed");
  await ada.page.goto(`${server.url}/?user=ada`);
  await bob.live();
  await bob.card("Made without a network").waitFor();
  await eventually(() => bob.votes("Choose a name"), "13");
  await eventually(() => ada.state("Made without a network"), "confirmed");
});

test("a server that takes connections and answers none does not keep the page away", async () => {
  server.freeze();
  await ada.page.reload();
  await ada.card("Made without a network").waitFor();
  server.thaw();
  await ada.live();
});

test("with a network the server's page is the one that shows, whatever is stored", async () => {
  const spoil = (path: string): Promise<void> =>
    ada.page.evaluate(async (at) => {
      const [name] = await caches.keys();
      const old = new Response("<!doctype html><title>Old</title><h1>An old page</h1>", { headers: { "content-type": "text/html" } });
      await (await caches.open(name ?? "")).put(at, old);
    }, path);
  await spoil("/index.html");
  await ada.page.reload();
  await ada.live();
  expect(await ada.page.getByText("An old page").count()).toBe(0);
  // And it is only the network that keeps the old one from showing.
  await ada.context.setOffline(true);
  await ada.page.reload();
  await ada.page.getByText("An old page").waitFor();
  await ada.context.setOffline(false);
  await ada.page.reload();
  await ada.live();
});

test("a new worker removes what older ones have stored, and nothing of others", async () => {
  const names = (): Promise<string[]> => ada.page.evaluate(async () => (await caches.keys()).sort());
  const [own] = await names();
  await ada.page.evaluate(async () => {
    for (const name of ["syncline-demo/old", "another-application"]) await caches.open(name);
    const registration = await navigator.serviceWorker.getRegistration();
    await registration?.unregister();
  });
  await ada.page.reload();
  await eventually(names, ["another-application", own ?? ""]);
  await ada.page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await ada.live();
});

test("where the browser has removed the pages, a sentence says what to do", async () => {
  await ada.page.evaluate(async () => {
    for (const name of await caches.keys()) await caches.delete(name);
  });
  await ada.context.setOffline(true);
  await ada.page.reload();
  await ada.page.getByText("Connect, then reload.").waitFor();
  await ada.context.setOffline(false);
  await ada.page.reload();
  await ada.live();
});
