/** A Chromium with a profile on disk, whose processes can be killed and stopped one by one. */

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type CDPSession, type Page } from "playwright-core";
import { Program } from "./program.js";
import { executable, QUIET } from "./window.js";

/** Processes are to be those of tabs; and pages that a test makes up, which belong to no network, may open WebSockets to this machine. */
const OFF = "SpareRendererForSitePerProcess,LocalNetworkAccessChecks";

/** One tab and the process that runs it. */
export interface Tab {
  readonly page: Page;
  readonly pid: number;
}

export class Chromium {
  readonly #profile: string;
  #program: Program | undefined;
  #browser: Browser | undefined;
  #devtools: CDPSession | undefined;
  readonly #prepare: (context: BrowserContext) => Promise<void>;

  private constructor(profile: string, prepare: (context: BrowserContext) => Promise<void>) {
    this.#profile = profile;
    this.#prepare = prepare;
  }

  /** Starts with an empty profile; `prepare` is called with the context of each start. */
  static async start(prepare: (context: BrowserContext) => Promise<void>): Promise<Chromium> {
    const chrome = new Chromium(await mkdtemp(join(tmpdir(), "syncline-profile-")), prepare);
    await chrome.run();
    return chrome;
  }

  /** Starts the browser on its profile. */
  async run(): Promise<void> {
    const args = [...QUIET, "--headless=new", `--disable-features=${OFF}`, `--user-data-dir=${this.#profile}`, "--remote-debugging-port=0", "about:blank"];
    this.#program = await Program.start(executable(), args, ".", /(?<=DevTools listening on )ws:\S+/, true);
    this.#browser = await chromium.connectOverCDP(this.#program.sign);
    this.#devtools = await this.#browser.newBrowserCDPSession();
    await this.#prepare(this.context);
  }

  get context(): BrowserContext {
    const context = this.#browser?.contexts()[0];
    if (context === undefined) throw new Error("Chromium is not running");
    return context;
  }

  get devtools(): CDPSession {
    if (this.#devtools === undefined) throw new Error("Chromium is not running");
    return this.#devtools;
  }

  /** Opens a tab. It gets a process of its own, which is the one that was not there before. */
  async open(url: string): Promise<Tab> {
    const before = new Set(await this.#renderers());
    const page = await this.context.newPage();
    await page.goto(url);
    const pids = (await this.#renderers()).filter((pid) => !before.has(pid));
    const pid = pids.at(-1);
    if (pid === undefined) throw new Error("the tab has no process of its own");
    return { page, pid };
  }

  async #renderers(): Promise<number[]> {
    const { processInfo } = await this.devtools.send("SystemInfo.getProcessInfo");
    return processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  }

  /** Kills all processes of the browser at once. */
  async kill(): Promise<void> {
    await this.#program?.kill();
    await this.#browser?.close().catch(() => undefined);
    this.#browser = undefined;
  }

  /** Makes rubbish of what its databases say of themselves, while it does not run. */
  async damage(): Promise<void> {
    const databases = join(this.#profile, "Default/IndexedDB");
    const files = (await readdir(databases, { recursive: true })).filter((name) => /MANIFEST-|\.sqlite|\.db$/.test(name));
    if (files.length === 0) throw new Error(`${databases} has no database that this knows how to damage`);
    for (const name of files) await writeFile(join(databases, name), "rubbish ".repeat(100));
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
