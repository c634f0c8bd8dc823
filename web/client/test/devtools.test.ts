/** The devtools in Chromium, over the client in memory and the fake server: see devtools.page.ts for what runs in the page. */
import { readFile } from "node:fs/promises";
import { build } from "esbuild";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";

const file = (name: string): URL => new URL(name, import.meta.url);
const TABS = ["Overview", "Entries", "Queue", "Rejected", "Time line"];

let browser: Browser;
let script: string;
let html: string;
/** Two windows: in one time passes by itself, in the other it does not. */
let windows: { readonly real: Page; readonly still: Page };
let page: Page;
const errors: string[] = [];

// On a busy machine a browser takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const poll = <T>(get: () => Promise<T>): ReturnType<typeof expect.poll> => expect.poll(get, { timeout: 60_000, interval: 40 });

beforeAll(async () => {
  const bundle = await build({ entryPoints: [file("devtools.page.ts").pathname], bundle: true, format: "iife", target: "es2022", write: false });
  script = bundle.outputFiles[0]?.text ?? "";
  html = await readFile(file("devtools.page.html"), "utf8");
  browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  windows = { real: await open(), still: await open() };
  await windows.still.clock.install({ time: new Date("2024-05-01T12:00:00Z") });
  await windows.still.goto("http://localhost/");
  await windows.still.clock.pauseAt(new Date("2024-05-01T12:00:10Z"));
});
afterAll(async () => browser.close());
afterEach(() => expect(errors.splice(0)).toEqual([]));

async function open(): Promise<Page> {
  const opened = await browser.newPage({ permissions: ["clipboard-read", "clipboard-write"] });
  opened.on("pageerror", (error) => errors.push(String(error)));
  // localhost, since the client needs a secure context.
  await opened.route("http://localhost/**", (route) => {
    const js = route.request().url().endsWith("/page.js");
    return route.fulfill({ contentType: js ? "text/javascript" : "text/html", body: js ? script : html });
  });
  return opened;
}

/** Opens the page; in the `still` window nothing happens by itself but through `page.clock`. */
async function visit(which: keyof typeof windows = "real", width = 1000, colorScheme: "light" | "dark" = "light"): Promise<void> {
  page = windows[which];
  await page.bringToFront();
  await page.setViewportSize({ width, height: 700 });
  await page.emulateMedia({ colorScheme });
  await page.goto("http://localhost/");
}

const tab = (name: string): Locator => page.getByRole("tab", { name });
const panel = (): Locator => page.getByRole("region", { name: "Syncline devtools" });
const grid = (): Locator => page.getByRole("grid");
const launcher = (): Locator => page.getByRole("button", { name: "Syncline", exact: true });
const counts = (): Promise<Window["lab"]["counts"]> => page.evaluate(() => ({ ...window.lab.counts }));

/** Makes client, space and 40 cards, and shows the devtools. */
async function show(open = true): Promise<void> {
  await page.evaluate(async (asked) => {
    const { lab } = window;
    lab.fill(40, (i) => ({ title: `card ${i}` }));
    lab.client = lab.connect();
    lab.space = lab.open(lab.client);
    lab.unmount = lab.mountDevtools(lab.client, { open: asked });
    await lab.settle();
  }, open);
}

