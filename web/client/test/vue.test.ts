// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type App, createApp, createSSRApp, defineComponent, effectScope, h, nextTick, reactive, type Ref, ref, shallowRef, type VNodeChild } from "vue";
import { renderToString } from "vue/server-renderer";
import type { Query, Space } from "../src/api.js";
import type { Client } from "../src/client.js";
import { type Hydrated, hydrated, snapshot } from "../src/hydrate.js";
import { useEntry, usePending, usePresence, useQuery, useRejected, useStatus } from "../src/vue.js";
import { count } from "./bindings.js";
import { FakeServer } from "./fake.js";
import { connect, pass, settle, VIEW } from "./harness.js";

const ALL: Query = { in: "cards" };

let server: FakeServer;
let client: Client;
let board: Space;
let page: HTMLElement;
let app: App | undefined;
let complaints: unknown[][];

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
  app?.unmount();
  app = undefined;
  client.close();
  vi.useRealTimers();
  expect(complaints).toEqual([]);
});

const put = (id: string, n: number): void => server.space().write({ op: "put", in: "cards", id, value: { n } });
const component = (setup: () => () => VNodeChild): ReturnType<typeof defineComponent> => defineComponent({ setup });
const mount = (setup: () => () => VNodeChild): void => void (app = createApp(component(setup))).mount(page);
const text = ({ rows, status }: { rows: Space["rejected"] | readonly { id: string; value: Record<string, unknown> }[]; status: string }): string =>
  rows.map((row) => ("value" in row ? `${row.id}=${String(row.value["n"])}` : row.id)).join(" ") + ` ${status}`;

describe("useQuery", () => {
  it("shows what there is, and each change of it, and ends with the component", async () => {
    const counted = count(board);
    let renders = 0;
    mount(() => {
      const cards = useQuery(board, ALL);
      return () => (renders++, text(cards.value));
    });
    expect(page.textContent).toMatch(/^ (stale|live)$/);
    await settle();
    expect(page.textContent).toBe(" live");
    put("a", 1);
    await settle();
    expect(page.textContent).toBe("a=1 live");
    board.put("cards", "b", { n: 2 });
    await nextTick();
    expect(page.textContent).toBe("a=1 b=2 live");
    await settle();
    app?.unmount();
    app = undefined;
    const before = renders;
    put("c", 3);
    await settle();
    await pass(5000);
    expect(renders).toBe(before);
    expect([counted.open, counted.opened]).toEqual([0, 1]);
  });

  it("follows refs, getters and reactive objects", async () => {
    put("a", 1);
    put("b", 2);
    await settle();
    const counted = count(board);
    const other = client.space("demo/other", { view: VIEW });
    other.put("cards", "c", { n: 2 });
    const n = ref(1);
    const where = reactive({ n: 1 });
    const space = ref(board) as Ref<Space>; // not shallow: a proxy, as it happens
    mount(() => {
      const one = useQuery(space, () => ({ in: "cards", where: { n: n.value } }));
      const two = useQuery(() => space.value, { in: "cards", where });
      const three = useQuery(space, shallowRef({ in: "cards", where: { n: 2 } }));
      return () => [text(one.value), "|", text(two.value), "|", text(three.value)];
    });
    expect(page.textContent).toBe("a=1 live|a=1 live|b=2 live");
    expect(counted.opened).toBe(2);
    n.value = where.n = 2;
    await nextTick();
    expect(page.textContent).toBe("b=2 live|b=2 live|b=2 live");
    await pass(5000);
    expect([counted.open, counted.opened]).toEqual([1, 2]);
    space.value = other;
    await nextTick();
    expect(page.textContent).toBe("c=2 live|c=2 live|c=2 live");
    await pass(5000);
    expect(counted.open).toBe(0);
  });

  it("gives the same object as long as nothing has changed", async () => {
    await settle();
    const scope = effectScope();
    const n = ref(1);
    const cards = scope.run(() => useQuery(board, () => ({ in: "cards", limit: n.value > 0 ? 1 : 2 })));
    const before = cards?.value;
    n.value = 7;
    await nextTick();
    expect(cards?.value).toBe(before);
    scope.stop();
  });

  it("leaves nothing open after a thousand scopes", async () => {
    await settle();
    const counted = count(board);
    for (let i = 0; i < 1000; i++) {
      const scope = effectScope();
      scope.run(() => useQuery(board, { in: "cards", where: { n: i % 500 } }));
      scope.stop();
    }
    expect(counted.opened).toBe(500);
    await pass(5000);
    expect(counted.open).toBe(0);
  });

  it("throws what the query throws", () => {
    expect(() => effectScope().run(() => useQuery(board, { in: "cards", limit: -1 }))).toThrow(expect.objectContaining({ code: "bad_query" }) as Error);
  });
});

