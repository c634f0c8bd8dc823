// @vitest-environment jsdom
import { act, Component, createElement as h, type ReactNode, startTransition, StrictMode, Suspense, useLayoutEffect, useState } from "react";
import { flushSync } from "react-dom";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Entry, Query, QueryResult, Space, SpaceOptions, Status } from "../src/api.js";
import type { Client } from "../src/client.js";
import { MemoryDisk, MemoryStore } from "../src/memory.js";
import { SynclineProvider, useEntry, usePending, usePresence, useQuery, useRejected, useSpace, useStatus } from "../src/react.js";
import type { Store } from "../src/store.js";
import { count } from "./bindings.js";
import { FakeServer } from "./fake.js";
import { connect, pass, settle, VIEW } from "./harness.js";

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

const ALL: Query = { in: "cards" };
/** More than what the bindings keep open for who may come back. */
const LONG = 5000;

let server: FakeServer;
let client: Client;
let board: Space;
let root: Root;
let page: HTMLElement;
let complaints: unknown[][];

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000, toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
  complaints = [];
  vi.spyOn(console, "error").mockImplementation((...args: unknown[]) => void complaints.push(args));
  server = new FakeServer();
  client = connect(server);
  board = client.space("demo/board", { view: VIEW });
  page = document.createElement("main");
  root = createRoot(page);
});

afterEach(async () => {
  await act(async () => root.unmount());
  client.close();
  vi.useRealTimers();
  expect(complaints).toEqual([]);
});

/** Caught errors are no complaint. */
const quiet = (): void => {
  page = document.createElement("main");
  root = createRoot(page, { onCaughtError: () => undefined });
};
/** Renders, and returns what is shown before anything else can happen. */
const showNow = async (node: ReactNode): Promise<string | null> => {
  let first: string | null = null;
  await act(async () => {
    flushSync(() => root.render(node));
    first = page.textContent;
  });
  return first;
};
const run = (fn: () => unknown): Promise<void> => act(async () => void fn());
const show = (node: ReactNode): Promise<void> => act(async () => root.render(node));
const settled = (): Promise<void> => act(settle);
const later = (ms = LONG): Promise<void> => act(() => pass(ms));
const put = (id: string, n: number): void => server.space().write({ op: "put", in: "cards", id, value: { n } });

function Rows({ space, query, suspense = false, seen }: { space: Space; query: Query; suspense?: boolean; seen?: QueryResult[] }): ReactNode {
  const result = useQuery(space, { ...query }, { suspense });
  seen?.push(result);
  return result.rows.map(({ id, value }) => `${id}=${String(value["n"])}`).join(" ") + ` ${result.status}`;
}

class Catch extends Component<{ children?: ReactNode }, { error?: unknown }> {
  override state: { error?: unknown } = {};
  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }
  override render(): ReactNode {
    return this.state.error === undefined ? this.props.children : String((this.state.error as { code?: string }).code);
  }
}

