/** What run.mjs runs in Chromium, for any engine: the steps, each in a page of its own, and the checks. */
import { make, PAGE, pageOf, PAGES, type Peer } from "./peer.js";

/** Milliseconds in which all live queries must have been told of a write. */
const PATIENCE = 60_000;
/** The title that sorts before all others. */
const FIRST = "! the first of the list";

function check(ok: boolean, what: string): asserts ok {
  if (!ok) throw new Error(what);
}

function same(what: string, got: readonly string[] | undefined, wanted: readonly string[]): void {
  check(got !== undefined && got.length === wanted.length && wanted.every((id, i) => id === got[i]), `${what}: ${got?.length} rows from ${got?.[0]}, not ${wanted.length} from ${wanted[0]}`);
}

/** The ids in the order of the titles, and the one that is renamed. */
function order(count: number): { ids: string[]; moved: string } {
  const ids = make(count).sort((a, b) => (a.title < b.title ? -1 : 1)).map(({ id }) => id);
  return { ids, moved: ids[count >> 1] as string };
}

function checkAll(count: number, got: { count: number; sum: number }): void {
  check(got.count === count, `${got.count} rows of ${count}`);
  check(got.sum === (count * (count - 1)) / 2, `the numbers add up to ${got.sum}`);
}

function steps(peer: Peer) {
  return {
    /** Milliseconds until a fresh sync is stored. */
    async load(count: number): Promise<{ load: number }> {
      const load = peer.prepare(make(count));
      const begun = performance.now();
      await load();
      return { load: performance.now() - begun };
    },

    /** Milliseconds from nothing until the first rows by title are known, and until all rows were read. */
    async open(count: number): Promise<{ first: number; all: number }> {
      const begun = performance.now();
      await peer.open();
      const ids = await peer.first();
      const first = performance.now() - begun;
      const got = await peer.all();
      const all = performance.now() - begun;
      same("first", ids, order(count).ids.slice(0, PAGE));
      checkAll(count, got);
      return { first, all };
    },

    /** Milliseconds from a write until all live queries have been told, and until it is stored. */
    async write(count: number): Promise<{ told: number; stored: number }> {
      const { ids, moved } = order(count);
      const after = [moved, ...ids.filter((id) => id !== moved)];
      await peer.open();
      const shown: (readonly string[])[] = [];
      let left: number = PAGES;
      let begun = 0;
      let told = 0;
      let all = (): void => undefined;
      const toldAll = new Promise<void>((resolve) => (all = resolve));
      for (let page = 0; page < PAGES; page++) {
        const first = pageOf(after, page)[0];
        let waits = true;
        await peer.watch(page, (rows) => {
          shown[page] = rows;
          if (!waits || rows[0] !== first) return;
          waits = false;
          told = performance.now() - begun;
          if (--left === 0) all();
        });
        same(`page ${page} before`, shown[page], pageOf(ids, page));
      }
      check(left === PAGES, "told of the write before it");
      begun = performance.now();
      await peer.rename(moved, FIRST);
      const stored = performance.now() - begun;
      await Promise.race([toldAll, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
      check(left === 0, `${left} live queries were not told`);
      for (let page = 0; page < PAGES; page++) same(`page ${page} after`, shown[page], pageOf(after, page));
      return { told, stored };
    },

    /** Throws unless the write and all else is there. */
    async verify(count: number): Promise<true> {
      const { ids, moved } = order(count);
      await peer.open();
      const title = await peer.title(moved);
      check(title === FIRST, `the title read back is ${title}`);
      same("first, read back", await peer.first(), [moved, ...ids].slice(0, PAGE));
      checkAll(count, await peer.all());
      return true;
    },
  };
}

declare global {
  interface Window {
    bench: ReturnType<typeof steps>;
  }
}

export function serve(peer: Peer): void {
  window.bench = steps(peer);
}
