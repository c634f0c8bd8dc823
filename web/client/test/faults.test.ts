import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Client, Mutation, Space, Status } from "../src/index.js";
import { FakeServer } from "./fake.js";
import { cards, connect, pass, settle, VIEW } from "./harness.js";

let server: FakeServer;
let clients: Client[];

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  server = new FakeServer();
  clients = [];
});
afterEach(() => {
  for (const client of clients) client.close();
  vi.useRealTimers();
});

function open(options: Parameters<typeof connect>[1] = {}): { client: Client; board: Space } {
  const client = connect(server, options);
  clients.push(client);
  return { client, board: client.space("demo/board", { view: VIEW }) };
}
const error = (code: string, more = {}): string => JSON.stringify({ t: "error", code, message: "", space: "demo/board", ...more });
const helloes = (): number => server.received.filter(({ t }) => t === "hello").length;

/** What happens in the scenario that is broken at each of its messages: four increments, a rejection, another's write. */
async function scenario(): Promise<{ board: Space; mutations: Mutation[] }> {
  const { board } = open();
  const mutations = [board.put("cards", "n", { n: 0 }), board.patch("cards", "n", { $inc: { n: 1 } })];
  await settle();
  server.space().write({ op: "put", in: "cards", id: "other", value: {} });
  mutations.push(board.patch("cards", "n", { $inc: { n: 1 } }), board.patch("cards", "missing", { $inc: { n: 1 } }));
  await pass(300);
  mutations.push(board.patch("cards", "n", { $inc: { n: 1 } }));
  await pass(60_000);
  mutations.push(board.patch("cards", "n", { $inc: { n: 1 } }));
  await pass(60_000);
  return { board, mutations };
}

describe("exactly once", () => {
  for (const way of ["up", "down"] as const) {
    it(`with the connection cut at each message ${way}`, async () => {
      for (let at = 1; ; at++) {
        server = new FakeServer();
        let seen = 0;
        server.cut = (w) => w === way && ++seen === at;
        const { board, mutations } = await scenario();
        expect(cards(board), `cut at ${at}`).toEqual({ "cards/n": { n: 4 }, "cards/other": {} });
        expect(server.space().visible(VIEW)).toEqual(cards(board));
        expect(mutations.map(({ state }) => state)).toEqual(["applied", "applied", "applied", "rejected", "applied", "applied"]);
        expect(board.rejected.map(({ id }) => id)).toEqual([mutations[3]?.id]);
        expect(board.status).toMatchObject({ state: "live", pending: 0, rejected: 1 });
        if (seen < at) break;
      }
    });
  }

  it("whatever three clients do while connections break at random", async () => {
    const action = fc.record({ who: fc.nat(2), what: fc.nat(5), id: fc.constantFrom("a", "b", "c"), ms: fc.constantFrom(0, 0, 100, 2000) });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), fc.infiniteStream(fc.nat(7)), async (actions, dice) => {
        server = new FakeServer();
        server.space().write({ op: "put", in: "cards", id: "sum", value: { n: 0 } });
        let calm = false;
        server.cut = () => !calm && dice.next().value === 0;
        const boards = [open(), open(), open()];
        let increments = 0;
        const mutations: Mutation[] = [];
        for (const { who, what, id, ms } of actions) {
          const { board, client } = boards[who] as (typeof boards)[0];
          if (what === 0) client.goOffline();
          else if (what === 1) client.goOnline();
          else if (what === 2) mutations.push(board.put("cards", id, { by: who }));
          else if (what === 3) mutations.push(board.delete("cards", id));
          else {
            mutations.push(board.patch("cards", "sum", { $inc: { n: 1 } }));
            increments++;
          }
          await pass(ms);
        }
        calm = true;
        for (const { client } of boards) client.goOnline();
        await pass(90_000);
        for (const { board } of boards) {
          expect(cards(board)).toEqual(server.space().visible(VIEW));
          expect(board.status).toMatchObject({ state: "live", pending: 0 });
          await expect(Promise.all([board.check(), pass(1)])).resolves.toMatchObject([{ ok: true }, undefined]);
        }
        expect(server.space().data.get("cards/sum")?.value).toEqual({ n: increments });
        expect(mutations.every(({ state }) => state === "applied")).toBe(true);
        for (const { client } of boards) client.close();
      }),
      { numRuns: 40 },
    );
  });

  it("with everything from the server twice", async () => {
    const { board } = open();
    await settle();
    const { last } = server;
    const raw = last.raw.bind(last);
    last.raw = (text) => {
      raw(text);
      if (!text.startsWith('{"t":"welcome"') && !text.startsWith('{"t":"opened"')) raw(text);
    };
    board.put("cards", "n", { n: 0 });
    for (let i = 0; i < 3; i++) {
      board.patch("cards", "n", { $inc: { n: 1 } });
      await settle();
    }
    expect(board.get("cards", "n")).toMatchObject({ value: { n: 3 }, state: "confirmed" });
    expect(helloes()).toBe(1);
  });

  it("without outcomes: duplicate", async () => {
    const { board } = open();
    await settle();
    server.cut = (way, text) => way === "down" && text.startsWith('{"t":"ack"');
    const mutation = board.put("cards", "n", { n: 1 });
    await settle();
    expect(server.space().seq).toBe(1);
    for (const account of server.space().accounts.values()) account.outcomes.clear(); // too long ago
    server.cut = () => false;
    await pass(1000);
    expect(mutation.state).toBe("applied");
    expect(board.get("cards", "n")).toMatchObject({ value: { n: 1 }, state: "confirmed" });
  });
});