describe("a mounted panel", () => {
  it("holds nothing while it is closed, and nothing after it is unmounted", async () => {
    await visit();
    await show(false);
    const before = await counts();
    expect(before.subscriptions).toBe(0);
    await launcher().click();
    for (const name of TABS) await tab(name).click();
    await tab("Entries").click();
    await poll(counts).toMatchObject({ subscriptions: 3, queries: 1 });
    expect((await counts()).listeners).toBeGreaterThan(before.listeners);
    await page.evaluate(() => window.lab.unmount());
    expect(await counts()).toMatchObject({ subscriptions: 0, queries: 0, listeners: before.listeners });
    expect(await page.locator("body > div").count()).toBe(1); // the page's own
    await page.evaluate(() => window.lab.unmount()); // again is nothing
  });

  it("runs nothing after it is unmounted", async () => {
    await visit("still");
    await show();
    await page.clock.runFor(3000);
    const running = (await counts()).drawings;
    expect(running).toBeGreaterThan(1);
    await page.evaluate(() => window.lab.unmount());
    const { drawings } = await counts();
    await page.evaluate(() => window.lab.space.put("cards", "new", {}));
    await page.clock.runFor(5000);
    expect((await counts()).drawings).toBe(drawings);
  });

  it("draws four times a second at most, whatever happens", async () => {
    await visit("still");
    await show();
    await page.clock.runFor(1000);
    const before = (await counts()).drawings;
    for (let i = 0; i < 50; i++) {
      await page.evaluate((n) => {
        for (let k = 0; k < 20; k++) window.lab.space.put("cards", `c${n}-${k}`, { n });
      }, i);
      await page.clock.runFor(40);
    }
    const after = (await counts()).drawings;
    expect(after - before).toBeGreaterThanOrEqual(6);
    expect(after - before).toBeLessThanOrEqual(9); // in two seconds, and the ends
  });

  it("has no query and draws nothing while the page is hidden, and goes on when it is seen again", async () => {
    await visit("still");
    await show();
    await tab("Entries").click();
    await poll(counts).toMatchObject({ queries: 1 });
    await page.evaluate(() => window.lab.visible(false));
    expect(await counts()).toMatchObject({ queries: 0 });
    await page.evaluate(() => window.lab.space.put("cards", "c000000", { title: "unseen" }));
    await page.clock.runFor(3000);
    expect(await counts()).toMatchObject({ queries: 0 });
    expect(await grid().textContent()).not.toContain("unseen");
    await page.evaluate(() => window.lab.visible(true));
    await page.clock.runFor(300);
    expect(await grid().textContent()).toContain("unseen");
    expect(await counts()).toMatchObject({ queries: 1 });
  });

  it("has no query while it is out of sight", async () => {
    await visit();
    await show();
    await tab("Entries").click();
    await poll(counts).toMatchObject({ queries: 1 });
    await page.addStyleTag({ content: "body { display: none }" });
    await poll(counts).toMatchObject({ queries: 0 });
    await page.evaluate(() => document.querySelector("style:last-of-type")?.remove());
    await poll(counts).toMatchObject({ queries: 1 });
  });

  it("follows spaces that come and go", async () => {
    await visit("still");
    await show();
    await page.evaluate(() => {
      const other = window.lab.open(window.lab.client, "other/space");
      window.lab.space.close();
      window.lab.space = other;
    });
    await page.clock.runFor(1000);
    expect(await panel().locator("code").allTextContents()).toEqual(["other/space"]);
    expect(await counts()).toMatchObject({ subscriptions: 3 });
    await page.evaluate(() => window.lab.space.put("cards", "new", {}));
    await page.clock.runFor(300);
    await tab("Time line").click();
    expect(await panel().textContent()).toContain("queued1other/space");
  });
});

