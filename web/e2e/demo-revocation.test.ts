/**
 * The page `/access`: what somebody may no longer see leaves their device, at once or when it comes back, page and disk; and
 * roles on the board. With SCREENSHOTS=1 it also takes the picture of docs/images.
 */

import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { violations } from "./axe.js";
import { Server } from "./server.js";
import { eventually, launch, type Look, Window } from "./window.js";

const images = join(import.meta.dirname, "../../docs/images");
const pictures = process.env["SCREENSHOTS"] === "1";
/** Entries of the studio, and those of the project Archive: itself, two memberships, 480 letters. */
const [ALL, ARCHIVE] = [498, 483];

let browser: Browser;
let server: Server;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.demo({ cities: "none" }), launch()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

/** As {@link eventually} for what is read off the disk, which takes its time: looked at less often, so that looking does not keep others from writing. */
async function stored<T>(get: () => Promise<T>, value: T): Promise<void> {
  await expect.poll(get, { timeout: 45_000, interval: 500 }).toEqual(value);
}

/** The page with the three devices. */
class Access {
  readonly page: Page;
  readonly #errors: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.#errors.push(String(error.stack ?? error)));
  }

  static async open({ phone = false, colorScheme = "light" }: Look = {}): Promise<Access> {
    const viewport = phone ? { width: 390, height: 844 } : { width: 1280, height: 800 };
    const context = await browser.newContext({ viewport, deviceScaleFactor: 1, colorScheme, isMobile: phone, hasTouch: phone });
    const access = new Access(await context.newPage());
    await access.page.goto(`${server.url}/access`);
    return access;
  }

  /** All roles and documents are as at the beginning, and all devices have what that gives them. */
  async begin(): Promise<void> {
    for (const user of ["ada", "ben", "cleo"]) await this.pane(user).locator('.pill[data-state="live"]').waitFor();
    await eventually(() => this.pane("ada").locator(".project").count(), 3);
    await this.page.getByRole("button", { name: "Begin anew" }).click();
    await eventually(() => Promise.all(["ada", "ben", "cleo"].map((user) => this.entries(user))), [ALL, ALL, ALL - ARCHIVE]);
    await eventually(() => this.page.locator(".queue.rejected").count(), 0);
  }

  pane(user: string): Locator {
    return this.page.locator(`.pane[data-user="${user}"]`);
  }

  project(user: string, project: string): Locator {
    return this.pane(user).locator(`[data-project="${project}"]`);
  }

  async entries(user: string): Promise<number> {
    return Number(await this.pane(user).locator(".entries").textContent());
  }

  async give(project: string, user: string, role: "Editor" | "Viewer" | "Out"): Promise<void> {
    await this.project("ada", project).getByRole("group", { name: new RegExp(`^${user}`, "i") }).getByRole("radio", { name: role }).check();
  }

  async network(user: string): Promise<void> {
    await this.pane(user).getByRole("switch").click();
  }

  async write(user: string, document: string, text: string): Promise<void> {
    await this.pane(user).locator(`[data-id="${document}"] .document-text`).click();
    await this.pane(user).locator(`[data-id="${document}"] input`).fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** What has happened on a device, the newest first. */
  async happened(user: string): Promise<string[]> {
    return this.pane(user).locator(".happened li").allTextContents();
  }

  /** All that IndexedDB holds of a user, read by the test and not by the page. */
  async disk(user: string): Promise<string> {
    return this.page.evaluate(async (who) => {
      const texts: string[] = [];
      for (const { name = "" } of (await indexedDB.databases()).filter((database) => database.name?.endsWith(`/${who}`))) {
        const db = await new Promise<IDBDatabase>((resolve, reject) => {
          const request = indexedDB.open(name);
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error ?? new Error("not opened"));
        });
        for (const table of db.objectStoreNames) {
          const request = db.transaction(table).objectStore(table).getAll();
          texts.push(await new Promise((resolve) => (request.onsuccess = () => resolve(JSON.stringify(request.result)))));
        }
        db.close();
      }
      return texts.join("\n");
    }, user);
  }

  async close(): Promise<void> {
    await this.page.context().close();
    expect(this.#errors).toEqual([]);
  }
}

