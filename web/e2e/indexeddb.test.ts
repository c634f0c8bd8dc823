/** The store itself in a real browser: what fake-indexeddb, with which the client's own tests run, does not do. */

import { build } from "esbuild";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Chromium } from "./chromium.js";

const URL = "https://store.test/";

let chrome: Chromium;

beforeEach(async () => {
  const { outputFiles } = await build({ entryPoints: [join(import.meta.dirname, "pages/indexeddb.ts")], bundle: true, format: "esm", write: false });
  const body = `<!doctype html><title>store</title><script type="module">${outputFiles[0]?.text}</script>`;
  chrome = await Chromium.start(async (context) => void (await context.route(URL, (route) => route.fulfill({ contentType: "text/html", body }))));
});
afterEach(() => chrome.remove());

// Chromium keeps a value that has over 64 KiB, after compression, in a file of its own, and may say that a transaction has ended before it hands out such values.
it("gives back values that the browser keeps in files", async () => {
  const { page } = await chrome.open(URL);
  await page.waitForFunction(() => "store" in window);
  expect(await page.evaluate(() => window.store.missed([1_000, 66_000, 256_000, 1_000_000], 10))).toEqual([]);
});