describe("what it does to the client", () => {
  it("switches the network", async () => {
    await visit();
    await show();
    const network = page.getByRole("switch", { name: "Network" });
    await poll(() => network.getAttribute("aria-checked")).toBe("true");
    await network.click();
    expect(await page.evaluate(() => window.lab.client.status.state)).toBe("paused");
    expect(await network.getAttribute("aria-checked")).toBe("false");
    expect(await page.getByRole("status").textContent()).toBe("Switched off");
    await network.click();
    await poll(() => page.evaluate(() => window.lab.client.status.state)).toBe("live");
    await poll(() => page.getByRole("status").textContent()).toBe("Up to date");
  });

  it("retries, discards and copies what was rejected", async () => {
    await visit();
    await show();
    await page.evaluate(async () => {
      const { space, server, settle } = window.lab;
      for (const id of ["c000001", "c000002"]) space.put("cards", id, { title: "late" }, { if: 99 });
      await settle();
      server.answer = ({ t }) => t === "push"; // from now on it takes its time
    });
    await tab("Rejected 2").click();
    const rows = panel().getByRole("listitem").filter({ has: page.getByRole("button", { name: "Retry" }) });
    expect(await rows.count()).toBe(2);
    expect(await rows.nth(1).textContent()).toContain('refused: stalePut cards/c000002 if at version 99: {"title": "late"}');

    await rows.nth(1).getByRole("button", { name: "Copy as JSON" }).click();
    await poll(() => page.getByRole("status").textContent()).toBe("Copied");
    const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as object;
    expect(copied).toMatchObject({ space: "demo/board", ops: [{ op: "put", in: "cards", id: "c000002", if: 99 }], outcome: { code: "stale" } });

    await rows.nth(0).getByRole("button", { name: "Retry" }).click();
    const lists = (): Promise<unknown> => page.evaluate(() => [window.lab.space.pending.map(({ ops }) => ops[0]?.id), window.lab.space.rejected.map(({ ops }) => ops[0]?.id)]);
    expect(await lists()).toEqual([["c000001"], ["c000002"]]);
    await rows.nth(0).getByRole("button", { name: "Discard" }).click();
    expect(await lists()).toEqual([["c000001"], []]);
    await poll(() => panel().textContent()).toContain("Nothing was rejected.");
    expect(await page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.getAttribute("role"))).toBe("tabpanel"); // the focus was in the row
  });

  it("tells what cannot be done", async () => {
    await visit("still");
    await show();
    await page.evaluate(async () => {
      window.lab.space.put("cards", "c000001", {}, { if: 99 });
      await window.lab.settle();
    });
    await page.clock.runFor(300);
    await tab("Rejected").click();
    await page.evaluate(() => window.lab.space.discard(window.lab.space.rejected[0]?.id ?? "")); // before the panel has drawn it
    await page.getByRole("button", { name: "Retry" }).click();
    expect(await page.getByRole("status").textContent()).toContain("no rejected mutation");
  });

  it("checks a space", async () => {
    await visit();
    await show();
    await page.getByRole("button", { name: "Check demo/board" }).click();
    await poll(() => panel().textContent()).toContain("Same as the server: 40 entries, sum ");
    await page.evaluate(() => window.lab.server.space().data.delete("cards/c000001"));
    await page.getByRole("button", { name: "Check demo/board" }).click();
    await poll(() => panel().textContent()).toContain("Differed from the server, fetched anew: 39 entries, sum ");
    // One at a time.
    const asked = (): Promise<number> => page.evaluate(() => window.lab.server.received.filter(({ t }) => t === "check").length);
    await page.evaluate(() => (window.lab.server.answer = ({ t }) => t === "check"));
    const check = page.getByRole("button", { name: "Check demo/board" });
    const before = await asked();
    await check.click();
    expect(await check.getAttribute("aria-disabled")).toBe("true");
    await check.click({ force: true });
    await poll(asked).toBe(before + 1);
    await page.getByRole("switch", { name: "Network" }).click();
    await poll(() => panel().textContent()).toContain("Not checked: ");
    expect(await check.getAttribute("aria-disabled")).toBe(null);
  });
});

