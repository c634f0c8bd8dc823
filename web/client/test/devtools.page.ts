/** What devtools.page.html runs: a client of a server in memory, its devtools, and counts of what they hold. */
import type { Doc, LiveQuery, Op, Space } from "../src/api.js";
import { Client } from "../src/client.js";
import { defineDevtools, mountDevtools } from "../src/devtools.js";
import { type FakeLink, FakeServer } from "./fake.js";

const server = new FakeServer();

/** What is held now: subscriptions to the client and its spaces, open queries, listeners of window and document. And how often presence was read: once a drawing of the overview. */
const counts = { subscriptions: 0, queries: 0, listeners: 0, drawings: 0 };

function counted(end: () => void): () => void {
  counts.subscriptions++;
  return () => {
    counts.subscriptions--;
    end();
  };
}

/** Counts what is taken from a client or space, and given back. */
function watched<T extends Client | Space>(what: T): T {
  const subscribe = what.subscribe.bind(what);
  what.subscribe = (fn) => counted(subscribe(fn));
  if (what instanceof Client) return what;
  const space: Space = what;
  const { presence } = space;
  const onEvent = space.onEvent.bind(space);
  const query = space.query.bind(space);
  space.onEvent = (fn) => counted(onEvent(fn));
  space.query = (wanted): LiveQuery => {
    const live = query(wanted);
    const close = live.close.bind(live);
    counts.queries++;
    live.close = () => {
      counts.queries--;
      close();
    };
    return live;
  };
  Object.defineProperty(space, "presence", {
    get: () => {
      counts.drawings++;
      return presence;
    },
  });
  return what;
}

for (const target of [window, document]) {
  const add = target.addEventListener.bind(target) as EventTarget["addEventListener"];
  const remove = target.removeEventListener.bind(target) as EventTarget["removeEventListener"];
  target.addEventListener = (...args: Parameters<typeof add>) => {
    counts.listeners++;
    add(...args);
  };
  target.removeEventListener = (...args: Parameters<typeof remove>) => {
    counts.listeners--;
    remove(...args);
  };
}

function connect(): Client {
  return watched(new Client({ url: "http://fake", user: "ada", store: "memory" }, server.dials()));
}

function open(client: Client, path = "demo/board", collections: readonly string[] = ["cards"]): Space {
  return watched(client.space(path, { view: collections.map((name) => ({ in: name })) }));
}

/** Puts entries into the server before anybody looks. */
function fill(n: number, value: (i: number) => Doc, path = "demo/board", collection = "cards"): void {
  const space = server.space(path);
  space.seq++;
  for (let i = 0; i < n; i++) space.data.set(`${collection}/c${String(i).padStart(6, "0")}`, { version: space.seq, value: value(i) });
}

/** Lets everything happen that needs no time to pass: the fake server and the client in memory only use microtasks. */
async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

/** Resolves when the space is up to date. */
function live(): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (lab.space.status.state !== "live") return;
      end();
      resolve();
    };
    const end = lab.space.subscribe(look);
    look();
  });
}

/** Says that the page is visible or not. */
function visible(is: boolean): void {
  Object.defineProperty(document, "visibilityState", { configurable: true, get: () => (is ? "visible" : "hidden") });
  document.dispatchEvent(new Event("visibilitychange"));
}

/** All elements of the devtools. */
function elements(): HTMLElement[] {
  return [...document.querySelectorAll("*")].flatMap(({ shadowRoot }) => (shadowRoot === null ? [] : [...shadowRoot.querySelectorAll<HTMLElement>("*")]));
}

const nodes = (): number => elements().length;
const tags = (): string => elements().map(({ tagName }) => tagName).join(" ");

/** Elements that are too narrow for what is in them, and do not cut it off on purpose. */
function overflow(): string[] {
  return elements()
    .filter((node) => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0 && getComputedStyle(node).overflowX !== "hidden" && getComputedStyle(node).display !== "inline")
    .map((node) => `${node.tagName} ${node.className} ${node.textContent?.slice(0, 40) ?? ""}`);
}

/** The cells of the time line: how wide they are inside, how wide their longest word is, and how many lines they have. */
function cells(): { text: string; width: number; word: number; lines: number; cut: boolean }[] {
  const pen = document.createElement("canvas").getContext("2d");
  if (pen === null) throw new Error("no canvas");
  return elements()
    .filter((node): node is HTMLTableCellElement => node instanceof HTMLTableCellElement)
    .map((cell) => {
      const { font, paddingLeft, paddingRight, lineHeight, paddingTop, paddingBottom, textOverflow, whiteSpace } = getComputedStyle(cell);
      pen.font = font;
      const text = cell.textContent ?? "";
      return {
        text,
        width: cell.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight),
        word: Math.max(...text.split(/\s+/).map((word) => pen.measureText(word).width)),
        // The tallest cell of a row makes the others as high: what counts is the text's own height.
        lines: (textHeight(cell) || 1) / (parseFloat(lineHeight) || parseFloat(paddingTop) + parseFloat(paddingBottom) + 16),
        cut: textOverflow === "ellipsis" && whiteSpace === "nowrap",
      };
    });
}

function textHeight(node: Node): number {
  const range = document.createRange();
  range.selectNodeContents(node);
  return range.getBoundingClientRect().height;
}

/** The parts of a computed colour, 0 to 255, the last one of 0 to 1. */
function parts(colour: string): [number, number, number, number] {
  const [r = 0, g = 0, b = 0, a = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return [r, g, b, a];
}

function luminance(colour: string): number {
  const [r, g, b] = parts(colour).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4)) as [number, number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Every text of the devtools and its contrast to the nearest background that is not transparent. */
function contrasts(): { text: string; ratio: number }[] {
  const texts: { text: string; ratio: number }[] = [];
  for (const node of elements()) {
    const text = [...node.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE).map(({ data }: ChildNode & { data?: string }) => data ?? "").join("");
    if (text.trim() === "") continue;
    let behind: Element | null = node;
    while (behind !== null && parts(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
    if (behind === null) throw new Error(`nothing is behind ${text}`);
    const [low = 0, high = 0] = [luminance(getComputedStyle(node).color), luminance(getComputedStyle(behind).backgroundColor)].sort((a, b) => a - b);
    texts.push({ text, ratio: (high + 0.05) / (low + 0.05) });
  }
  return texts;
}

/** Does what the server was kept from doing with a push. */
function push(message: { readonly [name: string]: unknown }, link: FakeLink): void {
  const space = server.space(message["space"] as string);
  const client = space.members.get(link)?.client;
  const muts = message["muts"] as readonly { readonly id: number; readonly ops: readonly Op[] }[];
  link.tell({ t: "ack", space: space.path, outcomes: muts.map(({ id, ops }) => space.commit(ops, client, id)) });
  space.broadcast();
}

const lab = {
  server, counts, connect, open, fill, mountDevtools, defineDevtools, settle, live, visible, nodes, tags, overflow, cells, contrasts, push,
  client: undefined as unknown as Client,
  space: undefined as unknown as Space,
  unmount: (): void => undefined,
  keys: [] as string[],
};

declare global {
  interface Window {
    lab: typeof lab;
  }
}

window.lab = lab;
