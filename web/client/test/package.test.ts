/** What `npm pack` makes, used as it is: by a Node program, by TypeScript at its strictest, by Vite. Without network. */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { NodeServer } from "./node.js";
import { Consumer, pack } from "./pack.js";

// It builds, installs and compiles, each in a process of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const run = promisify(execFile);
const client = join(import.meta.dirname, "..");
const PEERS = ["react", "@types/react", "csstype", "vue", "@vue", "svelte", "solid-js", "seroval", "seroval-plugins", "@tanstack", "zod", "valibot", "@standard-schema", "@babel", "@types/node", "undici-types"];

let work: string;
let consumer: Consumer;
let root: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "syncline-pack-"));
  consumer = await Consumer.install(await pack(work), PEERS);
  root = join(consumer.dir, "node_modules/@syncline/client");
});
afterAll(async () => {
  await consumer?.remove();
  await rm(work, { recursive: true, force: true });
});

/** What the package says that it has. */
async function exported(): Promise<{ readonly [name: string]: string | { readonly types: string; readonly default: string } }> {
  return (JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { exports: Awaited<ReturnType<typeof exported>> }).exports;
}

describe("the package", () => {
  it("has what it says, a licence, a page about it, and no dependencies", async () => {
    const files = await consumer.installed();
    for (const target of Object.values(await exported()).flatMap((one) => (typeof one === "string" ? [one] : Object.values(one)))) {
      expect(files).toContain(target.replace("./", ""));
    }
    expect(files.filter((file) => !/^(dist|src)\//.test(file))).toEqual(["LICENSE", "README.md", "package.json"]);
    expect(files.filter((file) => /test(?!ing\.)|bench/.test(file))).toEqual([]);
    expect(await readFile(join(root, "LICENSE"), "utf8")).toBe(await readFile(join(client, "../../LICENSE"), "utf8"));
    // The others are those which were linked.
    const lock = JSON.parse(await readFile(join(consumer.dir, "package-lock.json"), "utf8")) as { packages: object };
    expect(Object.keys(lock.packages)).toEqual(["", "node_modules/@syncline/client"]);
  });

  it("has source maps whose sources are in it", async () => {
    const maps = (await consumer.installed()).filter((file) => file.endsWith(".map"));
    const scripts = (await consumer.installed()).filter((file) => /^dist\/.*(\.js|\.d\.ts)$/.test(file));
    expect(maps.length).toBe(scripts.length);
    for (const file of maps) {
      const map = JSON.parse(await readFile(join(root, file), "utf8")) as { sources: string[]; sourceRoot?: string };
      for (const source of map.sources) await readFile(join(root, dirname(file), map.sourceRoot ?? "", source));
    }
  });

  it("lets nobody in by another door", async () => {
    const names = Object.keys(await exported()).map((name) => name.slice("./".length));
    const inside = (await readdir(join(root, "dist"))).filter((name) => name.endsWith(".js") && !names.includes(name.slice(0, -".js".length)) && name !== "index.js");
    expect(inside).toContain("board.js");
    const asked = [...inside.flatMap((name) => [name, name.slice(0, -3), `dist/${name}`]), "dist/index.js", "src/index.ts"];
    await consumer.write("doors.js", `
      const open = [];
      for (const path of ${JSON.stringify(asked)}) {
        await import("@syncline/client/" + path).then(() => open.push(path), ({ code }) => code === "ERR_PACKAGE_PATH_NOT_EXPORTED" || open.push(path + " " + code));
      }
      console.log(JSON.stringify(open));
    `);
    expect(JSON.parse(await consumer.run(process.execPath, ["doors.js"]))).toEqual([]);
  });
});

it("a Node program keeps what it wrote in a directory, and sends it", async () => {
  const server = new NodeServer();
  const url = await server.listen();
  await consumer.write("program.js", `
    import { Client } from "@syncline/client";
    import { openFileStore } from "@syncline/client/file";
    const [url, wait] = process.argv.slice(2);
    const client = new Client({ url, user: "ada", store: () => openFileStore("data") });
    const board = client.space("demo/board", { view: [{ in: "cards" }] });
    const cards = board.query({ in: "cards" });
    await cards.ready;
    const found = cards.rows.map(({ value, state }) => [value.n, state]);
    const mutation = board.put("cards", "c" + cards.total, { n: cards.total });
    await mutation[wait];
    console.log(JSON.stringify([found, board.status.storage.kind]));
    client.close();
  `);
  const program = async (...args: string[]): Promise<unknown> => JSON.parse(await consumer.run(process.execPath, ["program.js", ...args]));
  expect(await program("http://127.0.0.1:9", "saved")).toEqual([[], "disk"]); // nobody is there
  expect(await program("http://127.0.0.1:9", "saved")).toEqual([[[0, "pending"]], "disk"]);
  expect(await program(url, "confirmed")).toEqual([[[0, "pending"], [1, "pending"]], "disk"]);
  expect([...server.fake.space().data].map(([key, { value }]) => [key, value])).toEqual([["cards/c0", { n: 0 }], ["cards/c1", { n: 1 }], ["cards/c2", { n: 2 }]]);
  await server.close();
});

describe("TypeScript at its strictest", () => {
  const EVERYTHING = `
    import { Client, SynclineError, type Entry, type Space, type Store } from "@syncline/client";
    import { openFileStore } from "@syncline/client/file";
    import { hydrated, snapshot } from "@syncline/client/hydrate";
    import { mountDevtools } from "@syncline/client/devtools";
    import { useQuery as useReact } from "@syncline/client/react";
    import { createQuery } from "@syncline/client/solid";
    import { openRules, type Rules, type Verdict } from "@syncline/client/testing";
    import { queryStore } from "@syncline/client/svelte";
    import { typed, type Misfit } from "@syncline/client/typed";
    import { History } from "@syncline/client/undo";
    import { useQuery as useVue } from "@syncline/client/vue";
    import * as v from "valibot";
    import { z } from "zod";
    // @ts-expect-error it is not public
    import { Board } from "@syncline/client/board";

    const store: Promise<Store> = openFileStore("data");
    const client = new Client({ url: "http://127.0.0.1:9", user: "ada", store: () => store });
    const space: Space = client.space("demo/board", { view: [{ in: "cards" }] });
    const board = typed(space, { cards: z.object({ title: z.string(), votes: z.number() }), people: v.object({ name: v.string() }) });
    board.patch("cards", "c", { $inc: { votes: 1 } });
    // @ts-expect-error no number
    board.patch("cards", "c", { $inc: { title: 1 } });
    const query = { in: "cards", where: { votes: { $gt: 1 } }, sort: ["title"] } as const;
    export const titles: readonly string[] = useReact(board, query).rows.map(({ value }) => value.title);
    export const votes: number | undefined = useVue(board, query).value.rows[0]?.value.votes;
    export const misfits: readonly Misfit[] = createQuery(board, query)().misfits;
    queryStore(board, query).subscribe(({ total }) => total.toFixed());
    export const entry: Entry | undefined = space.get("cards", "c");
    export const others = [new History(space), snapshot, hydrated, mountDevtools, SynclineError, Board];
    export const rules: () => Promise<Rules> = () => openRules("app.yaml");
    export const verdict = async (): Promise<Verdict> => (await (await rules()).scene("team/a")).as({ uid: "ada" }).try({ delete: "cards/c" });
  `;
  const STRICT = {
    strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noPropertyAccessFromIndexSignature: true, noImplicitOverride: true,
    verbatimModuleSyntax: true, isolatedModules: true, skipLibCheck: false, noEmit: true, target: "ES2022", preserveSymlinks: true,
  };
  const compile = async (options: object, files: readonly string[]): Promise<string> => {
    await consumer.write("tsconfig.json", JSON.stringify({ compilerOptions: { ...STRICT, ...options }, files }));
    return consumer.tool("typescript/bin/tsc", ["-p", "tsconfig.json"]);
  };

  it.each([["ESNext", "bundler"], ["NodeNext", "nodenext"]])("takes every entry point but one, by %s and %s", async (module, moduleResolution) => {
    await consumer.write("everything.ts", EVERYTHING);
    expect(await compile({ module, moduleResolution, lib: ["ES2022", "DOM", "DOM.Iterable"], types: ["node"] }, ["everything.ts"])).toBe("");
  });

  it("takes the one whose library does not compile so strictly", async () => {
    await consumer.write("tanstack.ts", `
      import type { Space } from "@syncline/client";
      import { synclineCollectionOptions } from "@syncline/client/tanstack";
      export const options = (space: Space) => synclineCollectionOptions<{ id: string }>({ space, collection: "cards" });
    `);
    expect(await compile({ module: "ESNext", moduleResolution: "bundler", lib: ["ES2022", "DOM", "DOM.Iterable"], types: [], exactOptionalPropertyTypes: false }, ["tanstack.ts"])).toBe("");
  });

  it("takes what the package's page shows, without types of Node or of any framework", async () => {
    const [, code = ""] = /```ts\n([^]*?)```/.exec(await readFile(join(root, "README.md"), "utf8")) ?? [];
    expect(code).toContain("new Client");
    await consumer.write("page.ts", code);
    expect(await compile({ module: "ESNext", moduleResolution: "bundler", lib: ["ES2022", "DOM", "DOM.Iterable"], types: [] }, ["page.ts"])).toBe("");
  });
});

it("a test of rules asks the binary", async () => {
  const binary = join(work, "syncline");
  await run("go", ["build", "-o", binary, "./cmd/syncline"], { cwd: join(client, "../..") });
  await consumer.write("app.yaml", 'spaces: {"team/{team}": {open: "true", collections: {cards: {read: doc.owner == auth.uid}}}}');
  await consumer.write("rules.js", `
    import { openRules } from "@syncline/client/testing";
    const rules = await openRules("app.yaml", { binary: process.argv[2] });
    const team = await rules.scene("team/a", { "cards/c": { owner: "ada" } });
    console.log(await team.as({ uid: "ada" }).visible(), await team.as({ uid: "bob" }).visible());
    await rules.close();
  `);
  expect(await consumer.run(process.execPath, ["rules.js", binary])).toBe("[ 'cards/c' ] []\n");
});

it("a Vite app carries what it uses, and works", async () => {
  await consumer.write("index.html", '<!doctype html><title>app</title><script type="module" src="/main.ts"></script>');
  await consumer.write("main.ts", `
    import { Client } from "@syncline/client";
    import { typed } from "@syncline/client/typed";
    const client = new Client({ url: "http://127.0.0.1:9" });
    const board = typed<{ cards: { n: number } }>(client.space("demo/board", { view: [{ in: "cards" }] }));
    board.put("cards", "c", { n: 1 });
    board.patch("cards", "c", { $inc: { n: 1 } });
    console.log(JSON.stringify(board.get("cards", "c")?.value));
    client.close();
  `);
  // So that Node can run what was built for a browser.
  await consumer.write("vite.config.js", "export default { build: { modulePreload: { polyfill: false } }, logLevel: 'warn' };");
  expect(await consumer.tool("vite/bin/vite.js", ["build"])).toBe("");
  const assets = join(consumer.dir, "dist/assets");
  const scripts = (await readdir(assets)).filter((name) => name.endsWith(".js"));
  expect(scripts.length).toBe(1);
  const script = join(assets, scripts[0] ?? "");
  const text = await readFile(script);
  expect(text.toString()).not.toMatch(/from\s*["']|node:|mountDevtools|syncline-devtools/);
  expect(gzipSync(text).length).toBeLessThan(40 << 10);
  await consumer.write("built.mjs", `await import(${JSON.stringify(script)});`);
  expect(await consumer.run(process.execPath, ["built.mjs"])).toBe('{"n":2}\n');
});

it("the check of the public types fails where they differ, and says what to do", async () => {
  const api = join(work, "api");
  await cp(join(client, "api"), api, { recursive: true });
  const text = await readFile(join(api, "index.d.ts"), "utf8");
  await writeFile(join(api, "index.d.ts"), text.replace("readonly path: string;", "readonly path: number;"));
  await writeFile(join(api, "gone.d.ts"), "");
  await expect(run(process.execPath, ["scripts/api.mjs", "--check", "--dir", api], { cwd: client })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/\(gone\.d\.ts, index\.d\.ts\): run `npm --prefix web\/client run api`/) as string,
  });
});
