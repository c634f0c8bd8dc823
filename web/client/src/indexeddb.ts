import { Ending } from "./memory.js";
import { type Changes, type Store, StoreError, type UpdateOptions } from "./store.js";

/** The one object store of the database: strings under strings. */
const TABLE = "strings";
const VERSION = 1;

/**
 * Opens a store in the IndexedDB database `name`, which is made if need be and
 * must not be used for anything else. All tabs of an origin may have it open.
 * Rejects with `unavailable` if there is no IndexedDB, if it refuses, if a
 * newer build has written the database, or if there is no answer in `patience`
 * milliseconds. Deleting waits as long, and fails if others hold the database
 * open; it is then deleted once they do not. A range is read in one piece:
 * the caller bounds it.
 */
export async function openIndexedDB(name: string, factory?: IDBFactory, patience = 5_000): Promise<Store> {
  try {
    // There may be no such name, and reading it may throw (a sandboxed frame).
    const idb = factory ?? indexedDB;
    const request = idb.open(name, VERSION);
    let wiped: string | undefined;
    request.onupgradeneeded = (event) => {
      request.result.createObjectStore(TABLE);
      // Chromium alone says it: a database that it finds damaged, as after a kill at a bad moment, it deletes and begins anew.
      const { dataLoss, dataLossMessage } = event as IDBVersionChangeEvent & { dataLoss?: string; dataLossMessage?: string };
      if (dataLoss === "total") wiped = dataLossMessage;
    };
    const db = await answer(request, patience);
    if (db.objectStoreNames.contains(TABLE)) return new IndexedDBStore(db, idb, patience, wiped);
    db.close();
    throw new Error("the database is something else's");
  } catch (cause) {
    const { name: kind, message } = cause as Error;
    throw new StoreError("unavailable", `cannot open IndexedDB ${name}: ${kind === "VersionError" ? "a newer build has written it" : message}`, cause);
  }
}

/** The result of opening or deleting a database. A database that comes after the patience is closed again. */
function answer(request: IDBOpenDBRequest, patience: number): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      request.onsuccess = () => (request.result as IDBDatabase | undefined)?.close();
      reject(new Error(`no answer in ${patience} ms`));
    }, patience);
    request.onsuccess = () => {
      clearTimeout(timer);
      resolve(request.result);
    };
    request.onerror = (event) => {
      clearTimeout(timer);
      // Else Firefox reports it as an error that nobody caught.
      event.preventDefault();
      reject(request.error);
    };
  });
}

/** Reads keys and calls `then` within the transaction, after all that was asked of it before. */
function read(table: IDBObjectStore, keys: readonly string[], then: (values: (string | undefined)[]) => void): void {
  const requests: IDBRequest<string | undefined>[] = keys.map((key) => table.get(key));
  // Requests of one transaction end in the order in which they were made. One there must be: an update waits for its turn also if it reads nothing.
  const last = requests.at(-1) ?? table.get("");
  last.onsuccess = () => then(requests.map(({ result }) => result));
}

/** IndexedDB throws at a range that ends before it begins. */
function span(from: string, to: string): IDBKeyRange | undefined {
  return from < to ? IDBKeyRange.bound(from, to, false, true) : undefined;
}

class IndexedDBStore implements Store {
  readonly kind = "indexeddb";
  readonly wiped: string | undefined;
  readonly #db: IDBDatabase;
  readonly #idb: IDBFactory;
  readonly #patience: number;
  readonly #ending = new Ending();
  /** Settles when all calls so far have; never rejects. */
  #calls: Promise<unknown> = Promise.resolve();

  constructor(db: IDBDatabase, idb: IDBFactory, patience: number, wiped: string | undefined) {
    this.wiped = wiped;
    this.#db = db;
    this.#idb = idb;
    this.#patience = patience;
    db.onversionchange = () => {
      // At once: whoever deletes it waits for this. Calls under way still end well.
      db.close();
      this.#ending.lose("the database was deleted, or taken over by a newer build");
    };
    db.onclose = () => this.#ending.lose("the browser closed the database");
  }

