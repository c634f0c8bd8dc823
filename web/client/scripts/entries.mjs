// The entry points of the package, by the names in package.json's exports: what the other scripts go through.
import { readFile } from "node:fs/promises";

const { exports } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));

/** The names of the files in src/, without their ending; `index` first. */
export const entries = Object.keys(exports)
  .filter((name) => name !== "./package.json")
  .map((name) => (name === "." ? "index" : name.slice("./".length)));
