/** The demo without a mouse, and what can be taken back. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CitiesFile, writeCities } from "./cities.js";
import { Server } from "./server.js";
import { eventually, launch, Window } from "./window.js";

const CITIES = 5000;

let browser: Browser;
let server: Server;
let file: CitiesFile;
let ada: Window;
let bob: Window;

beforeAll(async () => {
  file = await writeCities(CITIES);
  [server, browser] = await Promise.all([Server.demo({ cities: file.path }), launch()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
  await file?.remove();
});

const press = (...keys: readonly string[]): Promise<void> => keys.reduce((before, key) => before.then(() => ada.page.keyboard.press(key)), Promise.resolve());
/** The title of the card that has the focus. */
const focused = (): Promise<string | null | undefined> => ada.page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
const said = (): Promise<string | null> => ada.page.locator('.unseen[role="status"]').textContent();

describe("the board", () => {
  beforeAll(async () => {
    [ada, bob] = await Promise.all([Window.open(browser, `${server.url}/`, "ada"), Window.open(browser, `${server.url}/`, "ben")]);
  });

  afterAll(() => Promise.all([ada?.close(), bob?.close()]));

  test("arrow keys go from card to card, and what has the focus is to be seen", async () => {
    await eventually(async () => (await ada.column("done")).length, 4);
    await ada.page.locator(".skip").focus();
    await press("Enter"); // past the header
    await press("Tab");
    expect(await focused()).toBe("Welcome! Drag me to another column");
    await press("ArrowDown", "ArrowDown");
    expect(await focused()).toBe("Open a second window as Ben and watch the cursors");
    await press("ArrowRight", "ArrowRight");
    expect(await focused()).toBe("Load 171,000 cities: see the other page");
    await press("ArrowUp", "ArrowUp", "ArrowUp");
    expect(await focused()).toBe("Choose a name");
    expect(await ada.card("Choose a name").evaluate((card) => getComputedStyle(card).outlineStyle)).toBe("solid");
  });

  test("a card is moved through its column and to the others, keeps the focus, and it is said where it is", async () => {
    await press("Alt+ArrowDown");
    await eventually(() => bob.column("done"), ["Draw the logo", "Choose a name", "Load 171,000 cities: see the other page", "Make the tests fast"]);
    expect(await focused()).toBe("Choose a name");
    expect(await said()).toBe("“Choose a name” is now in Done, 2 of 4");
    await press("Alt+ArrowLeft");
    await eventually(() => bob.column("doing").then((titles) => titles.includes("Choose a name")), true);
    await press("Alt+ArrowLeft");
    await eventually(() => bob.column("todo").then((titles) => titles.includes("Choose a name")), true);
    await eventually(focused, "Choose a name");
  });

  test("edit, vote, tag, claim, make and delete", async () => {
    await press("Enter");
    await ada.card("Choose a name").getByLabel("Title").fill("Choose a better name");
    await press("Enter");
    await bob.card("Choose a better name").waitFor();
    expect(await focused()).toBe("Choose a better name");
    await press("v", "v");
    await eventually(() => bob.votes("Choose a better name"), "14");
    await press("t");
    await ada.page.keyboard.type("Urgent");
    await press("Enter");
    await eventually(() => bob.tags("Choose a better name"), ["team", "urgent"]);
    await press("c");
    await eventually(() => bob.owner("Choose a better name"), "AAda");
    await press("n");
    await ada.page.keyboard.type("Made by keyboard");
    await press("Enter");
    await bob.card("Made by keyboard").waitFor();
    await ada.card("Made by keyboard").focus();
    await press("Delete");
    await bob.card("Made by keyboard").waitFor({ state: "detached" });
    expect(await focused()).not.toBe(null); // the card beside it
  });

  test("Ctrl+Z takes back, Ctrl+Shift+Z does again, and both leave alone what the other does", async () => {
    const title = "Choose a better name";
    await ada.card(title).focus();
    await press("v");
    await bob.vote(title, 2);
    await eventually(() => ada.votes(title), "17");
    await press("Control+z");
    await eventually(() => bob.votes(title), "16");
    expect(await said()).toBe(`Undone: vote for “${title}”`);
    await press("Control+z"); // the deletion
    await bob.card("Made by keyboard").waitFor();
    await press("Control+Shift+z", "Control+Shift+z");
    await bob.card("Made by keyboard").waitFor({ state: "detached" });
    await eventually(() => bob.votes(title), "17");
    expect(await ada.page.getByRole("button", { name: "Redo" }).getAttribute("aria-disabled")).toBe("true");
  });

  test("the buttons do the same, a move goes back to where it came from, and typing keeps its own undo", async () => {
    const title = "Choose a better name";
    const before = await ada.column("doing");
    await ada.card(title).focus();
    await press("Alt+ArrowRight");
    await eventually(() => bob.column("doing").then((titles) => titles.includes(title)), true);
    await ada.page.getByRole("button", { name: "Undo" }).click();
    await eventually(() => bob.column("doing"), before);
    await ada.page.getByRole("button", { name: "Redo" }).click();
    await eventually(() => bob.column("doing").then((titles) => titles.includes(title)), true);
    await ada.page.getByLabel("Add a card to Done").focus();
    await ada.page.keyboard.type("ab");
    await press("Control+z");
    expect(await ada.column("doing")).toContain(title);
  });
});