describe("useQuery", () => {
  it("shows what there is, and each change of it", async () => {
    const fresh = client.space("demo/fresh", { view: VIEW });
    expect(await showNow(h(Rows, { space: fresh, query: ALL }))).toBe(" stale");
    await settled();
    expect(page.textContent).toBe(" live");
    server.space("demo/fresh").write({ op: "put", in: "cards", id: "a", value: { n: 1 } });
    await settled();
    expect(page.textContent).toBe("a=1 live");
    act(() => void fresh.put("cards", "b", { n: 2 }));
    expect(page.textContent).toBe("a=1 b=2 live");
    await settled();
    expect(page.textContent).toBe("a=1 b=2 live");
  });

  it("gives the same object as long as nothing has changed, whatever literal asks", async () => {
    const seen: QueryResult[] = [];
    const counted = count(board);
    await settled();
    await show(h(Rows, { space: board, query: { in: "cards", where: { n: 1 } }, seen }));
    put("b", 2); // no match
    await settled();
    await show(h(Rows, { space: board, query: { where: { n: 1 }, in: "cards" }, seen }));
    expect(seen.length).toBe(2);
    expect(seen[1]).toBe(seen[0]);
    expect(counted.opened).toBe(1);
  });

  it("asks anew for another query, another space, and closes what nobody asks", async () => {
    const other = client.space("demo/other", { view: VIEW });
    const [here, there] = [count(board), count(other)];
    put("a", 1);
    put("b", 2);
    await settled();
    other.put("cards", "c", { n: 3 });
    await show(h(Rows, { space: board, query: { in: "cards", where: { n: 1 } } }));
    expect(page.textContent).toBe("a=1 live");
    await show(h(Rows, { space: board, query: { in: "cards", where: { n: 2 } } }));
    expect(page.textContent).toBe("b=2 live");
    await later();
    expect([here.open, here.opened]).toEqual([1, 2]);
    await show(h(Rows, { space: other, query: ALL }));
    expect(page.textContent).toBe("c=3 live");
    await later();
    expect([here.open, there.open]).toEqual([0, 1]);
  });

  it("opens one query for all that ask the same", async () => {
    const counted = count(board);
    const both = [h(Rows, { key: 1, space: board, query: ALL }), h(Rows, { key: 2, space: board, query: ALL })];
    await show(both);
    await show(both[1]);
    await later();
    put("a", 1);
    await settled();
    expect(page.textContent).toBe("a=1 live");
    expect([counted.open, counted.opened]).toEqual([1, 1]);
  });

  it("opens one query in StrictMode, and closes it", async () => {
    const counted = count(board);
    await show(h(StrictMode, null, h(Rows, { space: board, query: ALL })));
    await later();
    expect([counted.open, counted.opened]).toEqual([1, 1]);
    put("a", 1);
    await settled();
    expect(page.textContent).toBe("a=1 live");
    await show(null);
    await later();
    expect(counted.open).toBe(0);
  });

  it("leaves nothing open after a thousand mounts", async () => {
    const counted = count(board);
    await settled();
    for (let i = 0; i < 500; i++) {
      await show(h(Rows, { space: board, query: ALL }));
      await show(null);
    }
    expect(counted.opened).toBe(1);
    for (let i = 0; i < 500; i++) {
      await show(h(Rows, { space: board, query: { in: "cards", where: { n: i } } }));
      await show(null);
    }
    expect(counted.opened).toBe(501);
    await later();
    expect(counted.open).toBe(0);
    expect(vi.getTimerCount()).toBe(1); // the client's
  });

  it("renders no more once it is unmounted", async () => {
    const seen: QueryResult[] = [];
    await settled();
    await show(h(Rows, { space: board, query: ALL, seen }));
    const before = seen.length;
    await show(null);
    put("a", 1);
    await settled();
    await later();
    expect(seen.length).toBe(before);
  });

  it("throws what the query throws", async () => {
    quiet();
    await show(h(Catch, null, h(Rows, { space: board, query: { in: "cards", limit: -1 } })));
    expect(page.textContent).toBe("bad_query");
  });

  it("never shows two states at once, if the data changes while a tree is rendered", async () => {
    await settled();
    board.put("cards", "a", { n: 0 });
    await settled();
    const torn: string[][] = [];
    let commits = 0;
    let rendered = 0;
    let write = false;
    const Leaf = ({ at }: { at: number }): ReactNode => {
      const shown = useQuery(board, ALL).rows[0]?.value["n"];
      rendered++;
      // A component that takes long: in the middle of the tree the data changes.
      if (write && at === 5) {
        write = false;
        board.put("cards", "a", { n: 1 });
      }
      return h("i", null, String(shown));
    };
    const Tree = ({ size }: { size: number }): ReactNode => {
      useLayoutEffect(() => {
        commits++;
        const shown = [...page.querySelectorAll("i")].map((leaf) => leaf.textContent ?? "");
        if (new Set(shown).size > 1) torn.push(shown);
      });
      return Array.from({ length: size }, (_, at) => h(Leaf, { key: at, at }));
    };
    let grow: (size: number) => void = () => undefined;
    const Growing = (): ReactNode => {
      const [size, set] = useState(0);
      grow = set;
      return h(Tree, { size });
    };
    await show(h(Growing));
    write = true;
    await act(async () => startTransition(() => grow(10)));
    expect(page.textContent).toBe("1".repeat(10));
    expect(torn).toEqual([]);
    expect(commits).toBeGreaterThan(1);
    expect(rendered).toBeGreaterThan(10); // the first try was thrown away
  });
});

