/**
 * The confirmed state of one space in a store: chunks of entries, a manifest
 * that lists them, and a log of what has come since. One tab writes, any
 * number read meanwhile. Keys, after the prefix:
 *
 * - `c` and a number: a chunk. It never changes, and its number is not used again;
 * - `l` and a rev: a record of the log;
 * - `m`: the manifest. Log and manifest are neighbours, so that one call reads both as of one moment.
 */

import type { Entry, View } from "./api.js";
import { advance, begin, type Changed, type Chunk, type Draft, DamageError, hash, loggedOf, loggedText, type Manifest, manifestOf, manifestText, MAX_ROWS, MAX_SIZE, merge, pack, pieceOf, rowsOf, sort, type State, verify } from "./chunk.js";
import { SynclineError } from "./errors.js";
import type { Cover } from "./drop.js";
import { type Piece, Shelf } from "./shelf.js";
import type { Changes, Store } from "./store.js";
import type { Confirmed } from "./sum.js";
import type { Del, Put } from "./wire.js";

export { DamageError };

/** What one step changes of confirmed state. An entry is in `put` or in `del`, not in both. */
export interface Delta {
  /** One more than that of the archive. */
  readonly rev: number;
  readonly cursor: string;
  readonly view: View;
  readonly scope?: string | undefined;
  /** Comes before the others. */
  readonly drop?: View | undefined;
  readonly put: readonly Put[];
  readonly del: readonly Del[];
}

/** What an archive holds, without the entries. */
export interface Held {
  /** That of the last step; 0: there is nothing. */
  readonly rev: number;
  readonly cursor: string | undefined;
  readonly view: View | undefined;
  readonly scope?: string | undefined;
  /** About the number of entries in each collection: whatever the log puts counts as new. */
  readonly collections: ReadonlyMap<string, number>;
}

/** How a collection is read. */
export interface ReadOptions {
  /**
   * Called as soon as there are entries, with those of the lowest ids, none between them left out; again
   * if the reading has to start over, because the writer took a chunk away.
   */
  first?(entries: readonly Entry[], view: View | undefined): void;
  /**
   * With it, chunks are made into entries when somebody asks for one of them, and one that is missing or damaged counts as empty; it is told here,
   * then or while it is read.
   */
  damaged?(error: DamageError): void;
  /** Whether all entries will be asked for: then they are made as they come, and the page gets its turn in between. Asked for each chunk. */
  whole?(): boolean;
}

/** A log up to this weight is left alone: 64 KiB of text, or 256 records of next to nothing. */
const MIN_LOG = 64 << 10;
/** Beyond that it may weigh an eighth of the chunks that it touches. That bounds what is read at the start, and how often a change is written over again. */
const SHARE = 8;
/** How many chunks are read at once; in between the page gets its turn. */
const BATCH = 8;
/** How often a reader starts over. */
const TRIES = 10;

/**
 * Reading needs nothing before it. A writer calls {@link open} (or else the
 * archive counts as empty), commits what a method returns before it calls the
 * next, and after a commit that failed begins again with a new object.
 */
export class Archive {
  readonly #store: Store;
  readonly #prefix: string;
  /** What a writer knows of the store. */
  #state = begin();