describe("the table", () => {
  const grid = () => ada.page.getByRole("grid", { name: "Cities" });
  /** The row that is active, as it is told, and its name. */
  const active = async (): Promise<[string | null, string | null]> => {
    const row = ada.page.locator(".canvas .row", { has: ada.page.locator("#active-cell") });
    return [await row.getAttribute("aria-rowindex"), await row.locator("[data-field=name] .text").textContent()];
  };

  beforeAll(async () => {
    [ada, bob] = await Promise.all([Window.open(browser, `${server.url}/cities`, "ada"), Window.open(browser, `${server.url}/cities`, "ben")]);
  });

  afterAll(() => Promise.all([ada?.close(), bob?.close()]));

  test("keys go by rows, pages and to the ends, and the row is always there to be seen", async () => {
    await eventually(() => grid().getAttribute("aria-rowcount"), String(CITIES + 1));
    await grid().focus();
    await eventually(active, ["2", "City 0000"]);
    await press("ArrowDown", "ArrowDown", "ArrowUp");
    await eventually(active, ["3", "City 0001"]);
    await press("End");
    await eventually(active, [String(CITIES + 1), `City ${CITIES - 1}`]);
    await press("PageUp");
    const [index] = await active();
    expect(Number(index)).toBeLessThan(CITIES - 5);
    await press("PageDown");
    await eventually(active, [String(CITIES + 1), `City ${CITIES - 1}`]);
    expect(await grid().getAttribute("aria-activedescendant")).toBe("active-cell");
    const seen = await ada.page.locator("#active-cell").evaluate((cell) => {
      const [at, room] = [cell.getBoundingClientRect(), cell.closest(".grid")?.getBoundingClientRect()];
      return room !== undefined && at.top >= room.top && at.bottom <= room.bottom;
    });
    expect(seen).toBe(true);
    expect(await ada.page.locator(".canvas .row").count()).toBeLessThan(60);
    await press("Home");
    await eventually(active, ["2", "City 0000"]);
  });

  test("a cell is edited by Enter, Escape takes it back, nonsense is not saved, and the focus returns", async () => {
    await press("ArrowRight", "ArrowRight", "ArrowRight");
    await press("Enter");
    await ada.page.getByLabel("Latitude", { exact: true }).fill("91");
    expect(await ada.page.locator(".cell-input").getAttribute("aria-invalid")).toBe("true");
    await press("Enter");
    await eventually(() => ada.row("City 0000").locator("[data-field=lat] .text").textContent(), "-89.0000");
    await press("F2");
    await ada.page.locator(".cell-input").fill("12,5");
    await press("Escape");
    await eventually(() => ada.row("City 0000").locator("[data-field=lat] .text").textContent(), "-89.0000");
    await press("Enter");
    await ada.page.locator(".cell-input").fill("12,5");
    await press("Enter");
    await eventually(() => bob.row("City 0000").locator("[data-field=lat] .text").textContent(), "12.5");
    expect(await grid().evaluate((element) => element === document.activeElement)).toBe(true);
    await press("ArrowLeft", "Enter"); // a region cannot be edited
    expect(await ada.page.locator(".cell-input").count()).toBe(0);
  });

  test("an edit whose row is scrolled away is saved", async () => {
    await press("Home", "ArrowRight", "ArrowRight", "ArrowRight", "Enter");
    await ada.page.locator(".cell-input").fill("begun and left");
    await grid().evaluate((element) => (element.scrollTop = 60_000));
    await eventually(() => bob.row("City 0000").locator("[data-field=note] .text").textContent(), "begun and left");
  });

  test("the head sorts by keyboard", async () => {
    await ada.page.getByRole("button", { name: "Country" }).focus();
    await press("Enter");
    await eventually(() => ada.page.locator(".head [data-field=country]").getAttribute("aria-sort"), "ascending");
    await press("Enter");
    await eventually(() => ada.page.locator(".head [data-field=country]").getAttribute("aria-sort"), "descending");
    await eventually(active, ["2", "City 0002"]); // the Philippines come first, and their cities by name
  });
});
