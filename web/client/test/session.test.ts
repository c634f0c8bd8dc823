import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Client, Space } from "../src/index.js";
import { FakeServer } from "./fake.js";
import { cards, connect, pass, settle, VIEW } from "./harness.js";

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

  it("are one at a time, also where somebody goes online from what is told of the status", async () => {
    const board = open();
    await settle();
    board.subscribe(() => {
      if (client.status.state === "connecting") client.goOnline();
    });
    server.last.drop();
    await pass(30_000);
    expect(board.status).toMatchObject({ state: "live", pending: 0 });
    expect(server.links.filter(({ over }) => !over).length).toBe(1);
    expect(helloes().length).toBe(2);
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

describe("a token that ends", () => {
  const opens = (): number => server.received.filter(({ t }) => t === "open").length;
  /** The server takes tokens until they end, 60 s each. */
  const expiring = (): void => {
    server.answer = ({ t }) => {
      if (t === "hello") server.expires = Date.now() + 60_000;
      return false;
    };
  };

  it("is renewed on the same connection before, and nothing else happens", async () => {
    expiring();
    let n = 0;
    const board = open({ token: () => `token-${++n}` });
    await settle();
    board.put("cards", "c1", {});
    await settle();
    const sent = server.received.filter(({ t }) => t !== "hello" && t !== "ping").length;
    const states: string[] = [];
    board.subscribe(() => states.push(board.status.state));
    await pass(47_000);
    expect(helloes().length).toBe(1);
    await pass(2_000);
    await pass(48_000);
    expect(helloes()).toMatchObject([1, 2, 3].map((i) => ({ token: `token-${i}`, user: "ada", v: [1] })));
    expect(Object.keys(helloes()[1] ?? {})).toEqual(Object.keys(helloes()[0] ?? {}));
    expect([server.links.length, states]).toEqual([1, []]);
    expect(server.received.filter(({ t }) => t !== "hello" && t !== "ping").length).toBe(sent);
    expect(board.put("cards", "c2", {}).state).toBe("queued");
    await settle();
    expect(board.status).toMatchObject({ state: "live", pending: 0 });
  });

  it("is renewed 30 s before its end if that is later, by the server's clock, and not more often than each 10 s", async () => {
    let n = 0;
    const ends = (left: number): void => {
      server.answer = ({ t, token }, link) => {
        if (t === "hello") link.tell({ t: "welcome", session: "s", time: 5, expires: 5 + (token === "token-1" ? left : 1_000) });
        return t === "hello";
      };
    };
    ends(600_000);
    open({ token: () => `token-${++n}` });
    await pass(569_000);
    expect(helloes().length).toBe(1);
    await pass(2_000);
    expect(helloes().length).toBe(2);
    await pass(8_000);
    expect(helloes().length).toBe(2);
    await pass(3_000);
    expect(helloes().length).toBe(3);
    await pass(100_000);
    expect(helloes().length).toBeLessThan(14);
  });

  it("far in the future is not renewed now", async () => {
    server.expires = Date.now() + 400 * 86_400_000;
    open({ token: () => "t" });
    await pass(60_000);
    expect(helloes().length).toBe(1);
  });

  it("and that the application has no other for is asked for until the server ends the connection, and on", async () => {
    expiring();
    let asked = 0;
    let token = "old";
    const board = open({
      token: () => {
        if (asked++ === 1) throw new Error("the identity provider is away");
        return token;
      },
    });
    await pass(48_500);
    expect(asked).toBeGreaterThan(2);
    await pass(11_000);
    expect(asked).toBeLessThan(12);
    expect(helloes().length).toBe(1);
    server.last.raw('{"t":"error","code":"unauthorized","message":"the token has expired","fatal":true}');
    await settle();
    expect(board.status).toMatchObject({ state: "unauthorized", error: { code: "unauthorized" } });
    token = "new";
    await pass(40_000);
    expect(helloes().map((hello) => hello["token"])).toEqual(["old", "new"]);
    expect(board.status.state).toBe("live");
  });

  it("is not renewed without a token function, nor after the connection is gone", async () => {
    server.expires = Date.now() + 60_000;
    open();
    await pass(70_000);
    expect(helloes().length).toBe(1);
    client.close();
    let asked = 0;
    open({ token: () => `t${++asked}` });
    await settle();
    client.goOffline();
    await pass(120_000);
    expect(asked).toBe(1);
  });

  it("and the next one is somebody else's ends all", async () => {
    expiring();
    const board = open({ token: () => `t${Math.random()}` });
    await settle();
    server.answer = ({ t }, link) => {
      if (t === "hello") link.tell({ t: "welcome", session: "s", user: "eve" });
      return t === "hello";
    };
    await pass(50_000);
    expect(board.status).toMatchObject({ state: "stopped", error: { code: "user_differs" } });
  });

  it("opens what was forbidden with the next one, and by goOnline, and not otherwise", async () => {
    expiring();
    let n = 0;
    server.space().forbidden = true;
    const board = open({ token: () => `token-${Math.ceil(++n / 2)}` });
    await settle();
    expect(board.status).toMatchObject({ state: "stopped", error: { code: "forbidden", message: expect.stringMatching(/^you may not see/) as string } });
    expect(opens()).toBe(1);
    server.last.drop(); // and comes again with the same token
    await pass(40_000);
    expect([helloes().length, opens()]).toEqual([2, 1]);
    client.goOnline();
    await settle();
    expect([board.status.state, opens()]).toEqual(["stopped", 2]);
    server.space().forbidden = false;
    await pass(20_000);
    expect([helloes().length, opens()]).toEqual([3, 3]);
    expect(board.status.state).toBe("live");
  });
});

describe("a scope", () => {
  const opens = (): Record<string, unknown>[] => server.received.filter(({ t }) => t === "open");
  const scopes = (): unknown[] => opens().map(({ cursor, scope }) => [cursor, scope]);
  const put = (id: string, value = {}): void => server.space().write({ op: "put", in: "cards", id, value });
  const drop = async (): Promise<void> => {
    server.last.drop();
    await pass(11_000);
  };

  it("is never named to a server that names none", async () => {
    const board = open();
    await settle();
    put("a");
    await settle();
    board.mutate((tx) => tx.put("cards", "b", { n: tx.get("cards", "a")?.version ?? 0 }), { serializable: true });
    await settle();
    await drop();
    expect(cards(board)).toEqual({ "cards/a": {}, "cards/b": { n: 1 } });
    expect(JSON.stringify(server.received)).not.toContain("scope");
  });

  it("goes with the cursor that was reached under it", async () => {
    server.space().rescope("s1", () => true);
    put("a");
    const board = open();
    await settle();
    await drop();
    expect(scopes()).toEqual([[undefined, undefined], ["1-a", "s1"]]);
    expect(board.status.state).toBe("live");
    // Another one that the server tells by a reset, as it does not know the old one any more.
    server.last.drop();
    server.space().scopes.clear();
    server.space().rescope("s2", (key) => key !== "cards/a");
    put("b");
    await pass(11_000);
    expect(cards(board)).toEqual({ "cards/b": {} });
    await drop();
    expect(scopes().slice(2)).toEqual([["1-a", "s1"], ["2-a", "s2"]]);
    // And by a diff.
    server.last.drop();
    server.space().rescope("s3", (key) => key !== "cards/b");
    await pass(11_000);
    expect(cards(board)).toEqual({ "cards/a": {} });
    await drop();
    expect(scopes().slice(4)).toEqual([["2-a", "s2"], ["2-a", "s3"]]);
  });

  it("changed by a live diff counts, and one whose diff was lost does not", async () => {
    server.space().rescope("s1", () => true);
    put("a");
    put("b");
    const board = open();
    await settle();
    server.space().rescope("s2", (key) => key !== "cards/a");
    await settle();
    expect(cards(board)).toEqual({ "cards/b": {} });
    await drop();
    expect(scopes().at(-1)).toEqual(["2-a", "s2"]);
    server.cut = (way, text) => way === "down" && text.includes('"scope":"s3"') && text.startsWith('{"t":"diff"');
    server.space().rescope("s3", () => false);
    await pass(11_000);
    expect(scopes().at(-1)).toEqual(["2-a", "s2"]);
    expect(cards(board)).toEqual({});
    expect(board.status.state).toBe("live");
  });

  it("comes with the last part of a diff", async () => {
    server.space().rescope("s1", () => false);
    for (const id of ["a", "b", "c", "d", "e"]) put(id);
    const board = open();
    await settle();
    server.space().rescope("s2", () => true);
    await settle();
    expect(Object.keys(cards(board)).length).toBe(5);
    await drop();
    expect(scopes().at(-1)).toEqual(["5-a", "s2"]);
    server.cut = (way, text) => way === "down" && text.includes('"scope":"s4"');
    server.space().rescope("s3", () => false);
    await settle();
    server.space().rescope("s4", () => true); // its first part comes, its last does not
    await settle();
    expect(cards(board)).toEqual({});
    server.cut = () => false;
    await pass(11_000);
    expect(scopes().at(-1)).toEqual(["5-a", "s3"]);
    expect(Object.keys(cards(board)).length).toBe(5);
  });

  it("that `current` tells is kept, and so is the second of two answers", async () => {
    put("a");
    const board = open();
    await settle();
    let told = ["s1"];
    server.answer = (message, link) => {
      if (message["t"] !== "open") return false;
      for (const scope of told) link.tell({ t: "opened", space: "demo/board", view: "v", from: message["cursor"], head: "1-a", last: 0, resume: "current", scope });
      return true;
    };
    await drop();
    told = ["s2", "s3"];
    await drop();
    await drop();
    expect(scopes().slice(1)).toEqual([["1-a", undefined], ["1-a", "s1"], ["1-a", "s3"]]);
    expect(board.status.state).toBe("live");
  });

  it("is what a serializable mutation was made under, when it is sent and when it is tried again", async () => {
    server.space().rescope("s1", () => true);
    put("a");
    const board = open();
    await settle();
    server.answer = ({ t }) => t === "push";
    const made = board.mutate((tx) => tx.put("cards", "b", { seen: tx.get("cards", "a") !== undefined }), { serializable: true });
    await settle();
    server.space().rescope("s2", () => true);
    await settle();
    server.answer = () => false;
    await drop();
    const reads = (): unknown[] => server.received.filter(({ t }) => t === "push").map(({ muts }) => (muts as { reads?: unknown }[])[0]?.reads);
    expect(reads()).toEqual([1, 2].map(() => ({ at: 1, keys: [["cards", "a"]], scope: "s1" })));
    expect(board.rejected).toMatchObject([{ id: made.id, outcome: { code: "stale" } }]);
    const again = board.retry(made.id);
    await settle();
    expect(reads().at(-1)).toEqual({ at: 2, keys: [["cards", "a"]], scope: "s2" });
    expect(again.state).toBe("applied");
  });
});

describe("a reset that was announced", () => {
  it("is all that may come: a diff in its place makes the space open anew", async () => {
    const space = server.space();
    space.rescope("s1", () => true);
    space.write({ op: "put", in: "cards", id: "a", value: {} });
    const board = open();
    await settle();
    server.last.drop();
    space.scopes.clear();
    space.rescope("s2", (key) => key !== "cards/a");
    // The reset goes lost; the diff that comes fits the cursor, which is at the head.
    let lost = 0;
    const { diff } = space;
    space.diff = function (member, from, keys, more): void {
      if (more?.["reset"] === true && lost++ === 0) member.seq = this.seq;
      else diff.call(this, member, from, keys, more);
    };
    await pass(11_000);
    expect([lost, board.status.state]).toEqual([1, "syncing"]);
    space.write({ op: "put", in: "cards", id: "b", value: {} });
    await pass(11_000);
    expect(cards(board)).toEqual({ "cards/b": {} });
    expect(board.status.state).toBe("live");
    const opens = server.received.filter(({ t }) => t === "open").map(({ cursor, scope }) => [cursor, scope]);
    expect(opens).toEqual([[undefined, undefined], ["1-a", "s1"], ["1-a", "s1"]]);
  });
});

describe("what may not be seen any more", () => {
  it("vanishes, with a patch on it still queued, which is refused and can be tried again or discarded", async () => {
    const space = server.space();
    space.rescope("s1", () => true);
    space.write({ op: "put", in: "cards", id: "a", value: { n: 1 } }, { op: "put", in: "cards", id: "b", value: { n: 1 } });
    const board = open();
    await settle();
    server.answer = ({ t }) => t === "push";
    const made = ["a", "b"].map((id) => board.patch("cards", id, { $inc: { n: 1 } }));
    await settle();
    expect(cards(board)).toEqual({ "cards/a": { n: 2 }, "cards/b": { n: 2 } });
    space.rescope("s2", (key) => key === "cards/none");
    await settle();
    expect(cards(board)).toEqual({});
    expect(board.get("cards", "a")).toBeUndefined();
    expect(board.pending.map(({ id }) => id)).toEqual(made.map(({ id }) => id));
    server.answer = () => false;
    server.last.drop();
    await pass(11_000);
    expect(board.pending).toEqual([]);
    expect(board.rejected).toMatchObject(made.map(({ id, ops }) => ({ id, ops, outcome: { code: "forbidden" } })));
    expect(cards(board)).toEqual({});
    board.discard(made[1]?.id ?? "");
    space.rescope("s3", () => true);
    await settle();
    const again = board.retry(made[0]?.id ?? "");
    await settle();
    expect([again.state, board.rejected]).toEqual(["applied", []]);
    expect(cards(board)).toEqual({ "cards/a": { n: 2 }, "cards/b": { n: 1 } });
  });
});

describe("a browser", () => {
  it("tells when the network and the page come and go", async () => {
    const listeners = new Map<string, () => void>();
    const target = {
      addEventListener: (name: string, fn: () => void, { signal }: { signal: AbortSignal }) => {
        listeners.set(name, fn);
        signal.addEventListener("abort", () => listeners.delete(name));
      },
    };
    vi.stubGlobal("addEventListener", target.addEventListener);
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