describe("a server that", () => {
  it("lost what it acknowledged is offered it again", async () => {
    const { board } = open();
    board.put("cards", "a", { n: 1 });
    await settle();
    const space = server.space();
    const backup = structuredClone({ seq: space.seq, data: space.data, log: space.log, accounts: space.accounts });
    board.patch("cards", "a", { $inc: { n: 1 } });
    board.put("cards", "b", {});
    await settle();
    expect(space.seq).toBe(3);
    Object.assign(space, backup, { epoch: "b" });
    const shown: unknown[] = [];
    const query = board.query({ in: "cards" });
    query.subscribe(() => shown.push(query.rows.map(({ value }) => value)));
    server.last.drop();
    board.put("cards", "c", {});
    await pass(2000);
    expect(space.seq).toBe(4);
    expect(cards(board)).toEqual({ "cards/a": { n: 2 }, "cards/b": {}, "cards/c": {} });
    expect(space.visible(VIEW)).toEqual(cards(board));
    expect(shown.every((rows) => !JSON.stringify(rows).includes('"n":3'))).toBe(true); // never counted twice
    expect([...space.accounts.keys()].length).toBe(1);
    expect(board.status).toMatchObject({ state: "live", pending: 0 });
  });

  it("lost everything, a rejection among it, gets the queue under a new id", async () => {
    const { board } = open();
    board.put("cards", "a", { n: 1 });
    board.patch("cards", "no", { $inc: { n: 1 } });
    await settle();
    const first = server.space();
    server.spaces.clear();
    server.space().epoch = "b";
    server.last.drop();
    board.put("cards", "b", {});
    await pass(2000);
    expect(first.seq).toBe(2);
    expect(cards(board)).toEqual({ "cards/a": { n: 1 }, "cards/b": {} });
    expect(server.space().visible(VIEW)).toEqual(cards(board));
    expect(server.space().seq).toBe(2);
    expect(board.rejected.length).toBe(1);
    expect(new Set(server.received.filter(({ t }) => t === "open").map(({ client }) => client)).size).toBe(2);
  });

  it("lost more than is kept gets only the queue", async () => {
    const { board } = open();
    await settle();
    for (let i = 0; i < 1200; i++) board.put("cards", "a", { i });
    await settle();
    expect(server.space().seq).toBe(1200);
    server.spaces.clear();
    server.space().epoch = "b";
    server.last.drop();
    board.put("cards", "b", {});
    await pass(2000);
    expect(server.space().visible(VIEW)).toEqual({ "cards/b": {} });
    expect(cards(board)).toEqual({ "cards/b": {} });
  });

  it("says client_forked gets the queue under a new id", async () => {
    const { board } = open();
    await settle();
    board.put("cards", "a", {});
    await settle();
    server.answer = ({ t }, link) => {
      if (t !== "push") return false;
      server.answer = () => false;
      link.raw(error("client_forked"));
      return true;
    };
    const mutation = board.put("cards", "b", {});
    await pass(1000);
    expect(mutation.state).toBe("applied");
    expect(server.received.at(-1)).toMatchObject({ t: "push", muts: [{ id: 1 }] });
    expect(board.status.state).toBe("live");
    expect(board.status.error).toBeUndefined();
  });

  it.each(["client_mismatch", "bad_cursor", "not_open", "internal", "overloaded", "rate_limited"])("says %s to open is asked again", async (code) => {
    let left = 3;
    server.answer = ({ t }, link) => {
      if (t !== "open" || left-- <= 0) return false;
      link.raw(error(code, { retryMs: 100 }));
      return true;
    };
    const { board } = open();
    const mutation = board.put("cards", "b", {});
    await settle();
    expect(board.status).toMatchObject({ state: "syncing", error: { code } });
    await pass(5000);
    expect(mutation.state).toBe("applied");
    expect(board.status).toMatchObject({ state: "live", pending: 0 });
  });

  it.each(["mutation_gap", "overloaded", "rate_limited", "unavailable"])("says %s to a push gets it again", async (code) => {
    const { board } = open();
    await settle();
    let left = 3;
    server.answer = ({ t }, link) => {
      if (t !== "push" || left-- <= 0) return false;
      link.raw(error(code, code === "mutation_gap" ? { expected: 1 } : { retryMs: 200 }));
      return true;
    };
    board.put("cards", "a", {});
    const mutation = board.put("cards", "b", {});
    await pass(5000);
    expect(mutation.state).toBe("applied");
    expect(server.space().seq).toBe(2);
    expect(board.status.error).toBeUndefined();
  });

  it("says mutation_gap again and again is not stormed", async () => {
    const { board } = open();
    await settle();
    server.answer = ({ t }, link) => {
      if (t !== "push") return false;
      link.raw(error("mutation_gap", { expected: 1 }));
      return true;
    };
    board.put("cards", "a", {});
    const before = server.received.length;
    await pass(60_000);
    expect(server.received.length - before).toBeLessThan(20);
    expect(board.status.error?.code).toBe("mutation_gap");
  });

  it("says retry_after gets the rest later", async () => {
    const { board } = open();
    await settle();
    server.answer = ({ t, muts }, link) => {
      if (t !== "push") return false;
      server.answer = () => false;
      const [first] = muts as { id: number; ops: never }[];
      const account = [...server.space().accounts.values()][0] ?? { last: 0, outcomes: new Map() };
      server.space().accounts.set([...server.space().members.values()][0]?.client as string, account);
      const outcome = server.space().commit(first?.ops as never, [...server.space().members.values()][0]?.client, 1);
      account.last = 1;
      account.outcomes.set(1, outcome);
      link.tell({ t: "ack", space: "demo/board", outcomes: [outcome, { id: 2, outcome: "retry_after", retryMs: 1000 }] });
      server.space().broadcast();
      return true;
    };
    const first = board.put("cards", "a", {});
    const second = board.put("cards", "b", {});
    await pass(900);
    expect([first.state, second.state]).toEqual(["applied", "queued"]);
    await pass(1000);
    expect(second.state).toBe("applied");
    expect(server.space().seq).toBe(2);
  });

  it("wants a newer client is left alone, and read on", async () => {
    const { board } = open();
    await settle();
    server.answer = ({ t }, link) => {
      if (t === "push") link.tell({ t: "ack", space: "demo/board", outcomes: [{ id: 1, outcome: "upgrade_required", message: "too old" }] });
      return t === "push";
    };
    board.put("cards", "a", {});
    await settle();
    board.put("cards", "b", {});
    server.space().write({ op: "put", in: "cards", id: "c", value: {} });
    await pass(10_000);
    expect(server.received.filter(({ t }) => t === "push").length).toBe(1);
    expect(board.status).toMatchObject({ state: "live", pending: 2, error: { code: "upgrade_required", message: "too old" } });
    expect(Object.keys(cards(board))).toEqual(["cards/a", "cards/b", "cards/c"]);
  });

  it.each(["displaced", "forbidden", "bad_view", "too_many", "malformed", "never_heard_of"])("says %s stops the space until goOnline", async (code) => {
    const { board, client } = open();
    const other = client.space("other", { view: VIEW });
    await settle();
    server.last.raw(error(code));
    await settle();
    expect(board.status).toMatchObject({ state: "stopped", error: { code } });
    expect(other.status.state).toBe("live");
    expect(client.status).toMatchObject({ state: "stopped", error: { code } });
    const mutation = board.put("cards", "a", {});
    await pass(60_000);
    expect(mutation.state).toBe("queued");
    client.goOnline();
    await settle();
    expect(mutation.state).toBe("applied");
    expect(client.status.state).toBe("live");
  });

  it("forgot commits between diffs is asked for them", async () => {
    const { board } = open();
    await settle();
    server.last.tell({ t: "diff", space: "demo/board", view: JSON.stringify(VIEW), from: "7-a", to: "9-a", put: [["cards", "x", 9, {}]] });
    server.space().commit([{ op: "put", in: "cards", id: "y", value: {} }]);
    await settle();
    expect(server.received.filter(({ t }) => t === "open").length).toBe(2);
    expect(cards(board)).toEqual({ "cards/y": {} });
  });

  it("sends diffs of another view or space is not heard", async () => {
    const { board } = open();
    await settle();
    server.last.tell({ t: "diff", space: "demo/board", view: "other", from: "0", to: "9-a", put: [["cards", "x", 9, {}]] });
    server.last.tell({ t: "diff", space: "demo/other", view: JSON.stringify(VIEW), from: "0", to: "9-a", put: [["cards", "x", 9, {}]] });
    server.last.tell({ t: "hint", more: ["than", "we", "know"] });
    await settle();
    expect(cards(board)).toEqual({});
    expect(helloes()).toBe(1);
  });

  it("trimmed its history sends all anew, and the same entries stay the same objects", async () => {
    const { board, client } = open();
    server.space().write({ op: "put", in: "cards", id: "a", value: {} });
    await settle();
    const a = board.get("cards", "a");
    client.goOffline();
    const mutation = board.put("cards", "mine", {});
    for (let i = 0; i < 6; i++) server.space().write({ op: "put", in: "cards", id: `x${i}`, value: {} });
    server.space().horizon = 5;
    client.goOnline();
    await settle();
    expect(board.get("cards", "a")).toBe(a);
    expect(mutation.state).toBe("applied");
    expect(Object.keys(cards(board)).length).toBe(8);
  });
});

