import { report } from "./emitter.js";
import { search } from "./search.js";
import { type Changes, type Store, StoreError } from "./store.js";

/** So many new keys are put into their places one by one; for more of them all keys are sorted. */
const FEW = 64;

/** An ordered map of strings in memory: what a {@link MemoryStore} is and a file store holds. A read of one key takes constant time, a range about its own length. */
export class Table {
  readonly #values = new Map<string, string>();
  /** All keys in order, but for those in `#fresh`. */
  #keys: string[] = [];
  #fresh: string[] = [];
  #size = 0;

  /** The length of all keys and values together, in UTF-16 code units. */
  get size(): number {
    return this.#size;
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  /** What is from `from` up to but not including `to`, in order. */
  range(from: string, to: string): [key: string, value: string][] {
    const keys = this.#ordered();
    return keys.slice(this.#at(from), this.#at(to)).map((key) => [key, this.#values.get(key) ?? ""]);
  }

  /** Everything, in order; it must not change meanwhile. */
  *entries(): IterableIterator<[key: string, value: string]> {
    for (const key of this.#ordered()) yield [key, this.#values.get(key) ?? ""];
  }

  apply({ drop = [], del = [], put = [] }: Changes): void {
    for (const [from, to] of drop) {
      const keys = this.#ordered();
      const start = this.#at(from);
      for (const key of keys.splice(start, this.#at(to) - start)) this.#forget(key);
    }
    for (const key of del) {
      if (!this.#values.has(key)) continue;
      this.#ordered().splice(this.#at(key), 1);
      this.#forget(key);
    }
    for (const [key, value] of put) {
      const old = this.#values.get(key);
      if (old === undefined) this.#fresh.push(key);
      this.#size += value.length - (old?.length ?? -key.length);
      this.#values.set(key, value);
    }
  }

  #forget(key: string): void {
    this.#size -= key.length + (this.#values.get(key) ?? "").length;
    this.#values.delete(key);
  }

  #ordered(): string[] {
    // Without a function to compare them, sort orders strings by UTF-16 code units, as `<` does.
    if (this.#fresh.length > FEW) this.#keys = this.#keys.concat(this.#fresh).sort();
    else for (const key of this.#fresh) this.#keys.splice(this.#at(key), 0, key);
    this.#fresh = [];
    return this.#keys;
  }

  /** How many of `#keys` are less than `key`. */
  #at(key: string): number {
    return search(this.#keys.length, (i) => (this.#keys[i] as string) < key);
  }
}

/** Whether a store can still be used, and who is to be told when it is lost. */
export class Ending {
  #closed = false;
  #lost: StoreError | undefined;
  #tell: (error: StoreError) => void = () => undefined;
  readonly #told = new Promise<StoreError>((resolve) => {
    this.#tell = resolve;
  });

  /** What calls under way reject with once the store is lost, be it closed meanwhile or not. */
  get lost(): StoreError | undefined {
    return this.#lost;
  }

  /** Throws if the store is closed or lost. */
  check(): void {
    if (this.#closed) throw new StoreError("closed", "the store is closed");
    if (this.#lost) throw this.#lost;
  }

  /** Takes note that the store is closed; it may be said again. */
  close(): void {
    this.#closed = true;
  }

  /** Takes note that the store is lost, which is told once and to nobody after it was closed. Returns what to reject with. */
  lose(message: string, cause?: unknown): StoreError {
    if (this.#lost === undefined) {
      this.#lost = new StoreError("lost", message, cause);
      if (!this.#closed) this.#tell(this.#lost);
    }
    return this.#lost;
  }

  /** As {@link Store.onLost}; a store that is lost already is told too. */
  onLost(fn: (error: StoreError) => void): void {
    this.#told.then(fn).catch(report);
  }
}

/**
 * What one or more {@link MemoryStore}s keep: the disk that the tabs of a test
 * share. Calls are carried out one after the other, in the order in which
 * they were made. `before` and `after` are seams for tests: called with each
 * change just before and after it is made, they may delay it by a promise,
 * or crash there by throwing; then the update rejects with what they threw
 * (`failed` if that is no StoreError), with the change not made or made.
 */
export class MemoryDisk {
  before: ((changes: Changes) => void | Promise<void>) | undefined;
  after: ((changes: Changes) => void | Promise<void>) | undefined;
  #table = new Table();
  #last: Promise<unknown> = Promise.resolve();
  readonly #users = new Set<Ending>();

  /** Carries out one call after those before it. Only stores call it. */
  call<T>(step: (table: Table) => T | Promise<T>): Promise<T> {
    const done = this.#last.then(() => step(this.#table));
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Adds a store that must be told of a loss; the result takes it out again. Only stores call it. */
  join(ending: Ending): () => void {
    this.#users.add(ending);
    return () => this.#users.delete(ending);
  }

  /**
   * Empties the disk, and its stores find it lost, as if the user had deleted the data of the site; with `keep` it is not
   * emptied, as if the browser had closed it. New stores may be made on it.
   */
  lose(keep = false): void {
    if (!keep) this.#table = new Table();
    for (const ending of this.#users) ending.lose("the memory store was deleted");
    this.#users.clear();
  }
}

/** A store that lasts as long as its disk: for tests, and for those who want nothing kept. */
export class MemoryStore implements Store {
  readonly kind = "memory";
  readonly #disk: MemoryDisk;
  readonly #ending = new Ending();
  readonly #leave: () => void;

  /** A store on a disk of its own, or on one that it shares with others. */
  constructor(disk: MemoryDisk = new MemoryDisk()) {
    this.#disk = disk;
    this.#leave = disk.join(this.#ending);
  }

  get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.#call((table) => keys.map((key) => table.get(key)));
  }

  range(from: string, to: string): Promise<readonly (readonly [key: string, value: string])[]> {
    return this.#call((table) => table.range(from, to));
  }

  update(keys: readonly string[], decide: (values: readonly (string | undefined)[]) => Changes | undefined): Promise<boolean> {
    return this.#call(async (table) => {
      const changes = decide(keys.map((key) => table.get(key)));
      if (changes === undefined) return false;
      try {
        await this.#disk.before?.(changes);
        if (this.#ending.lost) throw this.#ending.lost;
        table.apply(changes);
        await this.#disk.after?.(changes);
      } catch (error) {
        throw error instanceof StoreError ? error : new StoreError("failed", "the memory store failed", error);
      }
      return true;
    });
  }

  onLost(fn: (error: StoreError) => void): void {
    this.#ending.onLost(fn);
  }

  async close(): Promise<void> {
    this.#ending.close();
    await this.#disk.call(this.#leave);
  }

  async destroy(): Promise<void> {
    this.#ending.check();
    await this.close();
    this.#disk.lose();
  }

  async #call<T>(step: (table: Table) => T | Promise<T>): Promise<T> {
    this.#ending.check();
    return this.#disk.call((table) => {
      if (this.#ending.lost) throw this.#ending.lost;
      return step(table);
    });
  }
}
