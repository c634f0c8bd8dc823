// @vitest-environment jsdom
import type * as Svelte from "svelte";
import { compile } from "svelte/compiler";
import type * as Server from "svelte/server";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Query, QueryResult, Space } from "../src/api.js";
import type { Client } from "../src/client.js";
import { hydrated, snapshot } from "../src/hydrate.js";
import { entryStore, pendingStore, presenceStore, queryStore, rejectedStore, statusStore, type Store } from "../src/svelte.js";
import { count } from "./bindings.js";
import { bundle } from "./bundle.js";
import { FakeServer } from "./fake.js";
import { connect, pass, settle, VIEW } from "./harness.js";

const ALL: Query = { in: "cards" };
const MARKUP = "{#each $cards.rows as card (card.id)}<li>{card.id}={card.value.n}</li>{/each}<b>{$cards.status}</b>";
/** A component as it is written for Svelte 5, and for 4: the query depends on `n`. */
const PAGE = {
  5: `<script>
    let { make } = $props();
    let n = $state(1);
    export function set(to) { n = to; }
    const cards = $derived(make(n));
  </script>${MARKUP}`,
  4: `<script>
    export let make;
    let n = 1;
    export function set(to) { n = to; }
    $: cards = make(n);
  </script>${MARKUP}`,
};
type Version = keyof typeof PAGE;
type Page = Svelte.Component<{ make: (n: number) => Store<QueryResult> }, { set: (n: number) => void }>;

/** The component, and Svelte as it is in a browser, or on a server. */
async function load<T>(version: Version, generate: "client" | "server"): Promise<T & { default: Page }> {
  const { js } = compile(PAGE[version], { name: "Page", generate, runes: version === 5, css: "external" });
  const from = generate === "client" ? "svelte" : "svelte/server";
  return bundle(`${js.code}\nexport * from "${from}";`, generate === "client" ? "browser" : "node");
}

let browser: Record<Version, typeof Svelte & { default: Page }>;
let node: typeof Server & { default: Page };
let server: FakeServer;
let client: Client;
let board: Space;
let page: HTMLElement;
let complaints: unknown[][];

beforeAll(async () => {
  browser = { 4: await load(4, "client"), 5: await load(5, "client") };
  node = await load(5, "server");
}, 60_000);

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  complaints = [];
  for (const level of ["warn", "error"] as const) vi.spyOn(console, level).mockImplementation((...args: unknown[]) => void complaints.push(args));
  server = new FakeServer();
  client = connect(server);
  board = client.space("demo/board", { view: VIEW });
  page = document.createElement("main");
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
  expect(complaints).toEqual([]);
});

const put = (id: string, n: number): void => server.space().write({ op: "put", in: "cards", id, value: { n } });

describe.each([4, 5] as const)("a component in the manner of Svelte %i", (version) => {
  const mount = (make: (n: number) => Store<QueryResult>): { set: (n: number) => void; end: () => Promise<void> } => {
    const { default: component, ...svelte } = browser[version];
    const shown = svelte.mount(component, { target: page, props: { make } });
    svelte.flushSync();
    return { set: (n) => (shown.set(n), svelte.flushSync()), end: () => svelte.unmount(shown) };
  };

  it("shows what there is, and each change of it, and ends with the component", async () => {
    await settle();
    const counted = count(board);
    const { end } = mount(() => queryStore(board, ALL));
    expect(page.textContent).toBe("live");
    put("a", 1);
    await settle();
    expect(page.textContent).toBe("a=1live");
    const first = page.querySelector("li");
    board.put("cards", "b", { n: 2 });
    await settle();
    expect(page.textContent).toBe("a=1b=2live");
    expect(page.querySelector("li")).toBe(first);
    await end();
    await pass(5000);
    expect([counted.open, counted.opened]).toEqual([0, 1]);
  });

  it("follows what its query depends on", async () => {
    put("a", 1);
    put("b", 2);
    await settle();
    const counted = count(board);
    const { set, end } = mount((n) => queryStore(board, { in: "cards", where: { n } }));
    expect(page.textContent).toBe("a=1live");
    set(2);
    expect(page.textContent).toBe("b=2live");
    await pass(5000);
    expect([counted.open, counted.opened]).toEqual([1, 2]);
    await end();
    await pass(5000);
    expect(counted.open).toBe(0);
  });
});