describe("what it shows", () => {
  it("measures lag and age", async () => {
    await visit("still");
    await show();
    await page.evaluate(() => {
      const { server, space } = window.lab;
      server.answer = (message, link) => {
        if (message["t"] !== "push") return false;
        server.answer = () => false;
        setTimeout(() => window.lab.push(message, link), 2345);
        return true;
      };
      space.put("cards", "new", {});
    });
    await page.clock.runFor(1200);
    await tab("Queue 1").click();
    expect(await panel().textContent()).toContain('demo/boardsent, for 1 sPut cards/new: {}');
    await tab("Overview").click();
    expect(await panel().textContent()).toContain("no own change seen yet");
    await page.clock.runFor(2000);
    expect(await panel().textContent()).toContain("last 2.3 s, p50 2.3 s, p95 2.3 s of 1");
    await page.clock.runFor(60_000);
    expect(await panel().textContent()).toContain("now, live for 1 min");
  });

  it("names calls, and what they do here", async () => {
    await visit();
    await show();
    await page.evaluate(() => {
      const { lab } = window;
      lab.server.answer = (message) => message["t"] === "push";
      lab.space.call("closeCard", { id: "c1" });
      lab.space.call("tidy");
    });
    await tab("Queue 2").click();
    await poll(() => panel().textContent()).toContain('Call closeCard({"id": "c1"})');
    expect(await panel().textContent()).toContain("Call tidy()");
  });

  it("keeps the document small with 100,000 entries, and reaches all of them by key", async () => {
    await visit();
    await page.evaluate(async () => {
      const { lab } = window;
      lab.fill(100_000, (i) => ({ title: `card ${i}`, done: i % 2 === 0 }));
      lab.client = lab.connect();
      lab.space = lab.open(lab.client);
      await lab.live();
      lab.mountDevtools(lab.client, { open: true });
    });
    await tab("Entries").click();
    await poll(() => panel().textContent()).toContain("100,000 entries");
    expect(await grid().getAttribute("aria-rowcount")).toBe("100001");
    const rows = grid().getByRole("row");
    const small = async (): Promise<void> => {
      expect(await rows.count()).toBeLessThanOrEqual(101);
      expect(await page.evaluate(() => window.lab.nodes())).toBeLessThan(700);
    };
    await small();
    await grid().focus();
    await page.keyboard.press("End");
    await poll(() => rows.last().textContent()).toContain("c099999");
    expect(await grid().getAttribute("aria-activedescendant")).toBe(await rows.last().getAttribute("id"));
    expect(await rows.last().getAttribute("aria-rowindex")).toBe("100001");
    await small();
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await poll(() => page.locator("pre").textContent()).toBe('c099998, version 1, confirmed\n{\n  "title": "card 99998",\n  "done": true\n}');
    await page.keyboard.press("Home");
    await poll(() => rows.nth(1).textContent()).toContain("c000000");
    await page.setViewportSize({ width: 1000, height: 4000 });
    await page.addStyleTag({ content: ":root { --syncline-devtools-height: 3900px }" });
    await poll(() => rows.count()).toBeGreaterThan(60);
    await small();

    // What is looked for is found in both, and what changes is followed.
    const filter = page.getByRole("searchbox");
    const sum = (): Promise<string | null> => page.locator(".entries .dim").textContent();
    await filter.fill('"title":"card 4242"');
    await poll(sum).toBe("1 of 100,000 entries");
    expect(await rows.nth(1).textContent()).toContain("c004242");
    await filter.fill("C00424");
    await poll(sum).toBe("10 of 100,000 entries");
    await page.evaluate(() => window.lab.space.put("cards", "elsewhere", { like: "c00424" }));
    await poll(sum).toBe("11 of 100,001 entries");
    await page.evaluate(() => window.lab.space.delete("cards", "c004242"));
    await poll(sum).toBe("10 of 100,000 entries");
  });

  it("keeps its lists short", async () => {
    await visit("still");
    await show();
    await page.evaluate(() => {
      window.lab.client.goOffline();
      for (let i = 0; i < 1234; i++) window.lab.space.put("cards", `c${i}`, { i });
    });
    await page.clock.runFor(300);
    await tab("Queue 999+").click();
    expect(await panel().textContent()).toContain("and 1,134 more");
    expect(await page.evaluate(() => window.lab.nodes())).toBeLessThan(700);
    await tab("Time line").click();
    expect(await panel().getByRole("row").count()).toBe(201);
    expect(await panel().textContent()).not.toContain("more"); // what is not shown is not kept either
  });

  it("shows the events", async () => {
    await visit("still");
    await show();
    await tab("Time line").click();
    await page.evaluate(async () => {
      const { space, server, settle } = window.lab;
      space.mutate((tx) => {
        tx.put("cards", "a", {});
        tx.put("cards", "b", {});
      });
      await settle();
      server.space().write({ op: "delete", in: "cards", id: "a" }, { op: "put", in: "cards", id: "b", value: { n: 1 } });
      space.put("cards", "b", {}, { if: 77 });
      await settle();
    });
    await page.clock.runFor(300);
    const rows = panel().getByRole("row");
    const texts = await rows.evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent ?? "").slice(1)));
    expect(texts.slice(1).reverse()).toEqual([
      ["commit", "1", "all anew", "demo/board"],
      ["queued", "", "2", "demo/board"],
      ["applied", "", "2", "demo/board"],
      ["commit", "2", "2", "demo/board"],
      ["queued", "", "1", "demo/board"],
      ["commit", "3", "1, 1 removed", "demo/board"],
      ["rejected: stale", "", "1", "demo/board"],
      ["commit", "4", "0", "demo/board"],
    ]);
  });

  it("takes what others wrote as text", async () => {
    await visit();
    await page.evaluate(async () => {
      const { lab } = window;
      const bad = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</scr' + "ipt>";
      lab.fill(1, () => ({ [bad]: bad }));
      lab.server.space().data.set(`cards/${bad}`, { version: 1, value: { bad } });
      lab.client = lab.connect();
      lab.space = lab.open(lab.client);
      await lab.live();
      lab.mountDevtools(lab.client, { open: true });
      await lab.settle();
      lab.server.answer = (message, link) => {
        if (message["t"] !== "push") return false;
        const [first] = message["muts"] as { id: number }[];
        const current = { in: "cards", id: bad, version: 3, value: { bad } };
        link.tell({ t: "ack", space: message["space"], outcomes: [{ id: first?.id, outcome: "rejected", seq: 9, code: bad, message: bad, path: bad, current }] });
        lab.server.answer = ({ t }) => t === "push";
        return true;
      };
      lab.space.put("cards", bad, { bad });
      await lab.settle();
      lab.space.put("cards", bad, { bad });
      lab.server.last.tell({ t: "error", code: bad, message: bad, space: "demo/board" });
      await lab.settle();
    });
    for (const name of TABS) {
      await tab(name).click();
      if (name === "Entries") await page.getByRole("row").nth(1).click();
      await poll(() => panel().textContent()).toContain("<img src=x");
    }
    expect(await page.evaluate(() => window.lab.tags())).not.toMatch(/img|script/i);
    expect(await page.evaluate(() => "hacked" in window)).toBe(false);
  });
});