describe("three devices", () => {
  let access: Access;

  beforeAll(async () => {
    access = await Access.open();
  });

  beforeEach(() => access.begin());

  afterAll(() => access?.close());

  test("a role that goes takes all that hung on it along, live: one small message, and no byte of it stays on the disk", { timeout: 180_000 }, async () => {
    await stored(async () => (await access.disk("ben")).includes("Letter 480"), true);
    await access.give("archive", "Ben", "Out");
    await eventually(() => access.entries("ben"), ALL - ARCHIVE);
    expect(await access.project("ben", "archive").count()).toBe(0);
    await access.pane("ben").locator('[data-gone="archive"]').waitFor();
    const [told = ""] = await access.happened("ben");
    expect(told).toMatch(/^483 entries left this device, \d+ ms after Ada’s click: one message of \d+ bytes\.$/);
    expect(Number(/of (\d+) bytes/.exec(told)?.[1])).toBeLessThan(400);
    await stored(async () => /Letter \d|archive/.test(await access.disk("ben")), false);
    await eventually(() => access.pane("ben").locator('[data-gone="archive"] .small').textContent(), "Nothing of it is here. Nothing of it is on the disk, either.");
    expect((await access.disk("ada")).includes("Letter 480")).toBe(true);

    await access.give("archive", "Ben", "Viewer");
    await eventually(() => access.entries("ben"), ALL);
  });

  test("while he is away he keeps it; when he is back it goes before anything else comes, and his own words stay his", { timeout: 180_000 }, async () => {
    await access.network("ben");
    await access.pane("ben").locator('.pill[data-state="paused"]').waitFor();
    await access.write("ben", "aurora-1", "Three towers, and I insist");
    await eventually(() => access.pane("ben").locator('[data-id="aurora-1"]').getAttribute("data-state"), "pending");
    await access.give("aurora", "Ben", "Out");
    // Something else happens that he is to hear of, so that "before" means something.
    await access.write("ada", "harbour-1", "Always");
    await eventually(() => access.pane("cleo").locator('[data-id="harbour-1"] .document-text').textContent(), "Opening hours Always");
    expect(await access.project("ben", "aurora").count()).toBe(1);
    expect(await access.entries("ben")).toBe(ALL);

    await access.network("ben");
    await access.pane("ben").locator('[data-gone="aurora"]').waitFor();
    await eventually(() => access.pane("ben").locator('[data-id="harbour-1"] .document-text').textContent(), "Opening hours Always");
    const told = (await access.happened("ben")).reverse();
    const back = told.lastIndexOf("Switched on the network.");
    expect(told.slice(back + 1).filter((line) => line.includes("left") || line.includes("came"))[0]).toMatch(/^8 entries left this device before anything else came/);
    const refused = access.pane("ben").locator(".queue.rejected li");
    await eventually(() => refused.locator(".words").allTextContents(), ["Three towers, and I insist"]);
    expect(await refused.locator(".what").textContent()).toBe("Set text of “Stage plan”");
    expect(await refused.getAttribute("data-code")).toBe("not_found");
    expect(await refused.locator(".why").textContent()).toContain("you may not see it any more");
    // On the disk there are his words, and nothing else of the project.
    await stored(async () => [(await access.disk("ben")).includes("I insist"), /Two towers|Blue until|48000/.test(await access.disk("ben"))], [true, false]);

    // With a role again the same words are taken.
    await access.give("aurora", "Ben", "Editor");
    await access.project("ben", "aurora").waitFor();
    await refused.getByRole("button", { name: "Retry" }).click();
    await eventually(() => access.pane("cleo").locator('[data-id="aurora-1"] .document-text').textContent(), "Stage plan Three towers, and I insist");
    await eventually(() => refused.count(), 0);
    await access.write("ada", "aurora-1", "Two towers, one bridge, and the band below it.");
    await access.write("ada", "harbour-1", "Ten to six, on Thursdays until nine.");
  });

  test("a field comes and goes with the role, and is not on the disk of who may not see it", { timeout: 180_000 }, async () => {
    const budget = access.project("cleo", "aurora").locator(".budget");
    await eventually(() => budget.textContent(), "no budget on this device");
    expect((await access.disk("cleo")).includes("48000")).toBe(false);
    await access.give("aurora", "Cleo", "Editor");
    await eventually(() => budget.textContent(), "Budget €48,000");
    await stored(async () => (await access.disk("cleo")).includes("48000"), true);
    await access.give("aurora", "Cleo", "Viewer");
    await eventually(() => budget.textContent(), "no budget on this device");
    await stored(async () => (await access.disk("cleo")).includes("48000"), false);
  });

  test("a document that moves out leaves those who do not have the other project, and reaches those who have", async () => {
    await access.project("ada", "archive").locator(".move").first().selectOption("harbour");
    await eventually(() => access.entries("cleo"), ALL - ARCHIVE + 1);
    await access.give("harbour", "Cleo", "Out");
    await eventually(() => access.project("cleo", "harbour").count(), 0);
    await access.pane("ada").locator('[data-id="aurora-4"]').count();
    await access.project("ada", "aurora").locator(".move").first().selectOption("harbour");
    await eventually(() => access.pane("cleo").locator('[data-id="aurora-1"]').count(), 0);
    await stored(async () => (await access.disk("cleo")).includes("Two towers"), false);
    expect(await access.pane("ben").locator('[data-id="aurora-1"]').count() + await access.project("ben", "harbour").count()).toBeGreaterThan(0);
  });

  test("a viewer's write shows, and is refused with its reason", async () => {
    await access.write("cleo", "aurora-2", "All red");
    const refused = access.pane("cleo").locator(".queue.rejected li");
    await eventually(() => refused.locator(".why").allTextContents(), ["Your role does not allow it forbidden"]);
    await eventually(() => access.pane("cleo").locator('[data-id="aurora-2"] .document-text').textContent(), "Light cues Blue until the second song, then slowly gold.");
    await refused.getByRole("button", { name: "Discard" }).click();
    await eventually(() => refused.count(), 0);
  });

  test("everything can be done by keyboard", async () => {
    const { keyboard } = access.page;
    await access.project("ada", "aurora").getByRole("radio", { name: "Viewer" }).last().focus();
    await keyboard.press("ArrowRight");
    await eventually(() => access.project("cleo", "aurora").count(), 0);
    await keyboard.press("ArrowLeft");
    await eventually(() => access.project("cleo", "aurora").count(), 1);
    await access.pane("ben").locator('[data-id="aurora-1"] .document-text').focus();
    await keyboard.press("Enter");
    await keyboard.type("typed");
    await keyboard.press("Escape");
    await eventually(() => access.page.evaluate(() => document.activeElement?.className), "document-text");
    expect(await access.pane("ben").locator('[data-id="aurora-1"] .document-text').textContent()).toContain("Two towers");
    await access.pane("ben").getByRole("switch").focus();
    await keyboard.press("Space");
    await access.pane("ben").locator('.pill[data-state="paused"]').waitFor();
    await keyboard.press("Space");
    await access.pane("ben").locator('.pill[data-state="live"]').waitFor();
  });

  test("the server is killed and comes back: all that was there is, and what changes then goes on", async () => {
    await server.kill();
    await access.pane("ben").locator('.pill[data-state="connecting"]').waitFor();
    await access.give("archive", "Ben", "Out");
    expect(await access.entries("ben")).toBe(ALL);
    await server.run();
    await eventually(() => access.entries("ben"), ALL - ARCHIVE);
    await access.page.reload();
    await eventually(() => access.entries("ben"), ALL - ARCHIVE);
  });

  test.runIf(pictures)("has its picture taken", async () => {
    await access.give("archive", "Ben", "Out");
    await eventually(() => access.entries("ben"), ALL - ARCHIVE);
    await access.network("ben");
    await access.write("ben", "aurora-1", "Three towers, and I insist");
    await access.give("aurora", "Ben", "Out");
    await access.give("aurora", "Cleo", "Editor");
    await access.network("ben");
    await access.pane("ben").locator(".queue.rejected").waitFor();
    await access.pane("ben").locator(".log").evaluate((log) => (log.scrollTop = 0));
    await access.page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await eventually(() => access.pane("ben").locator('[data-gone="aurora"] .found').count(), 0);
    await eventually(() => access.page.evaluate(() => document.getAnimations().filter(({ playState }) => playState === "running").length), 0);
    await access.page.screenshot({ path: join(images, "demo-access.png") });
  });
});

