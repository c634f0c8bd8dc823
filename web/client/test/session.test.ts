import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Client, Space } from "../src/index.js";
import { FakeServer } from "./fake.js";
import { connect, pass, settle, VIEW } from "./harness.js";

let server: FakeServer;
let client: Client;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  server = new FakeServer();
});
afterEach(() => {
  client.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function open(options: Parameters<typeof connect>[1] = {}): Space {
  client = connect(server, options);
  return client.space("demo/board", { view: VIEW });
}
const helloes = (): Record<string, unknown>[] => server.received.filter(({ t }) => t === "hello");
const tried = (): string[] => server.links.map(({ transport }) => transport);

describe("carriers", () => {
  it("are tried in order, and better ones again while a lesser one works", async () => {
    server.broken.add("websocket").add("sse");
    const board = open();
    await pass(1000);
    expect(board.status).toMatchObject({ state: "live", transport: "stream" });
    expect(tried()).toEqual(["websocket", "sse", "stream"]);
    await pass(90_000); // once, with jitter
    expect(tried().slice(3)).toEqual(["websocket"]);
    expect(board.status).toMatchObject({ state: "live", transport: "stream" });
    server.broken.clear();
    await pass(180_000);
    expect(tried().slice(4)).toEqual(["sse"]);
    expect(board.status).toMatchObject({ state: "live", transport: "sse" });
    const mutation = board.put("cards", "c1", {});
    await settle();
    expect(mutation.state).toBe("applied");
    await pass(3_600_000 * 1.5);
    expect(board.status).toMatchObject({ state: "live", transport: "websocket" });
    expect(server.links.filter(({ over }) => !over).length).toBe(1);
  });

  it("that worked are kept after a break", async () => {
    server.broken.add("websocket");
    const board = open();
    await pass(20_000);
    server.last.drop();
    await pass(1000);
    expect(board.status.transport).toBe("sse");
    expect(tried()).toEqual(["websocket", "sse", "sse"]);
  });

  it("that are cut right after the welcome are left", async () => {
    server.cut = (way, text) => way === "down" && text.startsWith('{"t":"opened"') && server.last.transport === "websocket";
    const board = open();
    await pass(60_000);
    expect(board.status.state).toBe("live");
    expect(board.status.transport).not.toBe("websocket");
  });

  it("that never answer are given up", async () => {
    server.answer = (_, link) => link.transport === "websocket";
    const board = open();
    await pass(9_000);
    expect(board.status.state).toBe("connecting");
    await pass(2_000);
    expect(board.status).toMatchObject({ state: "live", transport: "sse" });
  });

  it("are tried with growing delays when there is no server", async () => {
    for (const t of ["websocket", "sse", "stream", "longpoll", "poll"] as const) server.broken.add(t);
    const board = open();
    await pass(1000);
    expect(server.links.length).toBeLessThan(9);
    await pass(600_000);
    expect(server.links.length).toBeLessThan(36);
    expect(board.status).toMatchObject({ state: "connecting", lastSynced: null, error: { code: "connection" } });
    server.broken.clear();
    client.goOnline();
    await settle();
    await pass(30_000);
    expect(board.status.state).toBe("live");
  });

  it("of the application's choice only", async () => {
    server.broken.add("poll");
    open({ transports: ["poll", "longpoll"] });
    await settle();
    expect(tried()).toEqual(["poll", "longpoll"]);
  });
});

describe("silence", () => {
  it("is broken by a ping, and a dead connection given up", async () => {
    const board = open();
    await settle();
    await pass(26_000);
    expect(server.received.filter(({ t }) => t === "ping").length).toBe(1);
    expect(board.status.state).toBe("live");
    server.answer = ({ t }) => t === "ping";
    await pass(36_000);
    expect(helloes().length).toBe(2);
    server.answer = () => false;
    await pass(1000);
    expect(board.status.state).toBe("live");
  });

  it("of the client is broken by an answer to the server's ping", async () => {
    open();
    await settle();
    server.last.raw('{"t":"ping"}');
    await settle();
    expect(server.received.at(-1)).toEqual({ t: "pong" });
  });
});

describe("identity", () => {
  const refuse = (n: number): void => {
    let left = n;
    server.answer = ({ t }, link) => {
      if (t !== "hello" || left-- <= 0) return false;
      link.raw('{"t":"error","code":"unauthorized","message":"who?","fatal":true}');
      return true;
    };
  };

  it("is a fresh token for each connection", async () => {
    let n = 0;
    refuse(2);
    const board = open({ token: async () => `token-${++n}` });
    board.put("cards", "c1", {});
    await settle();
    expect(board.status).toMatchObject({ state: "unauthorized", pending: 1, error: { code: "unauthorized" } });
    await pass(3000);
    expect(helloes().map(({ token }) => token)).toEqual(["token-1", "token-2", "token-3"]);
    expect(board.status).toMatchObject({ state: "live", pending: 0 });
    expect(tried().every((t) => t === "websocket")).toBe(true);
  });

  it("that cannot be had is asked for again", async () => {
    let n = 0;
    const token = (): string => {
      if (n++ < 2) throw new Error("the identity provider is away");
      return "t";
    };
    const board = open({ token });
    await pass(3000);
    expect(board.status.state).toBe("live");
    expect(server.links.length).toBe(2); // without a token there is nothing to say
  });

  it("that the server refuses is not offered twice: everything waits for another one", async () => {
    let token = "old";
    let asked = 0;
    refuse(1);
    const board = open({ token: () => (asked++, token) });
    board.put("cards", "c1", {});
    await pass(120_000);
    expect(board.status).toMatchObject({ state: "unauthorized", pending: 1 });
    expect(helloes().length).toBe(1);
    expect(asked).toBeGreaterThan(3);
    token = "new";
    await pass(120_000);
    expect(helloes().map((hello) => hello["token"])).toEqual(["old", "new"]);
    expect(board.status).toMatchObject({ state: "live", pending: 0 });
  });

  it("is never another one than the store's", async () => {
    server.answer = ({ t }, link) => {
      if (t === "hello") link.raw('{"t":"welcome","v":1,"session":"s","user":"eve","limits":{}}');
      return t === "hello";
    };
    const board = open({});
    board.put("cards", "c1", {});
    await pass(10_000);
    expect(board.status).toMatchObject({ state: "stopped", pending: 1, error: { code: "user_differs" } });
    expect(server.received.some(({ t }) => t === "push")).toBe(false);
  });

  it("without a token, refused, stops the client", async () => {
    refuse(1);
    const board = open();
    await pass(60_000);
    expect(helloes().length).toBe(1);
    expect(board.status).toMatchObject({ state: "stopped", error: { code: "unauthorized", message: "who?" } });
    client.goOnline();
    await settle();
    expect(board.status.state).toBe("live");
  });

  it("that the client speaks no common version stops it", async () => {
    server.answer = (_, link) => {
      link.raw('{"t":"error","code":"unsupported_version","message":"","fatal":true,"versions":[2]}');
      return true;
    };
    const board = open();
    await pass(60_000);
    expect(server.links.length).toBe(1);
    expect(board.status).toMatchObject({ state: "stopped", error: { code: "unsupported_version" } });
  });
});

describe("a browser", () => {
  it("tells when the network and the page come and go", async () => {
    const listeners = new Map<string, () => void>();
    const target = {
      addEventListener: (name: string, fn: () => void) => listeners.set(name, fn),
      removeEventListener: (name: string) => listeners.delete(name),
    };
    vi.stubGlobal("addEventListener", target.addEventListener);
    vi.stubGlobal("removeEventListener", target.removeEventListener);
    vi.stubGlobal("document", { ...target, visibilityState: "visible" });
    const board = open();
    await settle();
    listeners.get("offline")?.();
    expect(board.status.state).toBe("offline");
    listeners.get("online")?.();
    await settle();
    expect(board.status.state).toBe("live");
    listeners.get("visibilitychange")?.();
    await settle();
    expect(server.received.at(-1)).toEqual({ t: "ping" });
    client.goOffline();
    listeners.get("online")?.();
    listeners.get("visibilitychange")?.();
    await settle();
    expect(board.status.state).toBe("paused");
    client.close();
    expect(listeners.size).toBe(0);
  });

  it("without a network is believed from the start, but of a server on the same machine", async () => {
    vi.stubGlobal("navigator", { onLine: false });
    for (const [url, state] of [["https://far.example/x", "offline"], ["http://localhost.far.example", "offline"], ["http://localhost:4600", "live"], ["http://127.0.0.1", "live"], ["http://[::1]:1/", "live"]]) {
      const one = connect(server, { url: url ?? "" });
      const board = one.space("demo/board", { view: VIEW });
      await settle();
      expect([url, board.status.state]).toEqual([url, state]);
      one.close();
    }
  });
});
