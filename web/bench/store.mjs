// The client's store in Chromium against one IndexedDB value for each entry, in turns, in one run:
//
//   node web/bench/store.mjs [entries] [rounds] [noise]
//
// With `noise` the records are of text that does not compress: Chromium keeps a value in a file of its own if it has over 64 KiB, compressed.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const entries = Number(process.argv[2] ?? 100_000);
const rounds = Number(process.argv[3] ?? 5);
const noise = process.argv[4] === "noise";
const { outputFiles } = await build({ entryPoints: [join(import.meta.dirname, "store-page.ts")], bundle: true, format: "esm", write: false });
const body = `<!doctype html><title>bench</title><script type="module">${outputFiles[0].text}</script>`;
const profile = await mkdtemp(join(tmpdir(), "syncline-bench-"));
const context = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
await context.route("https://bench.test/", (route) => route.fulfill({ contentType: "text/html", body }));

/** Each step in a page of its own, so that nothing is warm but the disk. */
async function inPage(step, arg = [entries, noise]) {
  const page = await context.newPage();
  await page.goto("https://bench.test/");
  await page.waitForFunction(() => "bench" in window);
  const result = await page.evaluate(step, arg);
  await page.close();
  return result;
}

const ratios = { write: [], open: [], sorted: [], first: [] };
const times = { write: [], open: [], sorted: [], first: [], floorWrite: [], floorOpen: [], floorSorted: [] };
for (let round = 0; round < rounds; round++) {
  const write = await inPage((of) => window.bench.write(of));
  const opened = (sort) => inPage((by) => window.bench.open(by), sort);
  const steps = [() => opened([]), () => inPage(() => window.bench.floor()), () => opened(["rank"])];
  const results = [];
  for (const n of round % 2 === 0 ? [0, 1, 2] : [2, 1, 0]) results[n] = await steps[n]();
  const [ours, floor, sorted] = results;
  for (const { rows } of results) if (rows !== entries) throw new Error(`${rows} rows of ${entries}`);
  ratios.write.push(write.floor / write.ours);
  ratios.open.push(floor.all / ours.all);
  ratios.sorted.push(floor.sorted / sorted.all);
  ratios.first.push(ours.first / floor.all);
  times.write.push(write.ours);
  times.floorWrite.push(write.floor);
  times.open.push(ours.all);
  times.first.push(ours.first);
  times.floorOpen.push(floor.all);
  times.sorted.push(sorted.all);
  times.floorSorted.push(floor.sorted);
}
await context.close();
await rm(profile, { recursive: true, force: true });

const sorted = (list) => [...list].sort((a, b) => a - b);
const middle = (list) => sorted(list)[list.length >> 1];
const say = (what, goal, list, ours, floor) => {
  const all = sorted(list);
  console.log(`${what}: ${middle(list).toFixed(3)} [${all[0].toFixed(3)}–${all.at(-1).toFixed(3)}] × (goal ${goal}), ${middle(ours).toFixed(0)} ms against ${middle(floor).toFixed(0)} ms`);
};
console.log(`${entries} entries, ${rounds} rounds, median [min–max]`);
say("writing a fresh sync, times faster", "≥ 10", ratios.write, times.write, times.floorWrite);
say("opening all, times faster", "≥ 5", ratios.open, times.open, times.floorOpen);
say("opening all, where every record is looked at (sorted by a field), times faster", "none", ratios.sorted, times.sorted, times.floorSorted);
say("first 50 rows, of the floor's opening", "≤ 0.1", ratios.first, times.first, times.floorOpen);