describe("by keyboard and for everybody", () => {
  it("has tabs as the ARIA practices want them, and closes with Escape", async () => {
    await visit();
    await show(false);
    await page.evaluate(() => {
      window.lab.keys = [];
      document.addEventListener("keydown", ({ key }) => window.lab.keys.push(key));
    });
    await launcher().focus();
    await page.keyboard.press("Enter");
    const focused = (): Promise<string | null | undefined> => page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.textContent);
    expect(await focused()).toBe("Overview");
    for (const name of ["Entries", "Queue", "Rejected", "Time line", "Overview"]) {
      await page.keyboard.press("ArrowRight");
      expect(await focused()).toBe(name);
      expect(await tab(name).getAttribute("aria-selected")).toBe("true");
      expect(await page.getByRole("tabpanel", { name }).count()).toBe(1);
      expect(await page.locator('[role=tab][tabindex="0"]').count()).toBe(1);
    }
    await page.keyboard.press("ArrowLeft");
    expect(await focused()).toBe("Time line");
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.type("card 7");
    await poll(() => panel().textContent()).toContain("1 of 40 entries");
    await page.keyboard.press("Escape");
    expect(await panel().count()).toBe(0);
    expect(await focused()).toBe("Syncline");
    expect(await counts()).toMatchObject({ subscriptions: 0, queries: 0 });
    expect(await page.evaluate(() => window.lab.keys)).toEqual(["Enter"]); // what was typed in the panel did not get out
    await page.keyboard.press("Enter");
    expect(await focused()).toBe("Entries"); // where it was left
  });

  it.each(["light", "dark"] as const)("has a contrast of 4.5 to 1 when it is %s", async (colorScheme) => {
    await visit("real", 1000, colorScheme);
    await show();
    await page.evaluate(async () => {
      const { space, server, settle } = window.lab;
      space.put("cards", "c000002", {}, { if: 99 });
      await settle();
      server.answer = ({ t }) => t === "push";
      space.put("cards", "c000001", {});
    });
    for (const name of TABS) {
      await tab(name).click();
      if (name === "Entries") {
        await poll(() => grid().textContent()).toContain("pending");
        await page.getByRole("row").nth(2).click();
      }
      const texts = await page.evaluate(() => window.lab.contrasts());
      expect(texts.length).toBeGreaterThan(8);
      expect(texts.filter(({ ratio }) => ratio < 4.5)).toEqual([]);
    }
  });

  it("fits into 360 pixels", async () => {
    await visit("real", 360);
    await show();
    await page.evaluate(() => {
      const { client, space, open } = window.lab;
      space.close();
      window.lab.space = open(client, "team/a-rather-long-name-of-a-space-that-somebody-chose");
    });
    await poll(() => panel().textContent()).toContain("team/a-rather"); // from now on its events are noted
    await page.evaluate(() => {
      const { space, server } = window.lab;
      const wide = "w".repeat(500);
      server.answer = ({ t }, link) => {
        if (t !== "push") return false;
        link.tell({ t: "ack", space: space.path, outcomes: [{ id: 1, outcome: "rejected", seq: 1, code: "a_long_code_of_a_rule", message: wide }] });
        server.answer = (message) => message["t"] === "push"; // the rest waits
        return true;
      };
      for (const id of [`a${wide}`.slice(0, 200), "b", "c"]) space.put("cards", id, { wide });
    });
    await poll(() => panel().textContent()).toContain("Rejected 1");
    await tab("Entries").click();
    await page.getByRole("row").nth(1).click();
    for (const name of TABS) {
      await tab(name).click();
      expect(await page.evaluate(() => window.lab.overflow())).toEqual([]);
      const box = await panel().boundingBox();
      expect(box?.x).toBeGreaterThanOrEqual(0);
      expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(360);
    }
  });
});