describe("the others", () => {
  it("show an entry, status, pending, rejected and presence", async () => {
    const room = client.space("demo/room", { view: VIEW, presence: true });
    const id = ref("a");
    mount(() => {
      const entry = useEntry(room, "cards", id);
      const status = useStatus(room);
      const all = useStatus(client);
      const pending = usePending(room);
      const rejected = useRejected(room);
      const peers = usePresence(room);
      return () => JSON.stringify([entry.value?.state, status.value.state, all.value.state, pending.value.length, rejected.value.length, peers.value.size]);
    });
    await settle();
    expect(page.textContent).toBe('[null,"live","live",0,0,0]');
    room.put("cards", "a", { n: 1 });
    room.put("cards", "b", { n: 1 }, { if: 3 });
    await nextTick();
    expect(page.textContent).toBe('["pending","live","live",2,0,0]');
    const peer = connect(server, { user: "bob" });
    peer.space("demo/room", { view: VIEW, presence: true }).presence.set({ at: 1 });
    await settle();
    expect(page.textContent).toBe('["confirmed","live","live",0,1,1]');
    id.value = "b";
    await nextTick();
    expect(page.textContent).toBe('[null,"live","live",0,1,1]');
    peer.close();
  });
});

describe("a page rendered on a server", () => {
  const Page = (space: Space, seeds?: Hydrated): ReturnType<typeof defineComponent> =>
    component(() => {
      const cards = useQuery(space, ALL, { snapshot: seeds });
      const status = useStatus(space);
      return () => [h("p", text(cards.value)), h("b", status.value.state)];
    });

  it("hydrates without a snapshot, and then shows what the space has", async () => {
    put("a", 1);
    await settle();
    const html = await renderToString(createSSRApp(Page(board)));
    page.innerHTML = html;
    (app = createSSRApp(Page(board))).mount(page);
    await nextTick();
    expect(page.textContent).toBe("a=1 livelive");
  });

  it("opens nothing there, and hydrates without a mismatch", async () => {
    put("a", 1);
    await settle();
    const seeds = hydrated(await snapshot(board, [ALL]));
    const counted = count(board);
    const html = await renderToString(createSSRApp(Page(board, seeds)));
    expect(html).toBe("<!--[--><p>a=1 stale</p><b>connecting</b><!--]-->");
    expect(await renderToString(createSSRApp(Page(board)))).toContain("<p> loading</p>");
    expect(counted.opened).toBe(0);
    put("b", 2);
    const visitor = connect(server);
    const space = visitor.space("demo/board", { view: VIEW });
    page.innerHTML = html;
    const first = page.querySelector("p");
    (app = createSSRApp(Page(space, seeds))).mount(page);
    await settle();
    expect(page.textContent).toBe("a=1 b=2 livelive");
    expect(page.querySelector("p")).toBe(first);
    app.unmount();
    app = undefined;
    // Also where the page knows more already.
    page.innerHTML = html;
    (app = createSSRApp(Page(space, seeds))).mount(page);
    await nextTick();
    expect(page.textContent).toBe("a=1 b=2 livelive");
    visitor.close();
  });
});
