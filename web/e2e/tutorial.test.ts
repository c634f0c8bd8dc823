/** docs/TUTORIAL.md, done: its files are taken out of it, built with the packed client, and used as it says. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Consumer, pack } from "../client/test/pack.js";
import { freePort, Program, syncline } from "./program.js";
import { eventually, launch } from "./window.js";

/** How many lines an offline-first app may have. */
const MOST = 60;

interface Block {
  readonly language: string;
  /** Where it goes; empty for commands. */
  readonly file: string;
  readonly text: string;
}

/** The code of a page: a fence says the language and, for a file, its path. */
function blocks(markdown: string): readonly Block[] {
  return [...markdown.matchAll(/^```(\w+) ?(\S*)\n([^]*?)^```$/gm)].map(([, language = "", file = "", text = ""]) => ({ language, file, text }));
}

let work: string;
let tutorial: readonly Block[];
let app: Consumer;
let browser: Browser;
let server: Program;
let preview: Program;
let address: string;

/** A command of the tutorial by its beginning, as a list of words. */
function command(start: string): string[] {
  const found = tutorial.filter(({ language }) => language === "sh").flatMap(({ text }) => text.split("\n")).find((line) => line.startsWith(start));
  if (found === undefined) throw new Error(`the tutorial has no command ${start}`);
  return found.split(" ");
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "syncline-tutorial-"));
  tutorial = blocks(await readFile(join(import.meta.dirname, "../../docs/TUTORIAL.md"), "utf8"));
  const [, ...packages] = command("npm install react").slice(1);
  expect(packages).toContain("@syncline/client");
  const others = [...packages.filter((name) => name !== "@syncline/client"), ...command("npm install --save-dev").slice(3)];
  // What these need, too; the types only for the check of types.
  app = await Consumer.install(await pack(work), [...others, "scheduler", "csstype", "@types/react", "@types/react-dom"]);

  const [serverPort, pagePort] = [await freePort(), await freePort()];
  // The ports of the tutorial may be taken here.
  const here = (text: string): string => text.replaceAll("localhost:4600", `localhost:${serverPort}`).replaceAll("localhost:4173", `localhost:${pagePort}`);
  for (const { file, text } of tutorial) if (file !== "") await app.write(file, here(text));
  address = here("http://localhost:4173");

  const [, ...serve] = command("syncline serve").map(here);
  const binary = syncline(work);
  server = await Program.start(binary, [...serve, "--listen", `127.0.0.1:${serverPort}`, "--admin", ""], work, /listening on/);
  await app.tool("vite/bin/vite.js", command("npx vite build").slice(2));
  const vite = join(app.dir, "node_modules/vite/bin/vite.js");
  preview = await Program.start(process.execPath, [vite, ...command("npx vite preview").slice(2), "--port", String(pagePort), "--strictPort"], app.dir, new RegExp(String(pagePort)));
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  await preview?.kill();
  await server?.kill();
  await app?.remove();
  await rm(work, { recursive: true, force: true });
});

/** A browser of its own with the app. */
class Seat {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly #errors: string[] = [];

