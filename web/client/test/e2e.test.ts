/** Three clients over each carrier against a real server: SYNCLINE_SERVER=http://127.0.0.1:4600 npx vitest run test/e2e.test.ts */
import { afterEach, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { Client, type Space, type Transport } from "../src/index.js";

const url = process.env["SYNCLINE_SERVER"];
const clients: Client[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

function open(path: string, user: string, transport: Transport): Space & { client: Client } {
  const client = new Client({ url: url ?? "", user, transports: [transport], WebSocket: WebSocket as never });
  clients.push(client);
  return Object.assign(client.space(path, { view: [{ in: "cards" }], presence: true }), { client });
}

/** Resolves when the space is as wanted. */
function until(space: Space, wanted: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const query = space.query({ in: "cards" });
    const look = (): void => {
      if (!wanted()) return;
      for (const end of ends) end();
      query.close();
      resolve();
    };
    const ends = [space.subscribe(look), query.subscribe(look), space.presence.subscribe(look)];
    look();
  });
}

describe.skipIf(url === undefined).each(["websocket", "sse", "stream", "longpoll", "poll"] as const)("%s", (transport) => {
  const path = `e2e/${transport}-${Date.now().toString(36)}`;

  it("syncs three clients", { timeout: 60_000 }, async () => {
    const spaces = ["ada", "bob", "cyn"].map((user) => open(path, user, transport));
    const [a, b, c] = spaces as [(typeof spaces)[0], (typeof spaces)[0], (typeof spaces)[0]];
    await Promise.all(spaces.map((space) => until(space, () => space.status.state === "live")));
    expect(a.status).toMatchObject({ transport, pending: 0 });
    expect(a.status.error).toBeUndefined();

    await a.put("cards", "n", { n: 0, text: "grüße ☃ 𝄞" }).confirmed;
    for (const space of spaces) for (let i = 0; i < 50; i++) space.patch("cards", "n", { $inc: { n: 1 } });
    for (const space of spaces) space.put("cards", space.status.transport + String(spaces.indexOf(space)), { by: spaces.indexOf(space) });
    await Promise.all(spaces.map((space) => until(space, () => space.get("cards", "n")?.value["n"] === 150 && space.status.pending === 0)));

    // A refusal is kept, and a stale read is one.
    await expect(b.patch("cards", "none", { $inc: { n: 1 } }).confirmed).rejects.toMatchObject({ code: "not_found" });
    expect(b.rejected.length).toBe(1);
    c.client.goOffline();
    const stale = c.mutate((tx) => tx.put("cards", "n", { n: Number(tx.get("cards", "n")?.value["n"]) + 1 }), { serializable: true });
    await a.patch("cards", "n", { $inc: { n: 1 } }).confirmed;
    c.client.goOnline();
    await expect(stale.confirmed).rejects.toMatchObject({ code: "stale" });

    // Presence and casts.
    a.presence.set({ x: 1 });
    await until(b, () => [...b.presence.peers.values()].some(({ user, state }) => user === "ada" && JSON.stringify(state) === '{"x":1}'));
    const cast = new Promise((resolve) => b.onCast(resolve));
    a.cast("wave", { hand: "left" });
    await expect(cast).resolves.toMatchObject({ user: "ada", topic: "wave", data: { hand: "left" } });

    // Another view, and back.
    b.setView([{ in: "cards", where: { n: { $gt: 0 } } }]);
    await until(b, () => b.status.state === "live" && b.query({ in: "cards" }).total === 1);
    b.setView([{ in: "cards" }]);
    await until(b, () => b.status.state === "live" && b.query({ in: "cards" }).total === 4);

    for (const space of spaces) {
      await until(space, () => space.status.state === "live" && space.get("cards", "n")?.value["n"] === 151);
      await expect(space.check()).resolves.toMatchObject({ ok: true, count: 4 });
    }
    await a.delete("cards", "n").confirmed;
    await Promise.all(spaces.map((space) => until(space, () => space.get("cards", "n") === undefined)));
  });

  it("sends a big view and many mutations", { timeout: 60_000 }, async () => {
    const a = open(path + "-big", "ada", transport);
    const last = Array.from({ length: 3000 }, (_, i) => a.put("cards", `c${i}`, { title: `Card ${i}`, text: "x".repeat(200) })).at(-1);
    await last?.confirmed;
    const b = open(path + "-big", "bob", transport);
    await until(b, () => b.status.state === "live");
    expect(b.query({ in: "cards" }).total).toBe(3000);
    await expect(b.check()).resolves.toMatchObject({ ok: true, count: 3000 });
  });
});