describe.each((["light", "dark"] as const).flatMap((colorScheme) => [false, true].map((phone) => [`${colorScheme}, ${phone ? "phone" : "desktop"}`, { colorScheme, phone }] as const)))("%s", (_, look) => {
  test("the page is for everybody, also while things go", { timeout: 180_000 }, async () => {
    const access = await Access.open(look);
    await access.begin();
    const fine = async (state: string): Promise<void> => {
      expect(await violations(access.page), state).toEqual([]);
      expect(await access.page.evaluate(() => document.documentElement.scrollWidth), state).toBe(access.page.viewportSize()?.width);
    };
    await fine("as it opens");
    await access.network("ben");
    await access.write("ben", "aurora-1", "Mine");
    await access.give("aurora", "Ben", "Out");
    await fine("with a device that is away, and a write that waits");
    await access.network("ben");
    await access.pane("ben").locator(".queue.rejected").waitFor();
    await access.pane("ben").locator('[data-gone="aurora"]').waitFor();
    await fine("with what has gone and what was refused");
    await access.pane("cleo").locator('[data-id="harbour-1"] .document-text').click();
    await access.pane("cleo").locator("input").waitFor();
    await fine("while a document is edited");
    await access.page.keyboard.press("Escape");
    await access.begin();
    await access.close();
  });
});

