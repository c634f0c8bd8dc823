// @vitest-environment jsdom
import type * as Solid from "solid-js";
import type * as Web from "solid-js/web";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Entry, Query, QueryResult, Space } from "../src/api.js";
import type { Client } from "../src/client.js";
import { type Hydrated, hydrated, snapshot } from "../src/hydrate.js";
import type * as Binding from "../src/solid.js";
import { count } from "./bindings.js";
import { bundle } from "./bundle.js";
import { FakeServer } from "./fake.js";
import { connect, pass, settle, VIEW } from "./harness.js";

const ALL: Query = { in: "cards" };
const ENTRY = 'export * from "solid-js"; export * from "solid-js/web"; export * from "../src/solid.js";';
type All = typeof Solid & typeof Web & typeof Binding;

let solid: All;
let node: All;
let server: FakeServer;
let client: Client;
let board: Space;
let page: HTMLElement;

beforeAll(async () => {
  solid = await bundle<All>(ENTRY, "browser");
  node = await bundle<All>(ENTRY, "node");
}, 60_000);

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  server = new FakeServer();
  client = connect(server);
  board = client.space("demo/board", { view: VIEW });
  page = document.createElement("main");
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const put = (id: string, n: number): void => server.space().write({ op: "put", in: "cards", id, value: { n } });
const text = ({ rows, status }: QueryResult): string => `${rows.map(({ id, value }) => `${id}=${String(value["n"])}`).join(" ")} ${status}`;
/** Renders the text that a component gives; returns the end of that. */
const render = (component: () => () => string): (() => void) =>
  solid.render(() => {
    const p = document.createElement("p");
    solid.insert(p, component());
    return p;
  }, page);

describe("createQuery", () => {
  it("shows what there is, and each change of it, and ends with its owner", async () => {
    await settle();
    const counted = count(board);
    let runs = 0;
    const end = render(() => {
      const cards = solid.createQuery(board, ALL);
      return () => (runs++, text(cards()));
    });
    expect(page.textContent).toBe(" live");
    put("a", 1);
    await settle();
    expect(page.textContent).toBe("a=1 live");
    board.put("cards", "b", { n: 2 });
    expect(page.textContent).toBe("a=1 b=2 live");
    await settle();
    end();
    const before = runs;
    put("c", 3);
    await settle();
    await pass(5000);
    expect(runs).toBe(before);
    expect([counted.open, counted.opened]).toEqual([0, 1]);
  });

  it("follows accessors", async () => {
    put("a", 1);
    put("b", 2);
    await settle();
    const other = client.space("demo/other", { view: VIEW });
    other.put("cards", "c", { n: 2 });
    const counted = count(board);
    const [n, setN] = solid.createSignal(1);
    const [space, setSpace] = solid.createSignal(board);
    const end = render(() => {
      const cards = solid.createQuery(space, () => ({ in: "cards", where: { n: n() } }));
      return () => text(cards());
    });
    expect(page.textContent).toBe("a=1 live");
    setN(2);
    expect(page.textContent).toBe("b=2 live");
    await pass(5000);
    expect([counted.open, counted.opened]).toEqual([1, 2]);
    setSpace(() => other);
    expect(page.textContent).toBe("c=2 live");
    await pass(5000);
    expect(counted.open).toBe(0);
    end();
  });

  it("keeps the node of a row that has not changed", async () => {
    put("a", 1);
    put("b", 2);
    await settle();
    const end = solid.render(() => {
      const cards = solid.createQuery(board, ALL);
      return solid.createComponent(solid.For, {
        get each() {
          return cards().rows;
        },
        children: (row: Entry) => {
          const li = document.createElement("li");
          li.textContent = JSON.stringify(row.value);
          return li;
        },
      });
    }, page);
    const [a, b] = page.querySelectorAll("li");
    put("b", 3);
    await settle();
    const [a2, b2] = page.querySelectorAll("li");
    expect(b2?.textContent).toBe('{"n":3}');
    expect(a2).toBe(a);
    expect(b2).not.toBe(b);
    end();
  });

  it("leaves nothing open after a thousand owners", async () => {
    await settle();
    const counted = count(board);
    for (let i = 0; i < 1000; i++) {
      solid.createRoot((end) => {
        solid.createQuery(board, { in: "cards", where: { n: i % 500 } });
        end();
      });
    }
    expect(counted.opened).toBe(500);
    await pass(5000);
    expect(counted.open).toBe(0);
  });

  it("throws what the query throws", () => {
    expect(() => solid.createRoot(() => solid.createQuery(board, { in: "cards", limit: -1 }))).toThrow(expect.objectContaining({ code: "bad_query" }) as Error);
  });
});

describe("the others", () => {
  it("show an entry, status, pending, rejected and presence", async () => {
    const room = client.space("demo/room", { view: VIEW, presence: true });
    const [id, setId] = solid.createSignal("a");
    const end = render(() => {
      const entry = solid.createEntry(room, "cards", id);
      const status = solid.createStatus(room);
      const all = solid.createStatus(client);
      const pending = solid.createPending(room);
      const rejected = solid.createRejected(room);
      const peers = solid.createPresence(room);
      return () => JSON.stringify([entry()?.state, status().state, all().state, pending().length, rejected().length, peers().size]);
    });
    await settle();
    expect(page.textContent).toBe('[null,"live","live",0,0,0]');
    room.put("cards", "a", { n: 1 });
    room.put("cards", "b", { n: 1 }, { if: 3 });
    expect(page.textContent).toBe('["pending","live","live",2,0,0]');
    const peer = connect(server, { user: "bob" });
    peer.space("demo/room", { view: VIEW, presence: true }).presence.set({ at: 1 });
    await settle();
    expect(page.textContent).toBe('["confirmed","live","live",0,1,1]');
    setId("b");
    expect(page.textContent).toBe('[null,"live","live",0,1,1]');
    end();
    peer.close();
  });
});

describe("a page rendered on a server", () => {
  const seeds = async (): Promise<Hydrated> => hydrated(await snapshot(board, [ALL]));

  it("opens nothing there", async () => {
    put("a", 1);
    await settle();
    const hydrate = await seeds();
    const counted = count(board);
    const html = node.renderToString(() => {
      const cards = node.createQuery(board, () => ALL, { snapshot: hydrate });
      const others = node.createQuery(board, { in: "cards", limit: 1 });
      const status = node.createStatus(board);
      return `${text(cards())}|${text(others())}|${status().state}`;
    });
    expect(html).toBe("a=1 stale| loading|connecting");
    expect(counted.opened).toBe(0);
  });

  it("is taken over as it was, and then shows what the space has", async () => {
    put("a", 1);
    await settle();
    const hydrate = await seeds();
    put("b", 2);
    await settle();
    const seen: string[] = [];
    page.innerHTML = "<p>a=1 stale</p>";
    Object.assign(globalThis, { _$HY: { events: [], completed: new WeakSet(), r: {}, fe: () => undefined } });
    const end = solid.hydrate(() => {
      const cards = solid.createQuery(board, ALL, { snapshot: hydrate });
      const status = solid.createStatus(board);
      seen.push(`${text(cards())} ${status().state}`);
      solid.createEffect(() => seen.push(`${text(cards())} ${status().state}`));
      return page.firstChild as unknown as Solid.JSX.Element;
    }, page);
    expect(seen[0]).toBe("a=1 stale connecting");
    expect(seen.at(-1)).toBe("a=1 b=2 live live");
    end();
  });
});
