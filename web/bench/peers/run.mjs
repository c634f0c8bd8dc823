// Syncline's client beside other engines with persistence, in Chromium, in turns, in one run:
//
//   npm --prefix web ci && npm --prefix web/bench/peers ci
//   node web/bench/peers/run.mjs [entries] [rounds] [engine ...]
//
// docs/BENCHMARKS.md says what the rows mean. Each engine is one file with the interface of peer.ts; it is asked and checked by page.ts.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { chromium } from "playwright-core";

/** Milliseconds that a step may take. */
const PATIENCE = 900_000;
const OURS = "syncline";
const PACKAGES = { replicache: ["replicache"], rxdb: ["rxdb"], tinybase: ["tinybase"], triplit: ["@triplit/client"], pouchdb: ["pouchdb-browser", "pouchdb-find"] };
const entries = Number(process.argv[2] ?? 100_000);
const rounds = Number(process.argv[3] ?? 3);
const engines = [...new Set([OURS, ...(process.argv.length > 4 ? process.argv.slice(4) : Object.keys(PACKAGES))])];
const here = import.meta.dirname;

function bundle(contents, options) {
  return build({
    stdin: { contents, resolveDir: here, loader: "ts" },
    bundle: true,
    format: "esm",
    target: "es2022",
    define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
    write: false,
    ...options,
  });
}

/** The page of an engine, and what the engine weighs in it: what its file imports, and that file. */
async function pageOf(engine) {
  const page = await bundle(`import { peer } from "./${engine}.js"; import { serve } from "./page.js"; serve(peer);`);
  const alone = await bundle(`export { peer } from "./${engine}.js";`, { minify: true });
  const body = `<!doctype html><title>bench</title><script type="module">${page.outputFiles[0].text.replaceAll("</script", "<\\/script")}</script>`;
  return { body, size: gzipSync(alone.outputFiles[0].contents, { level: 9 }).length };
}

/** Chromium with a profile on the disk. */
async function browser(profile, body) {
  const context = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
  await context.route("https://bench.test/", (route) => route.fulfill({ contentType: "text/html", body }));
  return context;
}

/** A step in a page of its own, so that nothing is warm but the disk. */
async function inPage(context, step) {
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(String(error)));
  await page.goto("https://bench.test/");
  await page.waitForFunction(() => "bench" in window);
  const running = page.evaluate(({ step, entries }) => window.bench[step](entries), { step, entries });
  const result = await Promise.race([running, setTimeout(PATIENCE, undefined, { ref: false })]);
  if (result === undefined) throw new Error(`${step} does not end`);
  await page.close();
  return result;
}

/** The figures of one engine on a profile of its own. What it wrote is read back by a browser that was started anew. */
async function run(body) {
  const profile = await mkdtemp(join(tmpdir(), "syncline-peers-"));
  let context = await browser(profile, body);
  try {
    const figures = { ...(await inPage(context, "load")), ...(await inPage(context, "open")), ...(await inPage(context, "write")) };
    await context.close();
    context = await browser(profile, body);
    await inPage(context, "verify");
    return figures;
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 3 });
  }
}

const pages = Object.fromEntries(await Promise.all(engines.map(async (engine) => [engine, await pageOf(engine)])));
const figures = Object.fromEntries(engines.map((engine) => [engine, []]));
for (let round = 0; round < rounds; round++) {
  for (let turn = 0; turn < engines.length; turn++) {
    const engine = engines[(round + turn) % engines.length];
    try {
      figures[engine].push(await run(pages[engine].body));
    } catch (error) {
      throw new Error(`${engine}: ${error.message}`, { cause: error });
    }
    console.error(`round ${round + 1}, ${engine}: ${JSON.stringify(figures[engine].at(-1), (_, v) => (typeof v === "number" ? Math.round(v) : v))}`);
  }
}

const version = async (name) => `${name} ${JSON.parse(await readFile(join(here, "node_modules", name, "package.json"), "utf8")).version}`;
const digits = (n) => (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2));
/** Median, least and most. */
function spread(list) {
  const all = [...list].sort((a, b) => a - b);
  return `${digits(all[all.length >> 1])} [${digits(all[0])}–${digits(all.at(-1))}]`;
}

console.log(`${entries} entries, ${rounds} rounds; ${(await Promise.all(engines.flatMap((engine) => PACKAGES[engine] ?? []).map(version))).join(", ")}`);
console.log("Syncline: milliseconds, median [min–max]; the others: times Syncline's of the same round\n");
console.log(`| | ${engines.join(" | ")} |\n| --- |${" --- |".repeat(engines.length)}`);
for (const row of ["load", "first", "all", "told", "stored"]) {
  const cells = engines.map((engine) =>
    engine === OURS ? `${spread(figures[engine].map((one) => one[row]))} ms` : `${spread(figures[engine].map((one, i) => one[row] / figures[OURS][i][row]))} ×`);
  console.log(`| ${row} | ${cells.join(" | ")} |`);
}
console.log(`| kB gzipped | ${engines.map((engine) => (pages[engine].size / 1000).toFixed(1)).join(" | ")} |`);