describe("the time line in 360 pixels", () => {
  it("keeps words whole, rows low, and every column wide enough to say something", async () => {
    await visit("real", 360);
    await show();
    await tab("Time line").click();
    await page.evaluate(async () => {
      const { space, server, settle } = window.lab;
      space.mutate((tx) => {
        tx.put("cards", "a", {});
        tx.put("cards", "b", {});
      });
      await settle();
      server.space().write({ op: "delete", in: "cards", id: "a" }, { op: "put", in: "cards", id: "b", value: { n: 1 } });
      server.space().seq = 171_074;
      server.space().write({ op: "put", in: "cards", id: "c", value: {} });
      space.put("cards", "b", {}, { if: 77 });
      await settle();
    });
    await poll(() => panel().textContent()).toContain("rejected: stale");
    const cells = await page.evaluate(() => window.lab.cells());
    const texts = cells.map(({ text }) => text);
    for (const text of ["Event", "queued", "171,075", "1, 1 removed", "all anew", "rejected: stale"]) expect(texts).toContain(text);
    for (const { text, width, word, lines, cut } of cells) {
      // Of the time only the fractions of a second are cut off.
      const needed = /^\d\d:/.test(text) ? (word * 8) / text.length : cut ? Math.min(word, 60) : word;
      expect(width, text).toBeGreaterThanOrEqual(Math.floor(needed));
      expect(lines, text).toBeLessThan(2.5);
    }
    const rows = await panel().getByRole("row").evaluateAll((all) => all.map((row) => row.getBoundingClientRect().height));
    expect(Math.max(...rows)).toBeLessThanOrEqual(40);
  });
});

describe("the element", () => {
  it("shows the client that it is given, before or after it is defined", async () => {
    await visit();
    await page.evaluate(async () => {
      const { lab } = window;
      lab.client = lab.connect();
      lab.space = lab.open(lab.client);
      const early = Object.assign(document.createElement("syncline-devtools"), { client: lab.client });
      early.setAttribute("open", "");
      early.setAttribute("position", "inline");
      document.getElementById("parent")?.append(early);
      lab.defineDevtools();
      await lab.settle();
    });
    await poll(() => panel().count()).toBe(1);
    expect(await counts()).toMatchObject({ subscriptions: 3 });
    await page.evaluate(() => document.querySelector("syncline-devtools")?.remove());
    expect(await counts()).toMatchObject({ subscriptions: 0 });
    await page.evaluate(() => {
      const late = document.createElement("syncline-devtools");
      late.setAttribute("open", "");
      document.body.append(late);
      Object.assign(late, { client: window.lab.client });
    });
    await poll(() => panel().count()).toBe(1);
    await page.evaluate(() => Object.assign(document.querySelector("syncline-devtools") ?? {}, { client: undefined }));
    expect(await panel().count()).toBe(0);
    expect(await counts()).toMatchObject({ subscriptions: 0 });
    expect(await page.evaluate(() => {
      try {
        window.lab.defineDevtools();
        return "defined twice";
      } catch (error) {
        return (error as Error).name;
      }
    })).toBe("NotSupportedError");
  });

  it("does nothing when it is imported, even where there is no document", async () => {
    const before = Object.keys(globalThis);
    expect(Object.keys(await import("../src/devtools.js")).sort()).toEqual(["defineDevtools", "mountDevtools"]);
    expect(Object.keys(globalThis)).toEqual(before);
  });
});
