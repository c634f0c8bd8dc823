import { createHash, type Hash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plugin } from "vite";

const WORKER = "sw.js";

/**
 * Tells the service worker which files there are, and the SHA-256 of each, in the form of the `integrity` attribute: so the worker is
 * another one as soon as any file is, and takes only files that belong together.
 */
export function precache(): Plugin {
  return {
    name: "syncline-precache",
    apply: "build",
    async writeBundle({ dir }) {
      if (dir === undefined) throw new Error("the build has no directory");
      const names = (await readdir(dir)).filter((name) => name !== WORKER).sort();
      const files = await Promise.all(names.map(async (name) => [`/${name}`, await digest(join(dir, name))]));
      const worker = join(dir, WORKER);
      let source = await readFile(worker, "utf8");
      const list = JSON.stringify(files);
      for (const [place, value] of [["__FILES__", list], ["__VERSION__", JSON.stringify(hash(list).digest("hex").slice(0, 12))]] as const) {
        const parts = source.split(place);
        if (parts.length !== 2) throw new Error(`${place} must be in ${WORKER} once, and is there ${parts.length - 1} times`);
        source = parts.join(value);
      }
      await writeFile(worker, source);
    },
  };
}

async function digest(file: string): Promise<string> {
  return `sha256-${hash(await readFile(file)).digest("base64")}`;
}

function hash(data: string | Buffer): Hash {
  return createHash("sha256").update(data);
}
