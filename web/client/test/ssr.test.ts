// @vitest-environment jsdom
import { act, createElement as h, type ReactNode, StrictMode, Suspense } from "react";
import { hydrateRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Query, Space } from "../src/api.js";
import type { Client, ClientOptions } from "../src/client.js";
import { type Hydrated, hydrated, snapshot, type Snapshot } from "../src/hydrate.js";
import { MemoryDisk, MemoryStore } from "../src/memory.js";
import { SynclineProvider, useEntry, usePending, useQuery, useStatus } from "../src/react.js";
import { queryOf } from "../src/watch.js";
import { count } from "./bindings.js";
import { FakeServer } from "./fake.js";
import { connect, pass, settle, VIEW } from "./harness.js";

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

const ALL: Query = { in: "cards" };

let server: FakeServer;
const clients: Client[] = [];
let node: Space;
let page: HTMLElement;
let root: Root | undefined;
let complaints: unknown[];

const visit = (options: Partial<ClientOptions> = {}): Space => {
  const client = connect(server, options);
  clients.push(client);
  return client.space("demo/board", { view: VIEW });
};
const put = (id: string, n: number): void => server.space().write({ op: "put", in: "cards", id, value: { n } });
/** As it goes through a page. */
const sent = async (...queries: Query[]): Promise<Hydrated> => hydrated(JSON.parse(JSON.stringify(await snapshot(node, queries))) as Snapshot);
const run = (fn: () => unknown): Promise<void> => act(async () => void fn());