describe("suspense", () => {
  let opened: (store: Store) => void;
  let slow: Client;
  let space: Space;

  beforeEach(() => {
    const store = new Promise<Store>((resolve) => (opened = resolve));
    slow = connect(server, { store: () => store, tabs: false });
    space = slow.space("demo/other", { view: VIEW });
  });
  afterEach(() => run(() => slow.close()));

  const waiting = (): ReactNode => h(Suspense, { fallback: "…" }, h(Rows, { space, query: ALL, suspense: true }));

  it("waits for the disk, however long that takes, with one query", async () => {
    const counted = count(space);
    await show(h(StrictMode, null, waiting()));
    expect(page.textContent).toBe("…");
    await later();
    expect(page.textContent).toBe("…");
    opened(new MemoryStore(new MemoryDisk()));
    await settled();
    expect(page.textContent).toMatch(/ (stale|live)$/);
    await later();
    expect([counted.open, counted.opened]).toEqual([1, 1]);
    await show(null);
    await later();
    expect(counted.open).toBe(0);
  });

  it("waits for an entry, too, and not for one that is not there", async () => {
    const One = (): ReactNode => String(useEntry(space, "cards", "a", { suspense: true })?.version);
    await show(h(Suspense, { fallback: "…" }, h(One)));
    expect(page.textContent).toBe("…");
    opened(new MemoryStore(new MemoryDisk()));
    await settled();
    expect(page.textContent).toBe("undefined");
  });

  it("leaves nothing open for a component that never came", async () => {
    const counted = count(space);
    await show(waiting());
    await show(null);
    opened(new MemoryStore(new MemoryDisk()));
    await later();
    await later();
    expect([counted.open, counted.opened]).toEqual([0, 1]);
  });

  it("ends when the space is closed", async () => {
    await show(waiting());
    await act(async () => slow.close());
    await settled();
    expect(page.textContent).toBe(" loading");
    await show(null);
    await later();
  });

  it("does not wait where it is not asked to, nor for what is there", async () => {
    await show(h(Rows, { space, query: ALL }));
    expect(page.textContent).toBe(" loading");
    const fresh = client.space("demo/fresh", { view: VIEW });
    expect(await showNow(h(Suspense, { fallback: "…" }, h(Rows, { space: fresh, query: ALL, suspense: true })))).toBe(" stale");
  });

  it("keeps the old page in a transition to a query that must wait", async () => {
    let go: () => void = () => undefined;
    const Switch = (): ReactNode => {
      const [at, set] = useState(board);
      go = () => set(space);
      return h(Rows, { space: at, query: ALL, suspense: true });
    };
    put("a", 1);
    server.space("demo/other").write({ op: "put", in: "cards", id: "b", value: { n: 2 } });
    await settled();
    await show(h(Suspense, { fallback: "…" }, h(Switch)));
    await act(async () => startTransition(go));
    expect(page.textContent).toBe("a=1 live");
    opened(new MemoryStore(new MemoryDisk()));
    await later();
    expect(page.textContent).toBe("b=2 live");
  });
});

describe("other hooks", () => {
  it("useEntry shows one entry, and renders for no other", async () => {
    const seen: (Entry | undefined)[] = [];
    const One = ({ id }: { id: string }): ReactNode => {
      const entry = useEntry(board, "cards", id);
      seen.push(entry);
      return entry === undefined ? "none" : `${String(entry.value["n"])} ${entry.state}`;
    };
    const counted = count(board);
    await settled();
    await show(h(One, { id: "a" }));
    expect(page.textContent).toBe("none");
    put("a", 1);
    await settled();
    expect(page.textContent).toBe("1 confirmed");
    const before = seen.length;
    put("b", 7);
    await settled();
    expect(seen.length).toBe(before);
    act(() => void board.patch("cards", "a", { $inc: { n: 1 } }));
    expect(page.textContent).toBe("2 pending");
    await show(h(One, { id: "b" }));
    expect(page.textContent).toBe("7 confirmed");
    expect(counted.opened).toBe(1);
    await show(null);
    await later();
    expect(counted.open).toBe(0);
  });

  it("status, pending, rejected and presence", async () => {
    const room = client.space("demo/room", { view: VIEW, presence: true });
    const seen: Status[] = [];
    const All = (): ReactNode => {
      seen.push(useStatus(room));
      return JSON.stringify([useStatus(client).state, usePending(room).length, useRejected(room).map(({ outcome }) => outcome.code), usePresence(room).size]);
    };
    expect(await showNow(h(All))).toBe('["syncing",0,[],0]');
    await settled();
    expect(page.textContent).toBe('["live",0,[],0]');
    act(() => void room.put("cards", "a", { n: 1 }, { if: 5 }));
    expect(page.textContent).toBe('["live",1,[],0]');
    await settled();
    expect(page.textContent).toBe('["live",0,["stale"],0]');
    const peer = connect(server, { user: "bob" });
    peer.space("demo/room", { view: VIEW, presence: true }).presence.set({ at: 1 });
    await settled();
    expect(page.textContent).toBe('["live",0,["stale"],1]');
    expect(seen.at(-1)).toBe(room.status);
    await run(() => peer.close());
    expect(page.textContent).toBe('["live",0,["stale"],0]');
  });
});