test("on a phone the devices are one below the other, and a line tells of all three", async () => {
  const access = await Access.open({ phone: true });
  await access.begin();
  const strip = access.page.getByRole("navigation", { name: "Devices" });
  await eventually(() => strip.locator(".strip-count").allTextContents(), ["498", "498", "15"]);
  await access.give("archive", "Ben", "Out");
  await eventually(() => strip.locator(".strip-count").allTextContents(), ["497", "15", "15"]);
  expect(await strip.isVisible()).toBe(true);
  await strip.getByRole("link", { name: /^Cleo/ }).tap();
  await eventually(() => access.pane("cleo").evaluate((pane) => pane.getBoundingClientRect().top > 60 && pane.getBoundingClientRect().top < innerHeight / 2), true);
  await access.begin();
  await access.close();
});

describe("roles on the board", () => {
  const windows: Window[] = [];
  const open = async (user: string, path = "/"): Promise<Window> => {
    const window = await Window.open(browser, `${server.url}${path}`, user);
    windows.push(window);
    return window;
  };

  afterEach(async () => {
    for (const window of windows.splice(0)) await window.close();
  });

  const role = (window: Window, user: string): Locator => window.page.locator(`.roles .role[data-user="${user}"]`);

  test("a viewer's write is refused with its reason; made an editor she tries again, and it is taken", async () => {
    const [ada, cleo] = [await open("ada"), await open("cleo")];
    await cleo.vote("Choose a name", 1);
    await eventually(() => cleo.refused.locator(".why").allTextContents(), ["Your role does not allow it forbidden"]);
    await eventually(() => cleo.state("Choose a name"), "rejected");
    await eventually(() => ada.votes("Choose a name"), "12");
    await role(ada, "cleo").getByRole("radio", { name: "Editor" }).check();
    await eventually(() => role(cleo, "cleo").locator(".role-name").textContent(), "editor");
    await cleo.refused.getByRole("button", { name: "Retry" }).click();
    await eventually(() => ada.votes("Choose a name"), "13");
    await role(ada, "cleo").getByRole("radio", { name: "Viewer" }).check();
    await eventually(() => role(cleo, "cleo").locator(".role-name").textContent(), "viewer");
  });

  test("who is taken out keeps nothing of the board, is told, and gets it again with a role", async () => {
    const [ada, ben] = [await open("ada"), await open("ben")];
    await ben.card("Choose a name").waitFor();
    await role(ada, "ben").getByRole("radio", { name: "Out" }).check();
    await ben.page.locator('[data-notice="forbidden"]').waitFor();
    await eventually(() => ben.page.locator(".board .card").count(), 0);
    await role(ada, "ben").getByRole("radio", { name: "Editor" }).check();
    await eventually(() => ada.pending(), []); // the server knows
    await ben.page.getByRole("button", { name: "Reload", exact: true }).click();
    await ben.card("Choose a name").waitFor();
  });

  test("one looks at the page as another by the switch in the header, and each has a store of their own", async () => {
    const ada = await open("ada");
    await ada.offline();
    await ada.create("Only Ada has this yet");
    await ada.page.getByLabel("You are").selectOption("ben");
    await ada.page.waitForURL(/user=ben/);
    await ada.live();
    expect(await ada.page.getByLabel("You are").inputValue()).toBe("ben");
    await ada.card("Choose a name").waitFor();
    expect(await ada.card("Only Ada has this yet").count()).toBe(0);
    await ada.page.getByLabel("You are").selectOption("ada");
    await ada.live();
    await eventually(() => ada.state("Only Ada has this yet"), "confirmed");
    await ada.card("Only Ada has this yet").getByLabel("Delete card").click();
    await ada.card("Only Ada has this yet").waitFor({ state: "detached" });
    await eventually(() => ada.pending(), []);
  });

  test("a viewer of the table is refused, an editor is not", async () => {
    // Without cities there are still roles.
    const cleo = await open("cleo", "/cities");
    await cleo.page.getByRole("button", { name: /^Sync panel/ }).click();
    await eventually(() => role(cleo, "cleo").locator(".role-name").textContent(), "viewer");
    expect(await role(cleo, "ben").locator(".role-name").textContent()).toBe("editor");
  });

  test("a stranger finds nothing, and is told why", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${server.url}/?user=eve`);
    await page.locator('[data-notice="forbidden"]').waitFor();
    expect(await page.locator(".board .card").count()).toBe(0);
    expect(await page.locator(".roles").count()).toBe(0);
    await context.close();
  });
});