beforeEach(async () => {
  vi.useFakeTimers({ now: 1_000_000, toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
  complaints = [];
  vi.spyOn(console, "error").mockImplementation((...args: unknown[]) => void complaints.push(args));
  server = new FakeServer();
  put("a", 1);
  put("b", 2);
  node = visit();
  page = document.createElement("main");
});

afterEach(async () => {
  if (root !== undefined) await run(() => root?.unmount());
  root = undefined;
  for (const client of clients.splice(0)) client.close();
  vi.useRealTimers();
  expect(complaints).toEqual([]);
});

function Rows({ space, query = ALL, suspense = false }: { space: Space; query?: Query; suspense?: boolean }): ReactNode {
  const { rows, total, status } = useQuery(space, query, { suspense });
  return h("ul", null, rows.map(({ id, value, state }) => h("li", { key: id }, `${id}=${String(value["n"])}${state === "pending" ? "*" : ""}`)), h("b", null, `/${total} ${status}`));
}

/** A page with what was rendered on the server, which React takes over. */
async function hydrate(html: string, tree: ReactNode): Promise<void> {
  page.innerHTML = html;
  await run(() => (root = hydrateRoot(page, tree, { onRecoverableError: (error) => complaints.push(error) })));
}

describe("a page rendered on a server", () => {
  it("hydrates from a snapshot, without a mismatch, and goes over to the space", async () => {
    const seeds = await sent(ALL);
    const counted = count(node);
    const tree = (space: Space): ReactNode => h(SynclineProvider, { snapshot: seeds }, h(Rows, { space }));
    const html = renderToString(tree(node));
    expect(html).toContain("<li>a=1</li><li>b=2</li>");
    expect(counted.opened).toBe(0); // nothing is opened for a page that is only rendered
    server.answer = () => true;
    const space = visit();
    await hydrate(html, tree(space));
    const first = page.querySelector("li");
    expect(page.textContent).toBe("a=1b=2/2 stale");
    server.answer = () => false;
    put("c", 3);
    await act(() => pass(60_000)); // it connects anew
    expect(page.textContent).toBe("a=1b=2c=3/3 live");
    expect(page.querySelector("li")).toBe(first); // the server's own node
    expect(queryOf(space, ALL, { snapshot: seeds }).get()).toBe(queryOf(space, ALL).get());
  });

  it("hydrates from a snapshot although the space has got further", async () => {
    const seeds = await sent(ALL);
    const tree = (space: Space): ReactNode => h(SynclineProvider, { snapshot: seeds }, h(Rows, { space }));
    const html = renderToString(tree(node));
    put("c", 3);
    const space = visit();
    await settle();
    await hydrate(html, tree(space));
    expect(page.textContent).toBe("a=1b=2c=3/3 live");
  });

  it("hydrates without a snapshot, and then shows what the space has", async () => {
    await settle();
    const All = ({ space }: { space: Space }): ReactNode => [h(Rows, { key: 1, space }), useStatus(space).state, usePending(space).length, useEntry(space, "cards", "a")?.version];
    node.put("cards", "x", { n: 1 });
    const html = renderToString(h(All, { space: node }));
    expect(html).toContain("loading");
    expect(html).toContain("connecting");
    const space = visit();
    await settle();
    await hydrate(html, h(All, { space }));
    expect(page.textContent).toMatch(/^a=1b=2x=1\/3 livelive01$/);
  });

  it("leaves to the page what would have to wait on the server", async () => {
    const counted = count(node);
    const tree = (space: Space, snapshot?: Hydrated): ReactNode =>
      h(SynclineProvider, { snapshot }, h(Suspense, { fallback: "…" }, h(Rows, { space, suspense: true })));
    expect(renderToString(tree(node))).toContain("…");
    expect(counted.opened).toBe(0);
    const seeds = await sent(ALL);
    expect(renderToString(tree(node, seeds))).toContain("a=1");
    // As a page: the fallback, then the rows. React tells of the error that the server had.
    const html = renderToString(tree(node));
    const space = visit();
    await settle();
    await hydrate(html, tree(space));
    expect(page.textContent).toBe("a=1b=2/2 live");
    expect(String(complaints.splice(0))).toMatch(/getServerSnapshot/);
  });
});

describe("until the space is live", () => {
  const shown = (space: Space, snapshot: Hydrated, query = ALL): string => {
    const { rows, total, status } = queryOf(space, query, { snapshot }).get();
    return `${rows.map(({ id, value, state }) => `${id}=${String(value["n"])}${state === "pending" ? "*" : ""}`).join(" ")}/${total} ${status}`;
  };

  it("a snapshot is shown with what is queued", async () => {
    put("c", 3);
    const [first, some]: Query[] = [{ in: "cards", limit: 2 }, { in: "cards", where: { n: { $gt: 1 } }, sort: [{ n: "desc" }] }];
    const seeds = await sent(ALL, first as Query, some as Query, { in: "cards", skip: 1 }, { in: "cards", fields: ["n"] });
    server.answer = () => true;
    const space = visit();
    expect(shown(space, seeds)).toBe("a=1 b=2 c=3/3 stale");
    const same = queryOf(space, ALL, { snapshot: seeds });
    expect(same.get()).toBe(same.seed);
    space.mutate((tx) => {
      tx.put("cards", "d", { n: 4 });
      tx.patch("cards", "a", { $inc: { n: 10 } });
      tx.patch("cards", "nowhere", { $inc: { n: 1 } });
      tx.delete("cards", "b");
      tx.put("cards", "c", { n: 9 }, { if: 1 }); // it has another version
      tx.put("people", "a", { n: 0 });
    });
    expect(shown(space, seeds)).toBe("a=11* c=3 d=4*/3 stale");
    expect(same.get()).toBe(queryOf(space, ALL, { snapshot: seeds }).get());
    expect(shown(space, seeds, first)).toBe("a=11* d=4*/3 stale"); // what has moved up is not in the snapshot
    expect(shown(space, seeds, some)).toBe("d=4* c=3/2 stale"); // of `a` it is not known
    // What the others make of it only the server knows.
    expect(shown(space, seeds, { in: "cards", skip: 1 })).toBe("b=2 c=3/3 stale");
    expect(shown(space, seeds, { in: "cards", fields: ["n"] })).toBe("a=1 b=2 c=3/3 stale");
    clients.at(-1)?.goOffline();
    expect(shown(space, seeds)).toBe("a=11* c=3 d=4*/3 offline");
  });

  it("tells of what is queued, also where the space itself has nothing to show", async () => {
    const seeds = await sent(ALL);
    server.answer = () => true;
    const space = visit();
    const tree = h(SynclineProvider, { snapshot: seeds }, h(Rows, { space }));
    await hydrate(renderToString(tree), h(StrictMode, null, tree));
    await run(() => space.patch("cards", "a", { $inc: { n: 1 } }));
    expect(page.textContent).toBe("a=2*b=2/2 stale");
  });

  it("an entry is shown with what is queued", async () => {
    const seeds = await sent(ALL);
    server.answer = () => true;
    const space = visit();
    const One = ({ id }: { id: string }): ReactNode => JSON.stringify(useEntry(space, "cards", id)?.value ?? null);
    const tree = h(SynclineProvider, { snapshot: seeds }, h(One, { id: "a" }), h(One, { id: "z" }));
    await hydrate(renderToString(tree), h(StrictMode, null, tree));
    expect(page.textContent).toBe('{"n":1}null');
    await run(() => space.patch("cards", "a", { $inc: { n: 1 } }));
    expect(page.textContent).toBe('{"n":2}null');
    await run(() => space.delete("cards", "a"));
    expect(page.textContent).toBe("nullnull");
  });

  it("the newer of snapshot and disk is shown", async () => {
    const disk = new MemoryDisk();
    const store = async (): Promise<MemoryStore> => new MemoryStore(disk);
    const old = await sent(ALL);
    put("c", 3);
    visit({ store, tabs: false });
    await settle();
    clients.pop()?.close();
    await settle();
    put("d", 4);
    await settle();
    const fresh = await sent(ALL);
    server.answer = () => true;
    const space = visit({ store, tabs: false });
    const query = space.query(ALL);
    expect(shown(space, old)).toBe("a=1 b=2/2 stale");
    await settle();
    expect(query.rows.length).toBe(3);
    expect(shown(space, old)).toBe("a=1 b=2 c=3/3 stale");
    expect(shown(space, fresh)).toBe("a=1 b=2 c=3 d=4/4 stale");
  });
});

describe("a snapshot", () => {
  it("waits until the space is live, and closes its queries", async () => {
    const counted = count(node);
    const made = await snapshot(node, [ALL, { in: "cards", where: { n: 2 }, fields: ["n"] }]);
    expect(made).toEqual({
      form: 1,
      space: "demo/board",
      queries: [
        { name: '{"in":"cards"}', in: "cards", whole: true, total: 2, rows: [["a", 1, { n: 1 }], ["b", 2, { n: 2 }]] },
        { name: '{"fields":["n"],"in":"cards","where":{"n":2}}', in: "cards", whole: false, total: 1, rows: [["b", 2, { n: 2 }]] },
      ],
    });
    expect([counted.open, counted.opened]).toEqual([0, 2]);
    await expect(snapshot(node, [ALL, { in: "cards", limit: -1 }])).rejects.toMatchObject({ code: "bad_query" });
    expect(counted.open).toBe(0);
  });

  it("rejects when it is ended, or the space is", async () => {
    server.answer = () => true;
    const space = visit();
    const ending = new AbortController();
    const ended = expect(snapshot(space, [ALL], { signal: ending.signal })).rejects.toMatchObject({ code: "not_live" });
    ending.abort();
    await ended;
    await expect(snapshot(space, [ALL], { signal: ending.signal })).rejects.toMatchObject({ code: "not_live" });
    const closed = expect(snapshot(space, [ALL])).rejects.toMatchObject({ code: "not_live" });
    space.close();
    await closed;
  });

  it("of another form is refused", () => {
    expect(() => hydrated({ form: 2, space: "demo/board", queries: [] })).toThrow(expect.objectContaining({ code: "bad_snapshot" }) as Error);
  });
});
