/** When something is wrong, the demo says so in a sentence, and what to do: never a blank page. */

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type CitiesFile, writeCities } from "./cities.js";
import { Server } from "./server.js";
import { eventually, launch, Window } from "./window.js";

let browser: Browser;
let server: Server;
let file: CitiesFile;
let window: Window | undefined;

beforeAll(async () => {
  file = await writeCities(100);
  [server, browser] = await Promise.all([Server.demo({ cities: file.path }), launch()]);
});

afterEach(async () => {
  await window?.close();
  window = undefined;
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
  await file?.remove();
});

async function open(): Promise<Window> {
  window = await Window.open(browser, `${server.url}/`, "ada");
  await window.card("Choose a name").waitFor();
  return window;
}

const notice = (page: Page, id: string): Promise<string | null> => page.locator(`[data-notice^="${id}"]`).textContent();

test("switched off: the notice says what becomes of the work, and connects", async () => {
  const ada = await open();
  await ada.offline();
  expect(await notice(ada.page, "paused")).toContain("kept in this browser");
  await ada.page.getByRole("button", { name: "Connect", exact: true }).click();
  await ada.live();
  await eventually(() => ada.page.locator(".notice").count(), 0);
});

test("without a server: after a while it says so, and goes away when there is one", async () => {
  const ada = await open();
  await server.kill();
  await ada.cutOff();
  expect(await notice(ada.page, "connecting")).toContain("The server does not answer.");
  await server.run();
  await ada.live();
  await eventually(() => ada.page.locator(".notice").count(), 0);
});

test("the database is removed underneath: the board stays, and it says that it was healed", async () => {
  const ada = await open();
  await ada.page.evaluate(async () => {
    for (const { name } of await indexedDB.databases()) {
      await new Promise<void>((resolve, reject) => {
        const asked = indexedDB.deleteDatabase(name ?? "");
        asked.onsuccess = () => resolve();
        asked.onerror = () => reject(asked.error ?? new Error("not deleted"));
      });
    }
  });
  expect(await notice(ada.page, "healed")).toContain("There is nothing to do.");
  expect(await ada.column("done")).toHaveLength(4);
  await ada.vote("Draw the logo", 1);
  await eventually(() => ada.state("Draw the logo"), "confirmed");
  await ada.page.getByRole("button", { name: "Put this notice away" }).click();
  await eventually(() => ada.page.locator(".notice").count(), 0);
});

test("no room on the disk: it says what to remove, and goes on when there is room", async () => {
  const ada = await open();
  await ada.page.evaluate(() => {
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = () => {
      throw new DOMException("planted", "QuotaExceededError");
    };
    Object.assign(globalThis, { relieve: () => Object.assign(IDBObjectStore.prototype, { put }) });
  });
  await ada.vote("Draw the logo", 1);
  expect(await notice(ada.page, "full")).toContain("Make room");
  await ada.page.evaluate(() => (globalThis as unknown as { relieve(): void }).relieve());
  await eventually(() => ada.page.locator('[data-notice="full"]').count(), 0);
});

test("no storage at all: it says what is at risk", async () => {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    Object.defineProperty(globalThis, "indexedDB", { value: undefined });
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(globalThis, name, {
        get: () => {
          throw new DOMException("planted", "SecurityError");
        },
      });
    }
  });
  const page = await context.newPage();
  await page.goto(server.url);
  await page.locator('.pill[data-state="live"]').waitFor();
  expect(await notice(page, "memory")).toContain("This browser stores nothing for this page.");
  await context.close();
});

test("the server signs the window out: it says so, and how to get in again", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.routeWebSocket(/\/v1\//, (socket) => {
    socket.onMessage(() => socket.send(JSON.stringify({ t: "error", code: "unauthorized", message: "the token has expired" })));
  });
  await page.goto(`${server.url}/?user=nobody`);
  const text = await notice(page, "unauthorized");
  expect(text).toContain("You are signed out.");
  expect(text).toContain("Reload the page to sign in again.");
  await page.getByRole("button", { name: "Reload" }).waitFor();
  await context.close();
});

test("a part of the page that fails leaves a sentence in its place, and can be tried again", async () => {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    const { of } = Intl.DisplayNames.prototype;
    Intl.DisplayNames.prototype.of = () => {
      throw new Error("planted");
    };
    Object.assign(globalThis, { mend: () => (Intl.DisplayNames.prototype.of = of) });
  });
  const page = await context.newPage();
  await page.goto(`${server.url}/cities?user=ada`);
  const alert = page.getByRole("alert");
  await alert.waitFor();
  expect(await alert.textContent()).toContain("This is a fault of the page, not of your data");
  expect(await alert.textContent()).toContain("planted");
  await page.evaluate(() => (globalThis as unknown as { mend(): void }).mend());
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator(".canvas .row").first().waitFor();
  await context.close();
});

test("a page whose code cannot start says so", async () => {
  const context = await browser.newContext();
  await context.addInitScript(() => Object.defineProperty(globalThis, "matchMedia", { value: undefined }));
  const page = await context.newPage();
  await page.goto(`${server.url}/?user=nobody`);
  await page.getByRole("alert").waitFor();
  expect(await page.getByRole("alert").textContent()).toContain("This page could not start");
  await context.close();
});
