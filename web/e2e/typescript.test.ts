/** docs/TYPESCRIPT.md, done: its file is checked by TypeScript, served by `syncline dev`, and run on devices over the packed client. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { Client } from "../client/src/index.js";
import type { AppSpace } from "../client/src/mutators.js";
import { Consumer, pack } from "../client/test/pack.js";
import { Program, syncline } from "./program.js";

/** How many lines the guide's application may have. */
const MOST = 45;

type Team = AppSpace<{ cards: unknown; log: unknown; members: unknown }, { join: unknown; addCard: unknown; closeCard: unknown }>;
interface Guide {
  openTeam(client: Client, name: string): Team;
  closeAll(team: Team): void;
}

let work: string;
let app: Consumer;
let source: string;
let server: Program;
let guide: Guide;
const clients: Client[] = [];

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "syncline-typescript-"));
  app = await Consumer.install(await pack(work), ["zod"]);
  const markdown = await readFile(join(import.meta.dirname, "../../docs/TYPESCRIPT.md"), "utf8");
  const files = [...markdown.matchAll(/^```ts (\S+)\n([^]*?)^```$/gm)];
  expect(files.map(([, file]) => file)).toEqual(["app.ts", "tests.ts", "team.ts"]);
  for (const [, file = "", text = ""] of files) await app.write(file, text);
  source = files[0]?.[2] ?? "";
  expect(source.split("\n").length).toBeLessThanOrEqual(MOST);
  await app.tool("typescript/bin/tsc", ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom", "app.ts", "team.ts"]);
  await build({ entryPoints: [join(app.dir, "team.ts")], bundle: true, format: "esm", outfile: join(app.dir, "team.mjs"), logLevel: "silent" });
  guide = (await import(/* @vite-ignore */ pathToFileURL(join(app.dir, "team.mjs")).href)) as Guide;
  server = await Program.start(syncline(work), ["dev", join(app.dir, "app.ts"), "--listen", "127.0.0.1:0"], app.dir, /http:\/\/127\.0\.0\.1:[1-9]\d*/);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(async () => {
  await server?.kill();
  await app?.remove();
  await rm(work, { recursive: true, force: true });
});

function open(user: string, name: string): Team {
  const client = new Client({ url: server.sign, user, WebSocket: WebSocket as never });
  clients.push(client);
  return guide.openTeam(client, name);
}

async function eventually(fn: () => void): Promise<void> {
  await vi.waitFor(fn, { timeout: 20_000, interval: 20 });
}

function shown(team: Team, collection: "cards" | "log" | "members"): Record<string, unknown> {
  const query = team.space.query({ in: collection });
  const rows = Object.fromEntries(query.rows.map(({ id, value }) => [id, value]));
  query.close();
  return rows;
}

it("shows calls at once and comes to the same on the server, with the same ids", async () => {
  const [ada, bob] = [open("ada", "one"), open("bob", "one")];
  await eventually(() => expect(ada.status.state).toBe("live"));
  await ada.call("join").confirmed;
  const added = ada.call("addCard", { title: "Write" });
  const before = shown(ada, "cards");
  expect(Object.values(before)).toEqual([{ title: "Write", done: false, by: "ada" }]);
  await added.confirmed;
  expect(shown(ada, "cards")).toEqual(before);
  await bob.call("join").confirmed;
  await eventually(() => expect(shown(bob, "cards")).toEqual(before));

  guide.closeAll(bob);
  const [id = ""] = Object.keys(before);
  expect(shown(bob, "cards")).toEqual({ [id]: { title: "Write", done: true, by: "ada" } });
  const log = Object.keys(shown(bob, "log"));
  expect(log).toHaveLength(1);
  await eventually(() => expect(shown(ada, "cards")).toEqual(shown(bob, "cards")));
  await eventually(() => expect(bob.pending).toEqual([]));
  expect(Object.keys(shown(ada, "log"))).toEqual(log);
  expect(Object.values(shown(ada, "log"))).toMatchObject([{ text: "bob closed Write" }]);
});

it("refuses what the mutator, its schema or its rule refuses, and keeps it by name and arguments", async () => {
  const [ada, eve] = [open("ada", "two"), open("eve", "two")];
  await ada.call("join").confirmed;
  await ada.call("addCard", { title: "Write" }).confirmed;
  const [id = ""] = Object.keys(shown(ada, "cards"));
  await ada.call("closeCard", { id }).confirmed;
  await expect(ada.call("closeCard", { id }).confirmed).rejects.toMatchObject({ message: "Write is closed already" });
  expect(ada.rejected).toMatchObject([{ call: { name: "closeCard", args: { id } } }]);
  await expect(eve.call("closeCard", { id }).confirmed).rejects.toMatchObject({ code: "forbidden" });
  await expect(ada.space.call("addCard", { title: "" }).confirmed).rejects.toMatchObject({ code: "invalid" });
  expect(() => ada.call("addCard", { title: 1 })).toThrow(/the arguments of addCard do not fit/);
  expect(shown(eve, "cards")).toEqual({});
});

it("takes a change of the file while devices are connected", async () => {
  const ada = open("ada", "three");
  await ada.call("join").confirmed;
  await ada.call("addCard", { title: "Write" }).confirmed;
  await app.write("tests.ts", "export const tests = [];\n"); // they say otherwise of what is done
  await app.write("app.ts", source.replace("closed ${card.title}", "ended ${card.title}").replace(/(cards: .*read: )"[^"]*"/, '$1"member(space.team) && !doc.done"'));
  await eventually(() => expect(server.output).toContain("changed spaces.team/{team}.collections.cards.read"));
  const [id = ""] = Object.keys(shown(ada, "cards"));
  await ada.call("closeCard", { id }).confirmed;
  await eventually(() => expect(Object.values(shown(ada, "log"))).toMatchObject([{ text: "ada ended Write" }]));
  await eventually(() => expect(shown(ada, "cards")).toEqual({})); // closed cards are not to be seen any more
});
