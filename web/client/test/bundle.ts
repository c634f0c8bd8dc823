/** Bundles of frameworks that are other programs in a browser than in Node. */
import { execFileSync } from "node:child_process";

/** In a process of its own: esbuild does not work where jsdom has put its globals. */
const BUNDLE = `
  import { readFileSync } from "node:fs";
  import { build } from "esbuild";
  const { platform, contents } = JSON.parse(readFileSync(0, "utf8"));
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: process.cwd(), loader: "ts" },
    bundle: true,
    format: "esm",
    target: "es2022",
    platform,
    mainFields: ["module", "main"],
    conditions: [platform],
    define: { "process.env.NODE_ENV": '"production"' },
    write: false,
  });
  process.stdout.write(outputFiles[0].text);
`;

/** The text of a module that imports from `test/`, with everything that it imports, as for a browser or for Node. */
export function bundled(contents: string, platform: "browser" | "node"): string {
  return execFileSync(process.execPath, ["--input-type=module", "-e", BUNDLE], {
    cwd: import.meta.dirname,
    input: JSON.stringify({ platform, contents }),
    maxBuffer: 1 << 26,
    encoding: "utf8",
  });
}

/** Loads what {@link bundled} makes. */
export async function bundle<T>(contents: string, platform: "browser" | "node"): Promise<T> {
  const text = Buffer.from(bundled(contents, platform)).toString("base64");
  return (await import(/* @vite-ignore */ `data:text/javascript;base64,${text}`)) as T;
}
