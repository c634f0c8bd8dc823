/** A person's browser window on the demo, and what one does in it. */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { expect } from "vitest";

export const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** The Chromium that CHROMIUM names, or the first on the PATH. */
export function executable(): string {
  return process.env["CHROMIUM"] || onPath("chromium", "chromium-browser", "google-chrome");
}

export async function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: executable(), args: QUIET });
}

/** The first of these programs that is on the PATH. Throws if there is none. */
export function onPath(...names: readonly string[]): string {
  for (const name of names) {
    for (const dir of (process.env["PATH"] ?? "").split(delimiter)) {
      const file = join(dir, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // not there
      }
    }
  }
  throw new Error(`none of ${names.join(", ")} is on the PATH`);
}

/** Waits until `get` gives `value`. */
export async function eventually<T>(get: () => Promise<T>, value: T): Promise<void> {
  await expect.poll(get, { timeout: 20_000, interval: 40 }).toEqual(value);
}

/** How a window looks. */
export interface Look {
  readonly colorScheme?: "light" | "dark";
  readonly viewport?: { readonly width: number; readonly height: number };
  /** Whether it is on a phone: touched, not clicked. */
  readonly phone?: boolean;
  readonly reducedMotion?: "reduce";
}

export class Window {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly #errors: string[] = [];

  private constructor(context: BrowserContext, page: Page) {
    this.context = context;
    this.page = page;
    page.on("pageerror", (error) => this.#errors.push(String(error.stack ?? error)));
  }

  /** Opens a page as `user`, in a profile of its own; it has `patience` milliseconds to load its data. */
  static async open(browser: Browser, url: string, user: string, patience = 30_000, look: Look = {}): Promise<Window> {
    const { phone = false, colorScheme = "light", viewport = phone ? { width: 390, height: 844 } : { width: 1280, height: 800 }, reducedMotion = null } = look;
    const context = await browser.newContext({ viewport, deviceScaleFactor: 1, colorScheme, isMobile: phone, hasTouch: phone, reducedMotion });
    const window = new Window(context, await context.newPage());
    await window.page.goto(`${url}?user=${user}`);
    await window.live(patience);
    return window;
  }

  async close(): Promise<void> {
    await this.context.close();
    expect(this.#errors).toEqual([]);
  }

  // The network.

  async live(timeout = 30_000): Promise<void> {
    await this.page.locator('.pill[data-state="live"]').waitFor({ timeout });
  }

  async offline(): Promise<void> {
    await this.page.getByRole("switch", { name: "Network" }).click();
    await this.page.locator('.pill[data-state="paused"]').waitFor();
  }

  async online(): Promise<void> {
    await this.page.getByRole("switch", { name: "Network" }).click();
    await this.live();
  }

  /** The server is gone, and the window has noticed. */
  async cutOff(): Promise<void> {
    await this.page.locator('.pill[data-state="connecting"]').waitFor();
  }

  // The board.

  card(title: string): Locator {
    return this.page.locator(`.board .card[aria-label="${title}"]`);
  }

  async create(title: string, column = "To do"): Promise<void> {
    const input = this.page.getByLabel(`Add a card to ${column}`);
    await input.fill(title);
    await input.press("Enter");
    await this.card(title).waitFor();
  }

  async vote(title: string, times: number): Promise<void> {
    for (let i = 0; i < times; i++) await this.card(title).locator(".vote").click();
  }

  async votes(title: string): Promise<string | null> {
    return this.card(title).locator(".vote .count").textContent();
  }

  async tag(title: string, tag: string): Promise<void> {
    await this.card(title).getByLabel("Add a tag").click();
    await this.card(title).getByLabel("New tag").fill(tag);
    await this.card(title).getByLabel("New tag").press("Enter");
  }

  async tags(title: string): Promise<string[]> {
    return this.card(title).locator(".tag:not(.add)").allTextContents();
  }

  async rename(title: string, to: string): Promise<void> {
    await this.card(title).locator(".card-title").dblclick();
    await this.card(title).getByLabel("Title").fill(to);
    await this.card(title).getByLabel("Title").press("Enter");
  }

  async claim(title: string): Promise<void> {
    await this.card(title).locator(".claim").click();
  }

  async owner(title: string): Promise<string | null> {
    return this.card(title).locator(".claim").textContent();
  }

  async state(title: string): Promise<string | null> {
    return this.card(title).getAttribute("data-state");
  }

  /** The titles of a column, from top to bottom. */
  async column(name: string): Promise<(string | null)[]> {
    return this.page.locator(`.lane[data-column="${name}"] .card-title`).allTextContents();
  }

  /** Drags a card to just above the middle of another, or to the end of a column. */
  async drag(title: string, to: Locator, where: "above" | "end"): Promise<void> {
    await this.card(title).scrollIntoViewIfNeeded();
    const from = await box(this.card(title).locator(".card-title"));
    await to.scrollIntoViewIfNeeded();
    const target = await box(to);
    const { mouse } = this.page;
    await mouse.move(from.x + 8, from.y + 8);
    await mouse.down();
    await mouse.move(from.x + 20, from.y + 14);
    await mouse.move(target.x + target.width / 2, where === "above" ? target.y + 6 : target.y + target.height - 6, { steps: 8 });
    await mouse.up();
  }

  // The panel.

  async pending(): Promise<string[]> {
    return this.page.locator(".queue.pending li .what").allTextContents();
  }

  get refused(): Locator {
    return this.page.locator(".queue.rejected li");
  }

  // The cities.

  async filter(prefix: string): Promise<void> {
    await this.page.getByLabel("Filter by name").fill(prefix);
  }

  row(city: string): Locator {
    return this.page.locator(".canvas .row", { has: this.page.locator(".cell[data-field=name]", { has: this.page.locator(".text", { hasText: new RegExp(`^${city}$`) }) }) });
  }

  async edit(cell: Locator, label: string, value: string): Promise<void> {
    await cell.dblclick();
    await this.page.locator(".canvas").getByLabel(label).fill(value);
    await this.page.locator(".canvas").getByLabel(label).press("Enter");
  }
}

export async function box(locator: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  const found = await locator.boundingBox();
  if (found === null) throw new Error("not on the screen");
  return found;
}
