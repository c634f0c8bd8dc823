/** The demo for everybody: an automated accessibility check of both pages in their states, in dark and light, on a desktop and on a phone. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { violations } from "./axe.js";
import { type CitiesFile, writeCities } from "./cities.js";
import { Server } from "./server.js";
import { eventually, launch, type Look, Window } from "./window.js";

const LOOKS = (["light", "dark"] as const).flatMap((colorScheme) => [false, true].map((phone) => [`${colorScheme}, ${phone ? "phone" : "desktop"}`, { colorScheme, phone }] as const));

let browser: Browser;
let server: Server;
let file: CitiesFile;
let window: Window;

beforeAll(async () => {
  file = await writeCities(300);
  [server, browser] = await Promise.all([Server.demo({ cities: file.path }), launch()]);
});

afterEach(() => window?.close());

afterAll(async () => {
  await browser?.close();
  await server?.remove();
  await file?.remove();
});

/** Nothing is wrong, and the page itself does not scroll sideways. */
async function fine(state: string): Promise<void> {
  expect(await violations(window.page), state).toEqual([]);
  // Not compared with innerWidth, which grows with what is too wide on a phone.
  expect(await window.page.evaluate(() => document.documentElement.scrollWidth), state).toBe(window.page.viewportSize()?.width);
}

async function devtools(): Promise<void> {
  await window.page.getByRole("button", { name: "Syncline", exact: true }).click();
  const panel = window.page.getByRole("region", { name: "Syncline devtools" });
  for (const tab of ["Time line", "Entries", "Overview"]) {
    await panel.getByRole("tab", { name: tab }).click();
    await fine(`devtools, ${tab}`);
  }
  await panel.getByRole("button", { name: "Close" }).click();
}

/** The panel is open: on a phone it is not at first. */
async function openPanel(): Promise<void> {
  const toggle = window.page.getByRole("button", { name: /^Sync panel/ });
  if ((await toggle.getAttribute("aria-expanded")) === "false") await toggle.click();
  await window.page.getByRole("complementary", { name: "Sync" }).waitFor();
}

async function open(path: string, look: Look): Promise<void> {
  window = await Window.open(browser, `${server.url}${path}`, "ada", 30_000, look);
}

describe.each(LOOKS)("%s", (_, look) => {
  test("the board", async () => {
    await open("/", look);
    await eventually(async () => (await window.column("done")).length, 4);
    await fine("as it opens");
    await openPanel();
    await fine("with the panel");
    await window.offline();
    await window.page.getByRole("button", { name: /^Sync panel/ }).click();
    await window.vote("Choose a name", 1);
    await fine("offline");
    await window.card("Choose a name").focus();
    await window.page.keyboard.press("Enter");
    await window.card("Choose a name").getByLabel("Title").waitFor();
    await fine("while a title is edited");
    await window.page.keyboard.press("Escape");
    await window.page.keyboard.press("t");
    await window.card("Choose a name").getByLabel("New tag").waitFor();
    await fine("while a tag is typed");
    await openPanel();
    await fine("with a write that waits");
    await window.page.getByRole("button", { name: /^Sync panel/ }).click();
    await devtools();
  });

  test("the table", async () => {
    await open("/cities", look);
    await window.row("City 0000").waitFor();
    await fine("as it opens");
    await window.page.getByRole("grid", { name: "Cities" }).focus();
    await window.page.keyboard.press("ArrowDown");
    await window.page.keyboard.press("Enter");
    await window.page.locator(".cell-input").waitFor();
    await fine("while a cell is edited");
    await window.page.locator(".cell-input").fill("");
    await fine("with a value that makes no sense");
    await window.page.keyboard.press("Escape");
    await window.filter("nowhere");
    await window.page.locator(".nothing").waitFor();
    await fine("with nothing found");
    await window.filter("");
    await openPanel();
    await fine("with the panel");
    await window.page.getByRole("button", { name: /^Sync panel/ }).click();
    await devtools();
  });
});

test("the check finds what is wrong", async () => {
  await open("/", {});
  await window.card("Choose a name").waitFor();
  await window.page.evaluate(() => {
    const bad = document.createElement("main");
    bad.innerHTML = '<img src="/icon.svg"><div role="button" tabindex="0"></div>';
    document.body.append(bad);
    for (const title of document.querySelectorAll<HTMLElement>(".lane h2")) title.style.color = "#aaa";
  });
  const found = (await violations(window.page)).map((text) => text.split(" ")[0]);
  expect(found).toEqual(expect.arrayContaining(["image-alt", "color-contrast", "aria-command-name", "landmark-no-duplicate-main"]));
});

test("who wants no motion gets none", async () => {
  await open("/", { reducedMotion: "reduce" });
  await window.card("Choose a name").waitFor();
  await window.page.evaluate(() => {
    document.documentElement.dataset["moved"] = "0";
    const { animate } = Element.prototype;
    Element.prototype.animate = function (...args) {
      document.documentElement.dataset["moved"] = "1";
      return animate.apply(this, args);
    };
  });
  await window.card("Choose a name").focus();
  await window.page.keyboard.press("Alt+ArrowLeft");
  await eventually(() => window.column("doing").then((titles) => titles.includes("Choose a name")), true);
  expect(await window.page.evaluate(() => document.documentElement.dataset["moved"])).toBe("0");
  const long = await window.page.evaluate(() => document.getAnimations().filter(({ effect }) => Number(effect?.getComputedTiming().duration) > 1).length);
  expect(long).toBe(0);
});