describe("integrity", () => {
  it("of a reset is checked", async () => {
    server.space().write({ op: "put", in: "cards", id: "a", value: {} });
    let bad = 2;
    const { board, client } = open();
    const states: (string | undefined)[] = [];
    board.subscribe(() => states.push(board.status.error?.code));
    const sum = server.space().sum.bind(server.space());
    server.space().sum = (view) => (bad-- > 0 ? { count: 1, sum: "0000000000000000" } : sum(view));
    await pass(5000);
    expect(states).toContain("integrity");
    expect(board.status.state).toBe("live");
    expect(board.status.error).toBeUndefined();
    expect(Object.keys(cards(board))).toEqual(["cards/a"]);
    expect(client.status.error).toBeUndefined();
  });

  it("is compared by check, and restored", async () => {
    const { board, client } = open();
    await settle();
    const [same] = await Promise.all([board.check(), settle()]);
    expect(same).toEqual({ ok: true, count: 0, sum: "0000000000000000" });
    server.space().data.set("cards/ghost", { version: 1, value: {} }); // nobody was told
    const [differs] = await Promise.all([board.check(), settle()]);
    expect(differs).toMatchObject({ ok: false, count: 1 });
    await pass(1000);
    expect(Object.keys(cards(board))).toEqual(["cards/ghost"]);
    client.goOffline();
    await expect(board.check()).rejects.toMatchObject({ code: "not_live" });
  });

  it("waits for diffs on their way", async () => {
    const { board } = open();
    await settle();
    const check = board.check();
    server.space().commit([{ op: "put", in: "cards", id: "a", value: {} }]); // its diff comes after the answer
    await settle();
    server.space().broadcast();
    await settle();
    await expect(check).resolves.toMatchObject({ ok: true, count: 1 });
  });

  it("is not known when the connection ends", async () => {
    const { board } = open();
    await settle();
    const check = board.check();
    server.last.drop();
    await expect(check).rejects.toMatchObject({ code: "not_live" });
  });
});