describe("a store", () => {
  it("gives its value at once, then each change, and nothing after the end", async () => {
    const fresh = client.space("demo/fresh", { view: VIEW });
    const seen: string[] = [];
    const end = queryStore(fresh, ALL).subscribe(({ total, status }) => seen.push(`${total} ${status}`));
    expect(seen).toEqual(["0 stale"]);
    await settle();
    fresh.put("cards", "a", { n: 1 });
    expect(seen).toEqual(["0 stale", "0 live", "1 live"]);
    // One that ends while it is told.
    let told = 0;
    const both = [0, 1].map(() => queryStore(fresh, ALL).subscribe(() => told++ > 1 && both.forEach((stop) => stop())));
    expect(told).toBe(2);
    fresh.put("cards", "b", { n: 1 });
    expect(told).toBe(3);
    end();
    await settle();
    expect(seen.slice(3)).toEqual(["2 live"]);
  });

  it("leaves nothing open after a thousand subscriptions", async () => {
    await settle();
    const counted = count(board);
    for (let i = 0; i < 1000; i++) queryStore(board, { in: "cards", where: { n: i % 500 } }).subscribe(() => undefined)();
    expect(counted.opened).toBe(500);
    await pass(5000);
    expect(counted.open).toBe(0);
  });

  it("throws what the query throws", () => {
    expect(() => queryStore(board, { in: "cards", limit: -1 }).subscribe(() => undefined)).toThrow(expect.objectContaining({ code: "bad_query" }) as Error);
  });

  it("is there for an entry, status, pending, rejected and presence", async () => {
    const room = client.space("demo/room", { view: VIEW, presence: true });
    const now: unknown[] = [];
    const stores: Store<unknown>[] = [entryStore(room, "cards", "a"), statusStore(room), statusStore(client), pendingStore(room), rejectedStore(room), presenceStore(room)];
    const ends = stores.map((store, i) => store.subscribe((value) => (now[i] = value)));
    room.put("cards", "a", { n: 1 });
    room.put("cards", "b", { n: 1 }, { if: 3 });
    expect(now).toMatchObject([{ state: "pending" }, { state: "syncing" }, {}, [{}, {}], [], new Map()]);
    const peer = connect(server, { user: "bob" });
    peer.space("demo/room", { view: VIEW, presence: true }).presence.set({ at: 1 });
    await settle();
    expect(now).toMatchObject([{ state: "confirmed" }, { state: "live" }, { state: "live" }, [], [{ outcome: { code: "stale" } }], new Map([["s2", { state: { at: 1 } }]])]);
    for (const end of ends) end();
    peer.close();
  });
});

describe("a page rendered on a server", () => {
  it("leaves nothing open there, and hydrates without a mismatch", async () => {
    put("a", 1);
    await settle();
    const seeds = hydrated(await snapshot(board, [ALL]));
    const make = (): Store<QueryResult> => queryStore(board, ALL, { snapshot: seeds });
    put("b", 2);
    await settle();
    const counted = count(board);
    const { body } = node.render(node.default, { props: { make } });
    expect(body.replace(/<!--.*?-->/g, "")).toBe("<li>a=1</li><b>stale</b>");
    await pass(5000);
    expect(counted.open).toBe(0);
    page.innerHTML = body;
    const first = page.querySelector("li");
    const { default: component, ...svelte } = browser[5];
    const shown = svelte.hydrate(component, { target: page, props: { make } });
    svelte.flushSync();
    expect(page.textContent).toBe("a=1stale");
    await settle();
    expect(page.textContent).toBe("a=1b=2live");
    expect(page.querySelector("li")).toBe(first);
    await svelte.unmount(shown);
  });
});