  /** All keys begin with `prefix`; the store's other keys do not begin with it and `c`, `l` or `m`. */
  constructor(store: Store, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  /**
   * Reads manifest and log, but no chunk. Rejects with {@link DamageError}, with
   * `newer` if a later version of this program wrote the archive, and with StoreError.
   */
  async open(): Promise<Held> {
    const { manifest, rev, cursor, view, scope, changes } = (this.#state = await this.#load());
    const collections = new Map<string, number>();
    const count = (name: string, n: number): unknown => collections.set(name, Math.max(0, (collections.get(name) ?? 0) + n));
    for (const [name, chunks] of manifest.collections) for (const { rows } of chunks) count(name, rows);
    for (const [name, changed] of changes) for (const rows of changed.values()) for (const row of rows.values()) count(name, row ? 1 : -1);
    return { rev, cursor, view, scope, collections };
  }

  /**
   * One collection as of the newest rev and its view. Rejects as {@link open},
   * and with `busy` if the writer takes chunks away faster than they are read.
   * The check sums take a quarter of the time, so that they come after all else: `sound`, to be called once,
   * rejects if the entries are not those that were written.
   */
  async read(collection: string, { first, damaged, whole = () => false }: ReadOptions = {}): Promise<{ rev: number; view: View | undefined; entries: Map<string, Entry>; sound: () => Promise<void> }> {
    const texts: (readonly [Chunk, string])[] = [];
    const sound = async (): Promise<void> => {
      for (;;) {
        for (const [chunk, text] of texts.splice(0, BATCH)) verify(chunk, text, collection);
        if (texts.length === 0) return;
        await new Promise((resolve) => setTimeout(resolve));
      }
    };
    return this.#steady(await this.#load(), async ({ text: named, manifest, rev, view, changes, drops }) => {
      const entries = new Shelf();
      const changed = changes.get(collection);
      let tell = first;
      const add = (more: Piece | readonly Entry[]): void => {
        entries.add(more);
        if (entries.size === 0) return;
        tell?.([...entries.values()], view);
        tell = undefined;
      };
      texts.length = 0;
      let damage: DamageError | undefined;
      for await (const [chunk, text] of this.#texts(manifest.collections.get(collection) ?? [])) {
        const own = changed?.get(chunk);
        try {
          const piece = damaged && own === undefined && !whole() ? pieceOf(chunk, text, collection, damaged) : undefined;
          add(piece ?? merge(rowsOf(chunk, text, collection, false), own, drops.get(collection)));
          texts.push([chunk, text as string]);
        } catch (error) {
          if (!damaged || !(error instanceof DamageError)) throw error;
          damage ??= error;
          add(merge([], own));
        }
      }
      add(merge([], changed?.get(undefined)));
      if (damage !== undefined) {
        if ((await this.#load()).text !== named) throw damage; // it was taken away
        damaged?.(damage);
      }
      return { rev, view, entries, sound };
    });
  }

  /** What adds a delta to the log. Throws `bad_rev` if it does not follow. */
  append({ rev, cursor, view, scope, drop, put, del }: Delta): Changes {
    const state = this.#state;
    if (rev !== state.rev + 1) throw badRev(rev);
    const same = JSON.stringify(view) === JSON.stringify(state.view);
    const logged = { rev, cursor, view: same ? undefined : view, scope, drop, put, del };
    const text = loggedText(logged);
    const record: [string, string] = [this.#logKey(rev), text];
    advance(state, logged, text.length);
    if (state.text !== undefined) return { put: [record] };
    // The first record comes with a manifest, so that the loss of either shows.
    state.text = manifestText(state.manifest);
    return { ...this.#clear(), put: [record, [this.#prefix + "m", state.text]] };
  }

  /** What puts `confirmed` in the place of all that there is, be it damaged. Throws `bad_rev` if the rev is not above the last. */
  replace(rev: number, cursor: string, view: View, confirmed: Confirmed, scope?: string): Changes {
    if (!(rev > this.#state.rev)) throw badRev(rev);
    const pieces = [...confirmed].map(([name, entries]) => [name, pack(sort([...entries.values()]))] as const);
    return { ...this.#clear(), put: this.#settle({ ...this.#state.manifest, rev, cursor, view, scope }, pieces) };
  }

  /** What folds the log into the chunks; undefined as long as that does not pay, or with `all` if there is nothing to fold. Rejects as {@link read}. */
  async fold(all = false): Promise<Changes | undefined> {
    let size = 0;
    for (const changed of this.#state.changes.values()) for (const chunk of changed.keys()) size += chunk?.size ?? 0;
    if (this.#state.weight <= (all ? 0 : Math.max(MIN_LOG, size / SHARE))) return undefined;
    return this.#steady(this.#state, async ({ manifest, rev, cursor, view, scope, changes, drops }) => {
      const pieces = new Map<string, readonly (Chunk | Draft)[]>(manifest.collections);
      const del: string[] = [];
      for (const [name, changed] of changes) {
        const old = manifest.collections.get(name) ?? [];
        const now = await this.#folded(name, old, changed, drops.get(name));
        for (const chunk of old) if (!now.includes(chunk)) del.push(this.#chunkKey(chunk.n));
        pieces.set(name, now);
      }
      return { drop: [[this.#logKey(0), this.#logKey(rev + 1)]], del, put: this.#settle({ ...manifest, rev, cursor, view, scope }, pieces) };
    });
  }

  /** What removes all that there is. */
  wipe(): Changes {
    this.#state = begin();
    return this.#clear();
  }

  #clear(): Changes {
    return { drop: [[this.#prefix + "c", this.#prefix + "d"], [this.#prefix + "l", this.#prefix + "n"]] };
  }

  #chunkKey(n: number): string {
    return this.#prefix + "c" + n;
  }

  #logKey(rev: number): string {
    return this.#prefix + "l" + String(rev).padStart(16, "0");
  }

  async #load(): Promise<State> {
    const log = [...(await this.#store.range(this.#prefix + "l", this.#prefix + "n"))];
    const last = log.pop();
    if (last === undefined) return begin();
    const [key, text] = last;
    const state = begin(manifestOf(key === this.#prefix + "m" ? text : undefined), text);
    for (const [key, text] of log) {
      const rev = state.rev + 1;
      advance(state, loggedOf(key === this.#logKey(rev) ? text : undefined, rev), text.length);
    }
    return state;
  }

  /** Does `work` with a state; anew, if it finds damage and the manifest is another by now: then chunks were taken away underneath. */
  async #steady<T>(state: State, work: (state: State) => Promise<T>): Promise<T> {
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        return await work(state);
      } catch (error) {
        if (!(error instanceof DamageError)) throw error;
        const { text } = state;
        state = await this.#load();
        if (state.text === text) throw error;
      }
    }
    throw new SynclineError("busy", "the archive is rewritten faster than it is read");
  }

  /** Chunks with their texts, the first as soon as may be. While some are looked at, the next are on their way. */
  async *#texts(chunks: readonly Chunk[]): AsyncGenerator<readonly [Chunk, string | undefined]> {
    const ask = async (from: number, to: number): Promise<(readonly [Chunk, string | undefined])[]> => {
      const some = chunks.slice(from, to);
      const texts = some.length > 0 ? await this.#store.get(some.map(({ n }) => this.#chunkKey(n))) : [];
      return some.map((chunk, i) => [chunk, texts[i]]);
    };
    let next = ask(0, 1);
    for (let to = 1; ; to += BATCH) {
      const some = await next;
      if (some.length === 0) return;
      next = ask(to, to + BATCH);
      next.catch(() => undefined); // also if nobody wants them any more
      yield* some;
    }
  }

  /** The chunks of a collection with the log in them. Those that it does not touch stay, but for small ones beside those that it does. */
  async #folded(name: string, old: readonly Chunk[], changed: Changed, drops?: readonly Cover[]): Promise<(Chunk | Draft)[]> {
    const touched = (i: number): boolean => changed.has(old[i]);
    const taken = old.filter((chunk, i) => changed.has(chunk) || (chunk.size < MAX_SIZE / 2 && chunk.rows < MAX_ROWS / 2 && (touched(i - 1) || touched(i + 1))));
    const pieces: (Chunk | Draft)[] = [];
    // Rows of neighbours are packed together.
    let run: Entry[] = [];
    let at = 0;
    for await (const [chunk, text] of this.#texts(taken)) {
      const next = old.indexOf(chunk);
      if (next > at) {
        pieces.push(...pack(run), ...old.slice(at, next));
        run = [];
      }
      for (const row of merge(rowsOf(chunk, text, name, true), changed.get(chunk), drops)) run.push(row);
      at = next + 1;
    }
    for (const row of merge([], changed.get(undefined))) run.push(row);
    return [...pieces, ...pack(run), ...old.slice(at)];
  }

  /** Numbers the new chunks, and takes them as written; returns what to put. */
  #settle(to: Manifest, all: Iterable<readonly [string, readonly (Chunk | Draft)[]]>): [string, string][] {
    let { next } = to;
    const put: [string, string][] = [];
    const collections = new Map<string, readonly Chunk[]>();
    for (const [name, pieces] of all) {
      const chunks = pieces.map((piece) => {
        if (!("text" in piece)) return piece;
        const { text, ...rest } = piece;
        put.push([this.#chunkKey(next), text]);
        return { n: next++, ...rest, size: text.length, sum: hash(text) };
      });
      if (chunks.length > 0) collections.set(name, chunks);
    }
    const manifest = { ...to, next, collections };
    const text = manifestText(manifest);
    this.#state = begin(manifest, text);
    put.push([this.#prefix + "m", text]);
    return put;
  }
}

function badRev(rev: number): SynclineError {
  return new SynclineError("bad_rev", `rev ${rev} does not follow`);
}
