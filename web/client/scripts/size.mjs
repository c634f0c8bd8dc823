// Prints what the client weighs in a browser bundle, minified and gzipped, and what each other entry point adds to it; fails above
// a ceiling. --files: what of it is which file's.
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { entries } from "./entries.mjs";

const GOAL = 15 * 1024;
/** What the core weighed when last somebody cared, and a little. Far over the goal: tabs and persistence came in before anybody slimmed it. */
const CEILING = 38.4 * 1024;
/** What a binding should add; the panel, undo and types do more than bind. */
const BINDING = 1024;
/** In bytes, what an entry point adds: as of today and a little. A new one needs a line. */
const CEILINGS = {
  typed: 1536, define: 128, mutators: 3456, hydrate: 1152, undo: 2816,
  react: 1472, vue: 1152, svelte: 1024, solid: 1152, tanstack: 1152,
  devtools: 9728,
};
/** Run in Node, where nobody counts bytes. */
const UNCOUNTED = ["index", "file", "testing"];

/** The bundle of some entry points, without the frameworks. */
async function bundle(names) {
  return build({
    stdin: {
      contents: names.map((name, i) => `export * as m${i} from "./${name}.ts";`).join("\n"),
      resolveDir: fileURLToPath(new URL("../src", import.meta.url)),
    },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["react", "vue", "solid-js", "@tanstack/db"],
    write: false,
    metafile: true,
  });
}

async function measure(names) {
  const { contents } = (await bundle(names)).outputFiles[0];
  return { minified: contents.length, gzipped: gzipSync(contents, { level: 9 }).length };
}

if (process.argv.includes("--files")) {
  const [output] = Object.values((await bundle(["index"])).metafile.outputs);
  const parts = Object.entries(output.inputs).sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput);
  for (const [file, { bytesInOutput }] of parts) console.log(String(bytesInOutput).padStart(7), file);
}

const core = await measure(["index"]);
const over = [];
const line = (name, { minified, gzipped }, ceiling, goal) => {
  if (ceiling === undefined || gzipped > ceiling) over.push(name);
  console.log(`${name.padEnd(9)} ${String(minified).padStart(7)} minified ${String(gzipped).padStart(6)} gzipped, ceiling ${String(ceiling).padStart(5)}${goal === undefined ? "" : `, goal ${goal}`}`);
};
line("core", core, CEILING, GOAL);
for (const name of entries.filter((one) => !UNCOUNTED.includes(one))) {
  const both = await measure(["index", name]);
  const added = { minified: both.minified - core.minified, gzipped: both.gzipped - core.gzipped };
  line(name, added, CEILINGS[name], ["react", "vue", "svelte", "solid", "tanstack"].includes(name) ? BINDING : undefined);
}
if (over.length > 0) {
  console.error(`over the ceiling, or without one: ${over.join(", ")}. Slim it, or raise the ceiling in web/client/scripts/size.mjs and say in the commit what is worth it`);
  process.exitCode = 1;
}