  get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.#call("readonly", (table, done) => {
      read(table, keys, done);
      table.transaction.commit();
    });
  }

  range(from: string, to: string): Promise<readonly (readonly [key: string, value: string])[]> {
    return this.#call("readonly", (table, done) => {
      const range = span(from, to);
      if (range === undefined) return done([]);
      const keys = table.getAllKeys(range);
      const values: IDBRequest<string[]> = table.getAll(range);
      values.onsuccess = () => done(values.result.map((value, i) => [keys.result[i] as string, value]));
      table.transaction.commit();
    });
  }

  update(
    keys: readonly string[],
    decide: (values: readonly (string | undefined)[]) => Changes | undefined,
    options: UpdateOptions = {},
  ): Promise<boolean> {
    return this.#call(
      "readwrite",
      (table, done, fail) => {
        read(table, keys, (values) => {
          let changes: Changes | undefined;
          try {
            changes = decide(values);
          } catch (error) {
            fail(error, false);
            return;
          }
          done(changes !== undefined);
          const { drop = [], del = [], put = [] } = changes ?? {};
          try {
            for (const [from, to] of drop) {
              const range = span(from, to);
              if (range !== undefined) table.delete(range);
            }
            for (const key of del) table.delete(key);
            for (const [key, value] of put) table.put(value, key);
            // No commit() here: Chromium 156, killed, lost its whole database with it, four times in 101; without it, never in 160.
          } catch (cause) {
            fail(cause, true);
          }
        });
      },
      options.strict,
    );
  }

  onLost(fn: (error: StoreError) => void): void {
    this.#ending.onLost(fn);
  }

  async close(): Promise<void> {
    this.#ending.close();
    await this.#calls;
    this.#db.close();
  }

  async destroy(): Promise<void> {
    this.#ending.check();
    await this.close();
    try {
      await answer(this.#idb.deleteDatabase(this.#db.name), this.#patience);
    } catch (cause) {
      throw new StoreError("failed", `cannot delete IndexedDB ${this.#db.name}: ${(cause as Error).message}`, cause);
    }
  }

  /**
   * One transaction. One that reads is asked to end as soon as all else was asked of it, or it would end in a later turn of this page: one
   * that is frozen meanwhile keeps the store from all other tabs, in Chromium for a minute. It resolves to what `start` hands to `done`: one
   * that writes once that is made, one that reads at once, for Chromium may say that it has ended before it hands out values of over 64 KiB.
   * `fail` undoes it and rejects, with an error of IndexedDB's made ours.
   */
  #call<T>(
    mode: IDBTransactionMode,
    start: (table: IDBObjectStore, done: (value: T) => void, fail: (error: unknown, theirs: boolean) => void) => void,
    strict = false,
  ): Promise<T> {
    const call = new Promise<T>((resolve, reject) => {
      this.#ending.check();
      const fail = (cause: unknown): void => void this.#error(cause).then(reject);
      try {
        const change = this.#db.transaction(TABLE, mode, { durability: strict ? "strict" : "relaxed" });
        // What a request fails with comes here, too: it may do so when all is over.
        change.onabort = change.onerror = ({ target }) => fail((target as IDBTransaction | IDBRequest).error);
        start(
          change.objectStore(TABLE),
          (value) => (mode === "readonly" ? resolve(value) : (change.oncomplete = () => resolve(value))),
          (error, theirs) => {
            change.abort();
            (theirs ? fail : reject)(error);
          },
        );
      } catch (cause) {
        fail(cause);
      }
    });
    const before = this.#calls;
    this.#calls = call.then(
      () => before,
      () => before,
    );
    return call;
  }

  async #error(cause: unknown): Promise<StoreError> {
    const { name, message } = (cause ?? {}) as Partial<DOMException>;
    if (name === "QuotaExceededError") return new StoreError("full", "the quota or the disk is used up", cause);
    // When a connection is closed, its transactions end in many ways, before the event that says why. Whether it was shows in one that does nothing.
    const alive = await new Promise<boolean>((resolve) => {
      this.#ending.onLost(() => resolve(false));
      try {
        const probe = this.#db.transaction(TABLE);
        probe.oncomplete = () => resolve(true);
        probe.onabort = () => resolve(false);
      } catch {
        resolve(false);
      }
    });
    if (alive) return new StoreError("failed", `IndexedDB failed: ${name} ${message}`, cause);
    return this.#ending.lose("the browser closed the database", cause);
  }
}
