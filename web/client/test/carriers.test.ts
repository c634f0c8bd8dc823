import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { Client, type ClientOptions, type Space, type Transport } from "../src/index.js";
import { NodeServer } from "./node.js";

const ALL: readonly Transport[] = ["websocket", "sse", "stream", "longpoll", "poll"];
let server: NodeServer;
let url: string;
const clients: Client[] = [];

beforeEach(async () => {
  server = new NodeServer();
  url = await server.listen();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.close();
});

function open(options: Partial<ClientOptions> = {}): Space & { client: Client } {
  const client = new Client({ url, user: "ada", WebSocket: WebSocket as never, random: () => 0.1, ...options });
  clients.push(client);
  return Object.assign(client.space("demo/board", { view: [{ in: "cards" }], presence: true }), { client });
}

/** Resolves when the space is as wanted. */
function until(space: Space, wanted: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const query = space.query({ in: "cards" });
    const look = (): void => {
      if (!wanted()) return;
      for (const end of ends) end();
      resolve();
    };
    const ends = [space.subscribe(look), query.subscribe(look), space.presence.subscribe(look)];
    look();
  });
}
const live = (space: Space): Promise<void> => until(space, () => space.status.state === "live");

describe.each(ALL)("%s", (transport) => {
  it("brings everything both ways", async () => {
    server.chunk = 3; // in the middle of characters
    server.newline = "\r\n";
    const a = open({ transports: [transport] });
    const b = open({ transports: [transport] });
    await Promise.all([live(a), live(b)]);
    expect(a.status.transport).toBe(transport);
    const text = "grüße ☃ 𝄞\nand a line";
    await a.put("cards", "c1", { text }).confirmed;
    await until(b, () => b.get("cards", "c1") !== undefined);
    expect(b.get("cards", "c1")?.value).toEqual({ text });
    await expect(a.patch("cards", "no", { $inc: { n: 1 } }).confirmed).rejects.toMatchObject({ code: "not_found" });
    a.presence.set({ x: 1 });
    await until(b, () => b.presence.peers.size === 1);
    for (let i = 0; i < 20; i++) b.put("cards", `x${i}`, { i });
    await b.pending.at(-1)?.confirmed;
    await until(a, () => a.get("cards", "x19") !== undefined);
    await expect(a.check()).resolves.toMatchObject({ ok: true, count: 21 });
  });

  it("comes back when the connection breaks", async () => {
    const a = open({ transports: [transport] });
    await live(a);
    server.cut();
    const mutation = a.put("cards", "c1", {});
    await expect(mutation.confirmed).resolves.toMatchObject({ outcome: "applied" });
    expect(server.fake.space().seq).toBe(1);
    await live(a);
  });

  it("comes back when the server forgot the session", async () => {
    const a = open({ transports: [transport] });
    await live(a);
    for (const session of server.sessions.values()) session.carrier.close();
    server.sessions.clear();
    if (transport === "websocket") server.cut();
    await expect(a.put("cards", "c1", {}).confirmed).resolves.toMatchObject({ outcome: "applied" });
  });

  it("ends without a trace", async () => {
    const a = open({ transports: [transport] });
    await live(a);
    a.client.close();
    expect(a.status.state).toBe("stopped");
    const { length } = server.requests;
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(server.requests.length).toBe(length);
  });
});

describe("fall-back", () => {
  const plain = (request: { url?: string | undefined }, path: string): boolean => request.url?.includes(path) ?? false;

  it.each([
    ["sse", "no WebSocket", (): void => {
      server.refuseSockets = true;
    }],
    ["longpoll", "streams come as a page of HTML", (): void => {
      server.refuseSockets = true;
      server.refuse = (request, response): boolean => plain(request, "/v1/stream") && Boolean(response.writeHead(200, { "Content-Type": "text/html" }).end("<html>log in</html>"));
    }],
    ["longpoll", "streams are forbidden", (): void => {
      server.refuseSockets = true;
      server.refuse = (request, response): boolean => plain(request, "/v1/stream") && Boolean(response.writeHead(403).end("no"));
    }],
  ] as const)("to %s when %s", async (transport, _, arrange) => {
    arrange();
    const a = open();
    await live(a);
    expect(a.status.transport).toBe(transport);
    await expect(a.put("cards", "c1", {}).confirmed).resolves.toMatchObject({ outcome: "applied" });
  });

  it("goes by what the platform has", async () => {
    const a = open({ WebSocket: undefined as never });
    await live(a);
    expect(a.status.transport).toBe(typeof globalThis.WebSocket === "function" ? "websocket" : "sse");
    const none = new Client({ url, WebSocket: undefined as never, transports: [] });
    clients.push(none);
    const space = none.space("demo/board", { view: [] });
    expect(space.status).toMatchObject({ state: "stopped", error: { code: "connection" } });
  });

  it("obeys errors that come as HTTP", async () => {
    let calls = 0;
    server.refuse = (_, response) => {
      if (calls++ > 0) return false;
      response.writeHead(503, { "Retry-After": "0" }).end('{"error":{"code":"overloaded","message":"later"}}');
      return true;
    };
    const a = open({ transports: ["longpoll"] });
    const seen: (string | undefined)[] = [];
    a.subscribe(() => seen.push(a.status.error?.code));
    await live(a);
    expect(seen).toContain("overloaded");
  });

  it("does not take an address that is none for a reason to throw", async () => {
    const a = open({ url: "nonsense:" });
    await until(a, () => a.status.error !== undefined);
    expect(a.status).toMatchObject({ state: "connecting", error: { code: "connection" } });
  });
});

describe("binary WebSocket messages", () => {
  it("are nonsense", async () => {
    const seen = vi.fn();
    class Binary extends WebSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args);
        if (seen.mock.calls.length > 0) return;
        this.addEventListener("open", () => this.emit("message", Buffer.from("x"), true));
      }
    }
    const a = open({ WebSocket: Binary as never, transports: ["websocket"] });
    a.subscribe(() => a.status.error && seen(a.status.error.code));
    await live(a);
    expect(seen).toHaveBeenCalledWith("bad_frame");
  });
});
