// Builds into a temporary directory and fails if dist/, which is checked in, differs.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const demo = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(demo, "dist");
const fresh = await mkdtemp(join(tmpdir(), "syncline-demo-"));
try {
  await build({ configFile: join(demo, "vite.config.ts"), logLevel: "warn", build: { outDir: fresh, emptyOutDir: true } });
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