describe("nonsense", () => {
  const space = '"space":"demo/board"';
  const view = `"view":${JSON.stringify(JSON.stringify(VIEW))}`;
  it.each([
    "{", "null", "[]", '"text"', "{}", '{"t":7}', "\u0000", '{"t":"welcome","session":"s"}', '{"t":"opened"}', `{"t":"opened",${space},"last":-1}`,
    `{"t":"ack",${space}}`, `{"t":"ack",${space},"outcomes":[{"id":"1","outcome":"applied"}]}`, `{"t":"ack",${space},"outcomes":[null]}`,
    `{"t":"diff",${space},${view},"from":"0"}`, `{"t":"diff",${space},${view},"from":"0","to":"x"}`, `{"t":"diff",${space},${view},"from":"0","to":"1-a","put":[["cards"]]}`,
    `{"t":"diff",${space},${view},"from":"0","to":"1-a","put":[["cards","c",1,"text"]]}`, `{"t":"diff",${space},${view},"from":"0","to":"1-a","del":[7]}`,
    `{"t":"present",${space}}`, `{"t":"present",${space},"peers":[{"session":1}]}`, `{"t":"cast",${space}}`, `{"t":"checked",${space}}`, '{"t":"error"}', '{"t":"closed"}',
  ])("%s ends the connection, with a status and a delay", async (text) => {
    const { board } = open();
    await settle();
    server.last.raw(text);
    await settle();
    expect(board.status).toMatchObject({ state: "connecting", error: { code: "bad_frame" } });
    expect(helloes()).toBe(1);
    await pass(1000);
    expect(helloes()).toBe(2);
    expect(board.status.state).toBe("live");
    expect(board.status.error).toBeUndefined();
  });

  it("without end is met with patience", async () => {
    const { board } = open();
    server.answer = (_, link) => {
      link.raw("nonsense");
      return true;
    };
    await pass(600_000);
    expect(server.links.length).toBeLessThan(60);
    expect(board.status.error?.code).toBe("bad_frame");
  });
});

describe("status", () => {
  it("tells of fatal errors", async () => {
    const { board } = open();
    const seen: Status[] = [];
    board.subscribe(() => seen.push(board.status));
    await settle();
    server.last.raw('{"t":"error","code":"shutting_down","message":"bye","fatal":true,"retryMs":3000}');
    await pass(2900);
    expect(board.status).toMatchObject({ state: "connecting", error: { code: "shutting_down" }, transport: null });
    await pass(3000);
    expect(board.status.state).toBe("live");
    expect(new Set(seen.map(({ state }) => state))).toEqual(new Set(["connecting", "syncing", "live"]));
    expect(new Set(seen).size).toBe(seen.length);
  });
});
