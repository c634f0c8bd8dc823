/** Somebody who is let in again comes in again, over the connection that told them to leave; no browser. */

import { afterAll, beforeAll, expect, it } from "vitest";
import WebSocket from "ws";
import { Client, type Space } from "../client/src/index.js";
import { Server } from "./server.js";
import { eventually } from "./window.js";

const DEFINITION = `
spaces:
  team/{team}:
    open: auth.uid == "ada" || member("in")
    relations:
      member: {in: members, subject: user, object: of}
    collections:
      members: {read: "true", write: auth.uid == "ada"}
      cards: {read: "true", write: "true"}
`;

let server: Server;

beforeAll(async () => {
  server = await Server.ruled(DEFINITION);
});
afterAll(() => server.remove());

function open(user: string): { client: Client; space: Space } {
  const client = new Client({ url: server.url, user, WebSocket: WebSocket as never, store: "memory" });
  return { client, space: client.space("team/alpha", { view: [{ in: "cards" }, { in: "members" }] }) };
}

it.each(["before it has opened", "while it is open"])("a client that was told so %s", { timeout: 60_000 }, async (when) => {
  const ada = open("ada");
  const member = `m-${when.length}`;
  const user = `ben${when.length}`;
  await ada.space.put("cards", "a", { n: 1 }).confirmed;
  if (when === "while it is open") await ada.space.put("members", member, { user, of: "in" }).confirmed;
  const ben = open(user);
  if (when === "while it is open") {
    await eventually(async () => ben.space.status.state, "live");
    await ada.space.delete("members", member).confirmed;
  }
  await eventually(async () => [ben.space.status.state, ben.space.status.error?.code], ["stopped", "forbidden"]);
  await ada.space.put("members", member, { user, of: "in" }).confirmed;
  ben.client.goOnline();
  await eventually(async () => ben.space.status.state, "live");
  expect(ben.space.status.error).toBeUndefined();
  ada.client.close();
  ben.client.close();
});
