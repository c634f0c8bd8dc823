/** Leases over a real server, with a store in a file and a clock that the test turns; no browser. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import WebSocket from "ws";
import { openFileStore } from "../client/src/file.js";
import { Client, type Space } from "../client/src/index.js";
import { Server } from "./server.js";
import { eventually } from "./window.js";

const HOUR = 3_600_000;
const DEFINITION = `
spaces:
  team/{team}:
    open: "true"
    collections:
      cards: {read: "true", write: "true", lease: 1h}
      notes: {read: "true", write: "true"}
`;

let work: string;
let server: Server;
let turned = 0;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "syncline-lease-"));
  server = await Server.ruled(DEFINITION);
});
afterAll(async () => {
  await server.remove();
  await rm(work, { recursive: true, force: true });
});

function open(url = server.url): { client: Client; space: Space; rows: () => readonly string[]; status: () => string } {
  const client = new Client({ url, user: "ada", WebSocket: WebSocket as never, now: () => Date.now() + turned, store: () => openFileStore(join(work, "store")) });
  const space = client.space("team/alpha", { view: [{ in: "cards" }, { in: "notes" }] });
  const query = space.query({ in: "cards" });
  space.query({ in: "notes" });
  return { client, space, rows: () => query.rows.map(({ id }) => id), status: () => query.result.status };
}

/** Closes a client, and gives its store time to close. */
async function leave(client: Client): Promise<void> {
  client.close();
  await new Promise((resolve) => setTimeout(resolve, 500));
}

it("hides what has run out, over a restart too, and shows it again", async () => {
  let at = open();
  await at.space.put("cards", "a", { n: 1 }).confirmed;
  await at.space.put("notes", "a", { n: 1 }).confirmed;
  await eventually(async () => [at.status(), at.rows()], ["live", ["a"]]);

  turned += 2 * HOUR; // it has slept; then the server answers
  expect(at.rows()).toEqual([]);
  await eventually(async () => [at.status(), at.rows()], ["live", ["a"]]);

  at.client.goOffline();
  await eventually(async () => at.space.status.state, "paused");
  expect(at.rows()).toEqual(["a"]);
  turned += 2 * HOUR;
  await eventually(async () => at.space.status.expired, ["cards"]); // nobody has looked at the rows
  expect([at.status(), at.rows()]).toEqual(["expired", []]);
  expect(at.space.get("notes", "a")).toBeDefined();
  await at.space.put("cards", "b", { n: 2 }).saved;
  await new Promise((resolve) => setTimeout(resolve, 1500)); // that it has run out is stored
  await leave(at.client);

  turned -= 2 * HOUR;
  at = open("http://127.0.0.1:9"); // another name of the store, but the same file
  await at.space.ready;
  await eventually(async () => at.space.get("notes", "a") !== undefined, true);
  expect([at.status(), at.rows(), at.space.pending.length]).toEqual(["expired", [], 1]);
  await leave(at.client);

  at = open();
  await eventually(async () => [at.status(), at.rows().toSorted(), at.space.pending.length], ["live", ["a", "b"], 0]);
  at.client.close();
}, 60_000);
