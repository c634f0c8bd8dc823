/** The demo on a phone. */

import type { Browser, CDPSession, Locator } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CitiesFile, writeCities } from "./cities.js";
import { Server } from "./server.js";
import { box, eventually, launch, Window } from "./window.js";

let browser: Browser;
let server: Server;
let file: CitiesFile;
let ada: Window;
let touch: CDPSession;

beforeAll(async () => {
  file = await writeCities(200);
  [server, browser] = await Promise.all([Server.demo({ cities: file.path }), launch()]);
  ada = await Window.open(browser, `${server.url}/`, "ada", 30_000, { phone: true });
  touch = await ada.context.newCDPSession(ada.page);
});

afterAll(async () => {
  await ada?.close();
  await browser?.close();
  await server?.remove();
  await file?.remove();
});

async function finger(type: "touchStart" | "touchMove" | "touchEnd", x: number, y: number): Promise<void> {
  await touch.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x, y }] });
}

/** Puts a finger in the middle of an element, moves it in steps, and lifts it. */
async function swipe(from: Locator, to: (x: number, y: number) => readonly [number, number]): Promise<void> {
  const { x, y, width, height } = await box(from);
  const [fromX, fromY] = [x + width / 2, y + height / 2];
  const [toX, toY] = to(fromX, fromY);
  await finger("touchStart", fromX, fromY);
  for (let i = 1; i <= 8; i++) await finger("touchMove", fromX + ((toX - fromX) * i) / 8, fromY + ((toY - fromY) * i) / 8);
  await finger("touchEnd", toX, toY);
}

/** The board has come to rest after a swipe: until then a touch only stops it. */
async function rest(): Promise<void> {
  await ada.page.evaluate(async () => {
    const board = document.querySelector(".board");
    const frame = (): Promise<number> => new Promise(requestAnimationFrame);
    for (let still = 0, left = board?.scrollLeft; still < 10; still = left === board?.scrollLeft ? still + 1 : 0) {
      left = board?.scrollLeft;
      await frame();
    }
  });
}

test("a card is dragged by its grip", async () => {
  const [first, second] = ["Welcome! Drag me to another column", "Switch the network off, vote, switch it on again"];
  await eventually(async () => (await ada.column("todo")).slice(0, 2), [first, second]);
  const below = await box(ada.card(second));
  await swipe(ada.card(first).locator(".grip"), (x) => [x, below.y + below.height - 4]);
  await eventually(async () => (await ada.column("todo")).slice(0, 2), [second, first]);
  await eventually(() => ada.state(first), "confirmed");
  expect(await ada.page.locator(".dragged").count()).toBe(0);
});

test("a card is dragged to the next column, which comes into sight", async () => {
  const title = "Plan the release party";
  const { x, y, width, height } = await box(ada.card(title).locator(".grip"));
  const right = (ada.page.viewportSize()?.width ?? 0) - 12;
  await finger("touchStart", x + width / 2, y + height / 2);
  await finger("touchMove", x + width / 2 - 20, y);
  await finger("touchMove", right, y - 60);
  // Held at the edge the board scrolls on, until the card is over the next column.
  await ada.page.locator('.lane[data-column="doing"] .card.placeholder').waitFor();
  await finger("touchEnd", right, y - 60);
  await eventually(() => ada.column("doing").then((titles) => titles.includes(title)), true);
});

test("elsewhere a finger scrolls, and takes no card along", async () => {
  const before = await ada.column("doing");
  const list = ada.page.locator('.lane[data-column="doing"] .card').first();
  await list.scrollIntoViewIfNeeded();
  await rest();
  await swipe(list.locator(".card-title"), (x, y) => [x - 150, y]);
  expect(await ada.page.locator(".dragged, .placeholder").count()).toBe(0);
  expect(await ada.column("doing")).toEqual(before);
});

test("a touch edits a title, and a second touch a cell; keys bring cells in sight that are aside", async () => {
  await ada.card("Choose a name").scrollIntoViewIfNeeded();
  await rest();
  await ada.card("Choose a name").locator(".card-title").tap();
  await ada.card("Choose a name").getByLabel("Title").fill("Choose a good name");
  await ada.page.keyboard.press("Enter");
  await eventually(() => ada.state("Choose a good name"), "confirmed");
  await ada.page.goto(`${server.url}/cities?user=ada`);
  const cell = ada.row("City 0002").locator("[data-field=name]");
  await cell.tap();
  await eventually(() => cell.getAttribute("id"), "active-cell");
  expect(await ada.page.locator(".cell-input").count()).toBe(0);
  await cell.tap();
  await ada.page.locator(".cell-input").waitFor();
  await ada.page.keyboard.press("Escape");
  for (let i = 0; i < 5; i++) await ada.page.keyboard.press("ArrowRight");
  await eventually(() => ada.page.locator("#active-cell").getAttribute("data-field"), "note");
  const { x, width } = await box(ada.page.locator("#active-cell"));
  expect(x + width).toBeLessThanOrEqual(ada.page.viewportSize()?.width ?? 0);
  for (let i = 0; i < 4; i++) await ada.page.keyboard.press("ArrowLeft");
  await eventually(() => ada.page.locator("#active-cell").getAttribute("data-field"), "country");
  const name = await box(cell);
  const country = await box(ada.page.locator("#active-cell"));
  expect(country.x).toBeGreaterThanOrEqual(name.x + name.width - 1); // not below the name, which stays where it is
});