  private constructor(context: BrowserContext, page: Page) {
    this.context = context;
    this.page = page;
    page.on("pageerror", (error) => this.#errors.push(String(error.stack ?? error)));
  }

  static async open(): Promise<Seat> {
    const context = await browser.newContext();
    const seat = new Seat(context, await context.newPage());
    await seat.page.goto(address);
    await seat.says("live, 0 not sent yet");
    return seat;
  }

  says(status: string): Promise<void> {
    return eventually(() => this.page.getByRole("status").textContent(), status);
  }

  async add(title: string): Promise<void> {
    await this.page.getByLabel("To do").fill(title);
    await this.page.getByRole("button", { name: "Add" }).click();
  }

  item(title: string): Locator {
    return this.page.getByRole("listitem").filter({ hasText: title });
  }

  /** The list, as `title`, with `x` for done and `?` for what is not sent yet. */
  shows(...todos: string[]): Promise<void> {
    return eventually(
      () =>
        this.page.getByRole("listitem").evaluateAll((items) =>
          items.map((item) => `${item.querySelector("label")?.textContent.trim() ?? ""}${item.querySelector("input")?.checked === true ? " x" : ""}${item.className === "pending" ? " ?" : ""}`),
        ),
      todos,
    );
  }

  /** What went wrong in the page since it was opened. */
  async close(): Promise<void> {
    await this.context.close();
    expect(this.#errors).toEqual([]);
  }
}

it(`the app has at most ${MOST} lines`, () => {
  const files = tutorial.filter(({ file }) => file !== "");
  expect(files.map(({ file }) => file)).toEqual(["index.html", "main.tsx", "public/sw.js"]);
  const lines = files.flatMap(({ text }) => text.trimEnd().split("\n"));
  expect(lines.length).toBeLessThanOrEqual(MOST);
  // Nobody has squeezed it.
  expect(lines.filter((line) => line.length > 150)).toEqual([]);
});

it("its types are right, at their strictest", { timeout: 120_000 }, async () => {
  await app.write("tsconfig.json", JSON.stringify({
    compilerOptions: { strict: true, noUncheckedIndexedAccess: true, target: "ES2022", module: "ESNext", moduleResolution: "bundler", lib: ["ES2022", "DOM", "DOM.Iterable"], jsx: "react-jsx", types: [], noEmit: true, preserveSymlinks: true },
    files: ["main.tsx"],
  }));
  expect(await app.tool("typescript/bin/tsc", ["-p", "tsconfig.json"])).toBe("");
});

it("two browsers share the list; one of them works, and reloads, without network", { timeout: 120_000 }, async () => {
  const [ada, bo] = [await Seat.open(), await Seat.open()];
  await ada.add("Milk");
  await bo.shows("Milk");
  await bo.add("Eggs");
  await ada.shows("Milk", "Eggs");
  await ada.says("live, 0 not sent yet");

  // Before, the page must have come to where it survives.
  await eventually(() => ada.page.evaluate(async () => (await (await caches.open("page")).keys()).map(({ url }) => new URL(url).pathname.replace(/-[\w-]+\.js$/, ".js")).sort()), ["/", "/assets/index.js"]);
  await ada.page.evaluate(async () => void (await navigator.serviceWorker.ready));
  await ada.context.setOffline(true);
  await preview.kill();
  await ada.says("offline, 0 not sent yet");
  await ada.add("Bread");
  await ada.page.getByLabel("Milk", { exact: true }).check();
  await ada.shows("Milk x ?", "Eggs", "Bread ?");
  await ada.says("offline, 2 not sent yet");
  await bo.shows("Milk", "Eggs");

  await ada.page.reload();
  await ada.shows("Milk x ?", "Eggs", "Bread ?");
  await eventually(async () => (await ada.page.getByRole("status").textContent())?.replace(/^\w+/, "…"), "…, 2 not sent yet");
  await ada.add("Salt");
  await ada.shows("Milk x ?", "Eggs", "Bread ?", "Salt ?");
  await bo.page.getByLabel("Delete Milk").click();
  await bo.shows("Eggs");

  await ada.context.setOffline(false);
  await bo.shows("Eggs", "Bread", "Salt");
  await ada.shows("Eggs", "Bread", "Salt");
  await ada.says("live, 0 not sent yet");
  const refusal = ada.page.getByRole("alert");
  await eventually(async () => /^Refused: \S.* Discard$/.test((await refusal.textContent()) ?? ""), true);
  await refusal.getByRole("button", { name: "Discard" }).click();
  await eventually(() => refusal.count(), 0);
  await ada.page.reload(); // the page's own server is still away
  await ada.shows("Eggs", "Bread", "Salt");
  expect(await refusal.count()).toBe(0);
  await ada.close();
  await bo.close();
});
