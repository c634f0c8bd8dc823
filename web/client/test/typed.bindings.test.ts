// @vitest-environment jsdom
/** Typed spaces in the bindings: what is shown is typed rows and misfits, also where a snapshot of a server stands in for them. */
import { act, createElement as h, type ReactNode } from "react";
import { createRoot, hydrateRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { get } from "svelte/store";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { effectScope, nextTick } from "vue";
import { z } from "zod";
import type { Space } from "../src/api.js";
import type { Client } from "../src/client.js";
import { hydrated, snapshot, type Snapshot } from "../src/hydrate.js";
import { SynclineProvider, useEntry, usePending, useQuery, useStatus } from "../src/react.js";
import type * as Solid from "../src/solid.js";
import { entryStore, pendingStore, queryStore } from "../src/svelte.js";
import { typed } from "../src/typed.js";
import * as vue from "../src/vue.js";
import { bundle } from "./bundle.js";
import { FakeServer } from "./fake.js";
import { connect, settle, VIEW } from "./harness.js";

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

const app = { cards: z.object({ n: z.number(), at: z.string().default("1970-01-01").transform((text) => new Date(text)) }) };
const ALL = { in: "cards", sort: ["n"] } as const;

let server: FakeServer;
let client: Client;
let space: Space;
let root: Root | undefined;
let page: HTMLElement;
let complaints: unknown[][];

beforeEach(async () => {
  vi.useFakeTimers({ now: 1_000_000, toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
  complaints = [];
  vi.spyOn(console, "error").mockImplementation((...args: unknown[]) => void complaints.push(args));
  server = new FakeServer();
  server.space().write({ op: "put", in: "cards", id: "a", value: { n: 1 } });
  server.space().write({ op: "put", in: "cards", id: "b", value: { n: "?" } });
  client = connect(server);
  space = client.space("demo/board", { view: VIEW });
  typed(space, app).onMisfit(() => undefined);
  page = document.createElement("main");
  await settle();
});
afterEach(async () => {
  await act(async () => root?.unmount());
  root = undefined;
  client.close();
  vi.useRealTimers();
  expect(complaints).toEqual([]);
});

function Board({ of }: { of: Space }): ReactNode {
  const board = typed(of, app); // in each render: it is the same
  const { rows, misfits, total } = useQuery(board, ALL);
  const first = useEntry(board, "cards", "a");
  const wrong = useEntry(board, "cards", "b");
  const pending = usePending(board);
  const { state } = useStatus(board);
  const dates = rows.map(({ value }) => `${value.n}@${value.at.getUTCFullYear()}`);
  return `${dates.join()} of ${total}, not ${misfits.map(({ id }) => id).join()}; ${first?.value?.n} ${wrong?.issues?.[0]?.path} ${pending.length} ${state}`;
}

it("React shows them", async () => {
  root = createRoot(page);
  await act(async () => root?.render(h(Board, { of: space })));
  expect(page.textContent).toBe("1@1970 of 2, not b; 1 n 0 live");
  await act(async () => {
    client.goOffline();
    typed(space, app).put("cards", "b", { n: 0, at: "2026-01-01" });
  });
  expect(page.textContent).toBe("0@2026,1@1970 of 2, not ; 1 undefined 1 paused");
});

it("React takes over a page from a server with them", async () => {
  const seeds = hydrated(JSON.parse(JSON.stringify(await snapshot(space, [{ in: "cards", sort: ["n"] }]))) as Snapshot);
  server.answer = () => true;
  const other = connect(server);
  const fresh = other.space("demo/board", { view: VIEW });
  typed(fresh, app).onMisfit(() => undefined);
  const tree = h(SynclineProvider, { snapshot: seeds }, h(Board, { of: fresh }));
  const html = renderToString(tree);
  page.innerHTML = html;
  expect(page.textContent).toBe("1@1970 of 2, not b; 1 n 0 connecting");
  await act(async () => void (root = hydrateRoot(page, tree)));
  expect(page.textContent).toMatch(/^1@1970 of 2, not b; 1 n 0 /);
  await act(async () => void typed(fresh, app).patch("cards", "a", { $inc: { n: 1 } }));
  expect(page.textContent).toMatch(/^2@1970 of 2, not b; 2 n 1 /);
  await act(async () => other.close());
});

it("Vue shows them", async () => {
  const board = typed(space, app);
  const scope = effectScope();
  const [cards, entry, pending] = scope.run(() => [vue.useQuery(board, () => ALL), vue.useEntry(() => board, "cards", "b"), vue.usePending(board)] as const) ?? [];
  expect([cards?.value.rows[0]?.value.at, cards?.value.misfits.length, entry?.value?.issues?.length]).toEqual([new Date(0), 1, 1]);
  board.put("cards", "b", { n: 5 });
  await nextTick();
  expect([cards?.value.rows.length, entry?.value?.value?.n, pending?.value.length]).toEqual([2, 5, 1]);
  scope.stop();
});

it("Svelte shows them", () => {
  const board = typed(space, app);
  const cards = get(queryStore(board, ALL));
  expect([cards.rows[0]?.value.at, cards.misfits.map(({ id }) => id)]).toEqual([new Date(0), ["b"]]);
  expect([get(entryStore(board, "cards", "b"))?.issues?.length, get(pendingStore(board)).length]).toEqual([1, 0]);
});

it("Solid shows them", async () => {
  // Solid is another program in a browser than in Node.
  const solid = await bundle<typeof Solid & { createRoot: typeof import("solid-js").createRoot }>('export * from "../src/solid.js"; export { createRoot } from "solid-js";', "browser");
  const board = typed(space, app);
  solid.createRoot((dispose) => {
    const cards = solid.createQuery(board, ALL);
    const entry = solid.createEntry(() => board, "cards", "b");
    expect([cards().rows[0]?.value.at, cards().misfits.length, entry()?.issues?.length]).toEqual([new Date(0), 1, 1]);
    board.put("cards", "b", { n: 5 });
    expect([cards().rows.length, cards().misfits.length, entry()?.value?.n]).toEqual([2, 0, 5]);
    dispose();
  });
});