describe("useSpace", () => {
  function Board({ path = "demo/team", options = { view: VIEW } }: { path?: string; options?: SpaceOptions }): ReactNode {
    return h(Rows, { space: useSpace(path, { ...options }), query: ALL });
  }
  const within = (...children: ReactNode[]): ReactNode => h(SynclineProvider, { client }, ...children);
  const paths = (): string[] => client.spaces.map(({ path }) => path);

  it("opens a space, once, and closes it after its last user", async () => {
    await show(h(StrictMode, null, within(h(Board), h(Board))));
    await settled();
    expect(page.textContent).toBe(" live live");
    await later();
    expect(paths()).toEqual(["demo/board", "demo/team"]);
    await show(within(h(Board)));
    await later();
    expect(paths()).toEqual(["demo/board", "demo/team"]);
    await show(null);
    await later();
    expect(paths()).toEqual(["demo/board"]);
  });

  it("leaves open what was open", async () => {
    await show(within(h(Board, { path: "demo/board" })));
    await show(null);
    await later();
    expect(paths()).toEqual(["demo/board"]);
    expect(board.status.state).toBe("live");
  });

  it("closes nothing that has something to send", async () => {
    await show(within(h(Board)));
    await settled();
    await run(() => client.goOffline());
    const team = client.space("demo/team", { view: VIEW });
    await run(() => team.put("cards", "a", { n: 1 }));
    await show(null);
    await later(60_000);
    expect(paths()).toEqual(["demo/board", "demo/team"]);
    await run(() => client.goOnline());
    await later(60_000);
    expect(paths()).toEqual(["demo/board"]);
    expect(server.space("demo/team").visible(VIEW)).toEqual({ "cards/a": { n: 1 } });
  });

  it("changes the view for a user who is alone", async () => {
    server.space("demo/team").write({ op: "put", in: "cards", id: "a", value: { n: 1 } }, { op: "put", in: "cards", id: "b", value: { n: 2 } });
    const some = (n: number): SpaceOptions => ({ view: [{ in: "cards", where: { n } }] });
    await show(within(h(Board, { options: some(1) })));
    await settled();
    expect(page.textContent).toBe("a=1 live");
    await show(within(h(Board, { options: some(2) })));
    await settled();
    expect(page.textContent).toBe("b=2 live");
    // Both at once go over to another view together, too.
    await show(within(h(Board, { key: 1, options: some(2) }), h(Board, { key: 2, options: some(2) })));
    await show(within(h(Board, { key: 1, options: some(1) }), h(Board, { key: 2, options: some(1) })));
    await settled();
    expect(page.textContent).toBe("a=1 livea=1 live");
  });

  it("throws for a view that differs from that of others, and without a client", async () => {
    quiet();
    const other = h(Board, { options: { view: [{ in: "people" }] } });
    await show(within(h(Board), h(Catch, null, other)));
    await settled();
    expect(page.textContent).toBe(" liveview_differs");
    await show(null);
    await show(h(Catch, null, h(Board)));
    expect(page.textContent).toBe("no_client");
  });

  it("opens a space anew that the application has closed", async () => {
    await show(within(h(Board)));
    await settled();
    await run(() => client.space("demo/team", { view: VIEW }).close());
    await show(null);
    await show(within(h(Board)));
    await settled();
    expect(page.textContent).toBe(" live");
    await later();
    expect(paths()).toContain("demo/team");
  });
});
