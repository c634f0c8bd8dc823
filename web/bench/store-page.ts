/** What store.mjs runs in Chromium: the client's store against one IndexedDB value for each entry. */
import type { Entry } from "../client/src/api.js";
import { Archive } from "../client/src/archive.js";
import { Client } from "../client/src/client.js";
import { openIndexedDB } from "../client/src/indexeddb.js";
import { EPOCH } from "../client/src/vault.js";

const URL = "http://bench.invalid";
const NAME = `syncline/2/${URL}/bench`;
const PATH = "bench/rows";

/** Records of some 200 bytes, as in `go run ./bench`; with `noise`, of text that does not compress. */
function rows(count: number, noise: boolean): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const lorem = "lorem ipsum dolor sit amet consectetur ".repeat(3);
  const random = (): string => Array.from({ length: 12 }, () => Math.random().toString(36).slice(2, 12)).join("");
  for (let i = 0; i < count; i++) {
    const id = `r${String(i).padStart(8, "0")}`;
    const value = { title: `Record number ${i}`, rank: (i * 7919) % count, done: i % 3 === 0, text: noise ? random() : lorem };
    entries.set(id, { collection: "items", id, version: i + 1, value, state: "confirmed" });
  }
  return entries;
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

function opened(request: IDBOpenDBRequest): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    request.onupgradeneeded = () => request.result.createObjectStore("rows", { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function removed(name: string): Promise<void> {
  await new Promise((resolve) => (indexedDB.deleteDatabase(name).onsuccess = resolve));
}

const page = {
  /** Milliseconds to write a fresh sync. */
  async write([count, noise]: readonly [count: number, noise: boolean]): Promise<{ ours: number; floor: number }> {
    await removed(NAME);
    await removed("floor");
    const entries = rows(count, noise);
    const store = await openIndexedDB(NAME);
    const archive = new Archive(store, PATH + "\0a");
    await archive.open();
    let begun = performance.now();
    const changes = archive.replace(1, `${count}-x`, [{ in: "items" }], new Map([["items", entries]]));
    await store.update([], () => changes);
    const ours = performance.now() - begun;
    await store.update([], () => ({ put: [[EPOCH, "1"]] }));
    await store.close();
    const floor = await opened(indexedDB.open("floor", 1));
    begun = performance.now();
    const transaction = floor.transaction("rows", "readwrite", { durability: "relaxed" });
    for (const entry of entries.values()) transaction.objectStore("rows").put(entry);
    await done(transaction);
    const took = performance.now() - begun;
    floor.close();
    return { ours, floor: took };
  },

  /**
   * Milliseconds from nothing until all rows are there and the first 50 are shown, by id or by a field (for which every record is looked
   * at); and until 50 are shown first, be they those of the lowest ids.
   */
  async open(sort: readonly string[]): Promise<{ first: number; all: number; rows: number }> {
    const begun = performance.now();
    const client = new Client({ url: URL, user: "bench", transports: [], tabs: false });
    const space = client.space(PATH, { view: [{ in: "items" }] });
    const query = space.query({ in: "items", limit: 50, sort });
    const first = await new Promise<number>((resolve) => {
      const look = (): void => {
        if (query.rows.length === 50) resolve(performance.now() - begun);
      };
      query.subscribe(look);
      look();
    });
    await query.ready;
    const all = performance.now() - begun;
    const { total } = query;
    client.close();
    return { first, all, rows: total };
  },

  /** The same with a value for each entry, which are in the order of ids then; and until they are in that of `rank`. */
  async floor(): Promise<{ all: number; sorted: number; rows: number }> {
    const begun = performance.now();
    const db = await opened(indexedDB.open("floor", 1));
    const map = new Map<string, Entry>();
    await new Promise<void>((resolve, reject) => {
      const request = db.transaction("rows").objectStore("rows").getAll() as IDBRequest<Entry[]>;
      request.onsuccess = () => {
        for (const entry of request.result) map.set(entry.id, entry);
        resolve();
      };
      request.onerror = () => reject(request.error);
    });
    const all = performance.now() - begun;
    [...map.values()].sort((a, b) => (a.value["rank"] as number) - (b.value["rank"] as number));
    const sorted = performance.now() - begun;
    db.close();
    return { all, sorted, rows: map.size };
  },
};

declare global {
  interface Window {
    bench: typeof page;
  }
}
window.bench = page;
