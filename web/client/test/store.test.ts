import { build } from "esbuild";
import { forceCloseDatabase, IDBDatabase, IDBFactory, IDBKeyRange, IDBObjectStore } from "fake-indexeddb";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { type FileHandle, mkdir, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { openFileStore } from "../src/file.js";
import { openIndexedDB } from "../src/indexeddb.js";
import { MemoryDisk, MemoryStore } from "../src/memory.js";
import { type Changes, type Store, StoreError } from "../src/store.js";
import { change, conformance, everything, failure, SLOW } from "./store.conformance.js";

globalThis.IDBKeyRange = IDBKeyRange;

let root = "";
let count = 0;
/** A directory that is not there yet. */
const somewhere = (): string => join(root, `d${++count}`);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "syncline-store-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** The errors with which a store says that it is lost. */
function losses(store: Store): StoreError[] {
  const lost: StoreError[] = [];
  store.onLost((error) => lost.push(error));
  return lost;
}

const sites = {
  memory: () => {
    const disk = new MemoryDisk();
    return { open: () => Promise.resolve(new MemoryStore(disk)) };
  },
  indexeddb: () => {
    const idb = new IDBFactory();
    return { open: () => openIndexedDB("x", idb) };
  },
  file: () => {
    const directory = somewhere();
    return { open: () => openFileStore(directory) };
  },
};

conformance("memory", sites.memory, { tabs: true });
conformance("indexeddb", sites.indexeddb, { tabs: true });
conformance("file", sites.file, { tabs: false });

describe("memory", () => {
  it("may crash before and after every write", async () => {
    const script = async (store: Store): Promise<void> => {
      for (let n = 1; n <= 5; n++) await store.update(["n"], () => ({ put: [["n", String(n)], [`k${n}`, "x"]] }));
    };
    for (const when of ["before", "after"] as const) {
      for (let crash = 1; crash <= 5; crash++) {
        const disk = new MemoryDisk();
        let writes = 0;
        disk[when] = () => {
          if (++writes >= crash) throw new Error("crash");
        };
        const error = await failure(script(new MemoryStore(disk)));
        expect([error.code, (error.cause as Error).message, writes]).toEqual(["failed", "crash", crash]);
        const done = when === "before" ? crash - 1 : crash;
        disk[when] = undefined;
        const left = await everything(new MemoryStore(disk));
        expect(left.map(([key]) => key)).toEqual([...["k1", "k2", "k3", "k4", "k5"].slice(0, done), ...(done > 0 ? ["n"] : [])]);
        expect((await new MemoryStore(disk).get(["n"]))[0]).toBe(done > 0 ? String(done) : undefined);
      }
    }
  });

  it("may fail with an error of choice, see the change, and delay it", async () => {
    const disk = new MemoryDisk();
    const store = new MemoryStore(disk);
    disk.before = () => {
      throw new StoreError("full", "no room");
    };
    expect((await failure(change(store, { put: [["a", "1"]] }))).code).toBe("full");
    let release = (): void => undefined;
    const seen = new Promise<Changes>((resolve) => {
      disk.before = (changes) => {
        resolve(changes);
        return new Promise((go) => (release = go));
      };
    });
    const order: string[] = [];
    const write = change(store, { put: [["a", "1"]] }).then(() => order.push("write"));
    const read = new MemoryStore(disk).get(["a"]).then(([value]) => order.push(`read ${value}`));
    expect(await seen).toEqual({ put: [["a", "1"]] });
    expect(order).toEqual([]);
    release();
    await Promise.all([write, read]);
    expect(order).toEqual(["write", "read 1"]);
  });

  it("may be lost as a whole, also in the middle of a write", async () => {
    const disk = new MemoryDisk();
    const stores = [new MemoryStore(disk), new MemoryStore(disk)] as const;
    const lost = stores.map(losses);
    await change(stores[0], { put: [["a", "1"]] });
    disk.before = () => disk.lose();
    expect((await failure(change(stores[1], { put: [["b", "2"]] }))).code).toBe("lost");
    for (const store of stores) expect((await failure(everything(store))).code).toBe("lost");
    expect(lost.map((errors) => errors.map(({ code }) => code))).toEqual([["lost"], ["lost"]]);
    expect(await everything(new MemoryStore(disk))).toEqual([]);
    // One that is being closed does not come upon what is there next.
    disk.before = undefined;
    const store = new MemoryStore(disk);
    const late = [failure(change(store, { put: [["c", "3"]] })), failure(store.get(["c"]))];
    const closed = store.close();
    disk.lose();
    expect((await Promise.all(late)).map(({ code }) => code)).toEqual(["lost", "lost"]);
    await closed;
    expect(await everything(new MemoryStore(disk))).toEqual([]);
  });
});

describe("indexeddb", () => {
  const raw = async (idb: IDBFactory, version: number, upgrade?: (db: IDBDatabase) => void): Promise<IDBDatabase> => {
    const request = idb.open("x", version);
    request.onupgradeneeded = () => upgrade?.(request.result);
    await new Promise((resolve, reject) => {
      request.onsuccess = resolve;
      request.onerror = () => reject(request.error as DOMException);
    });
    return request.result;
  };
  /** Does the next put otherwise. */
  const put = (otherwise: (this: IDBObjectStore) => void): void => {
    const original = IDBObjectStore.prototype.put;
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementationOnce(function (this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
      const request = original.call(this, value, key);
      otherwise.call(this);
      return request;
    });
  };
  const quota = (): never => {
    throw new DOMException("too much", "QuotaExceededError");
  };

  it("is full when the quota is used up, and has changed nothing", async () => {
    const store = await sites.indexeddb().open();
    await change(store, { put: [["a", "1"]] });
    const attempts = [
      () => put(quota),
      // Browsers rather tell it later, by an event.
      () =>
        put(function () {
          const { _requests: requests } = this.transaction as unknown as { _requests: { operation: () => void }[] };
          for (const request of requests) request.operation = quota;
        }),
    ];
    for (const attempt of attempts) {
      attempt();
      const error = await failure(change(store, { drop: [["a", "b"]], put: [["b", "2"], ["c", "3"]] }));
      expect(error.code).toBe("full");
      expect((error.cause as DOMException).name).toBe("QuotaExceededError");
      expect(await everything(store)).toEqual([["a", "1"]]);
    }
    expect(await change(store, { put: [["b", "2"]] })).toBe(true);
  });

  it("says what else has failed, and has changed nothing", async () => {
    const store = await sites.indexeddb().open();
    const lost = losses(store);
    put(() => {
      throw new DOMException("bad sector", "DataError");
    });
    const error = await failure(change(store, { put: [["a", "1"]] }));
    expect(error.code).toBe("failed");
    expect(error.message).toContain("DataError bad sector");
    put(function () {
      this.transaction.abort();
    });
    expect((await failure(change(store, { put: [["a", "1"]] }))).code).toBe("failed");
    expect(await everything(store)).toEqual([]);
    expect(lost).toEqual([]);
  });

  it("gives way at once when the database is deleted, after the calls under way", async () => {
    const idb = new IDBFactory();
    const store = await openIndexedDB("x", idb);
    const lost = losses(store);
    const blocked = vi.fn();
    const request = idb.deleteDatabase("x");
    request.onblocked = blocked;
    const gone = new Promise((resolve) => (request.onsuccess = resolve));
    const calls = Array.from({ length: 5 }, () => change(store, { put: [["a", "1"]] }));
    await gone;
    expect(blocked).not.toHaveBeenCalled();
    expect(await Promise.all(calls)).toEqual([true, true, true, true, true]);
    expect((await failure(everything(store))).code).toBe("lost");
    expect(lost.map(({ code }) => code)).toEqual(["lost"]);
    expect(await everything(await openIndexedDB("x", idb))).toEqual([]);
  });

  it("gives way to a newer build, whose database it does not touch", async () => {
    const idb = new IDBFactory();
    const store = await openIndexedDB("x", idb);
    const lost = losses(store);
    const newer = await raw(idb, 2);
    expect((await failure(store.get(["a"]))).code).toBe("lost");
    expect(lost.map(({ code }) => code)).toEqual(["lost"]);
    newer.close();
    const error = await failure(openIndexedDB("x", idb));
    expect(error.code).toBe("unavailable");
    expect(error.message).toContain("newer build");
    (await raw(idb, 2)).close();
  });

  it("does not take another's database for its own", async () => {
    const idb = new IDBFactory();
    (await raw(idb, 1, (db) => db.createObjectStore("theirs"))).close();
    expect((await failure(openIndexedDB("x", idb))).code).toBe("unavailable");
    // It is not kept open either.
    (await raw(idb, 2)).close();
  });

  it("is lost when the browser closes the database, whatever comes first", async () => {
    const transaction = vi.spyOn(IDBDatabase.prototype, "transaction");
    const last = (): { db: IDBDatabase; change: IDBTransaction } => {
      const i = transaction.mock.calls.length - 1;
      return { db: transaction.mock.contexts[i] as IDBDatabase, change: transaction.mock.results[i]?.value as IDBTransaction };
    };
    // The event, with nothing under way.
    let store = await sites.indexeddb().open();
    let lost = losses(store);
    await everything(store);
    forceCloseDatabase(last().db as unknown as typeof IDBDatabase);
    await new Promise((resolve) => store.onLost(resolve));
    expect((await failure(everything(store))).code).toBe("lost");
    expect(lost.map(({ code }) => code)).toEqual(["lost"]);
    // A call under way is undone, and the event comes later.
    store = await sites.indexeddb().open();
    lost = losses(store);
    await everything(store);
    const call = change(store, { put: [["a", "1"]] });
    const { db, change: under } = last();
    db.close();
    under.abort();
    expect((await failure(call)).code).toBe("lost");
    forceCloseDatabase(db as unknown as typeof IDBDatabase);
    expect((await failure(everything(store))).code).toBe("lost");
    expect(lost.map(({ code }) => code)).toEqual(["lost"]);
    // The same, but at first a new transaction is not refused: it ends likewise, or never.
    for (const ends of [true, false]) {
      store = await sites.indexeddb().open();
      lost = losses(store);
      const call = failure(change(store, { put: [["a", "1"]] }));
      const { db, change: under } = last();
      under.abort();
      transaction.mockImplementationOnce(() => {
        const probe = {} as IDBTransaction;
        queueMicrotask(() => (ends ? probe.onabort?.(new Event("abort")) : db.onclose?.(new Event("close"))));
        return probe;
      });
      expect((await call).code).toBe("lost");
      expect((await failure(everything(store))).code).toBe("lost");
      expect(lost.map(({ code }) => code)).toEqual(["lost"]);
    }
    // No event at all: a call finds it out.
    store = await sites.indexeddb().open();
    lost = losses(store);
    await everything(store);
    last().db.close();
    expect((await failure(everything(store))).code).toBe("lost");
    expect((await failure(change(store, {}))).code).toBe("lost");
    expect(lost.map(({ code }) => code)).toEqual(["lost"]);
  });

  it("is unavailable where there is none, or where it refuses", async () => {
    expect((await failure(openIndexedDB("x"))).code).toBe("unavailable");
    const refuse = vi.spyOn(IDBFactory.prototype, "open").mockImplementationOnce(() => {
      throw new DOMException("not here", "SecurityError");
    });
    expect((await failure(openIndexedDB("x", new IDBFactory()))).message).toContain("not here");
    const request = { error: new DOMException("Internal error", "UnknownError") } as unknown as IDBOpenDBRequest;
    refuse.mockReturnValueOnce(request);
    const call = failure(openIndexedDB("x", new IDBFactory()));
    const preventDefault = vi.fn();
    request.onerror?.({ preventDefault } as unknown as Event);
    const error = await call;
    expect([error.code, error.cause]).toEqual(["unavailable", request.error]);
    expect(preventDefault).toHaveBeenCalledOnce();
  });

  it("is unavailable when opening gets no answer, and lets go of one that comes too late", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const close = vi.fn();
    const request = { result: { close } } as unknown as IDBOpenDBRequest;
    vi.spyOn(IDBFactory.prototype, "open").mockReturnValueOnce(request);
    const ended = vi.fn();
    const call = failure(openIndexedDB("x", new IDBFactory())).finally(ended);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    const error = await call;
    expect([error.code, error.message]).toEqual(["unavailable", "cannot open IndexedDB x: no answer in 5000 ms"]);
    expect(close).not.toHaveBeenCalled();
    request.onsuccess?.(new Event("success"));
    expect(close).toHaveBeenCalledOnce();
    // One that was answered leaves no timer behind.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    await sites.indexeddb().open();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("cannot be destroyed while something else holds it open, and does not wait forever", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const idb = new IDBFactory();
    const store = await openIndexedDB("x", idb, 300);
    const other = await raw(idb, 1);
    const original = idb.deleteDatabase;
    const asked = new Promise<void>((resolve) => {
      vi.spyOn(idb, "deleteDatabase").mockImplementationOnce((name) => (resolve(), original.call(idb, name)));
    });
    const call = failure(store.destroy());
    await asked;
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(300);
    expect((await call).code).toBe("failed");
    other.close();
    expect(await everything(await openIndexedDB("x", idb))).toEqual([]);
  });

  it("asks for the durability that is wanted", async () => {
    const store = await sites.indexeddb().open();
    const transaction = vi.spyOn(IDBDatabase.prototype, "transaction");
    await change(store, {}, true);
    await change(store, {});
    await everything(store);
    expect(transaction.mock.calls.map(([, mode, options]) => [mode, options?.durability])).toEqual([
      ["readwrite", "strict"],
      ["readwrite", "relaxed"],
      ["readonly", "relaxed"],
    ]);
  });
});

describe("file", { timeout: SLOW }, () => {
  const opened: Store[] = [];
  const children: ChildProcess[] = [];
  const use = async (directory: string): Promise<Store> => {
    const store = await openFileStore(directory);
    opened.push(store);
    return store;
  };
  const release = async (): Promise<void> => {
    for (const store of opened.splice(0)) await store.close();
  };
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await release();
  });

  /** What a directory opens with once it has this journal: its content, or the error. */
  const reopened = async (directory: string, journal: Buffer): Promise<unknown> => {
    await release();
    await writeFile(join(directory, "journal"), journal);
    try {
      return await everything(await use(directory));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return `${error.code}: ${error.message.includes("damaged") ? "damaged" : error.message}`;
    }
  };
  const journalOf = (directory: string): Promise<Buffer> => readFile(join(directory, "journal"));
  /** Where the last line of a journal begins, or that before `end`. */
  const lastLine = (journal: Buffer, end = journal.length): number => journal.lastIndexOf("\n", end - 2) + 1;

  /** What all file handles inherit from. */
  let handles: FileHandle;
  beforeAll(async () => {
    const some = await open(root, "r");
    handles = Object.getPrototypeOf(some) as FileHandle;
    await some.close();
  });
  const failing = (method: "truncate" | "datasync" | "sync", code: string): void => {
    vi.spyOn(handles, method).mockRejectedValueOnce(Object.assign(new Error(code), { code }));
  };
  /** For tests that open often and of which none is about the disk. */
  const quick = (): void => {
    for (const method of ["sync", "datasync"] as const) vi.spyOn(handles, method).mockResolvedValue(undefined);
  };
  /** The next write of a line stops half way. */
  const halfWritten = (code: string): void => {
    const original = handles.write as (...args: unknown[]) => Promise<unknown>;
    vi.spyOn(handles, "write").mockImplementationOnce(async function (this: FileHandle, data: Buffer, offset: number, length: number, at: number) {
      await original.call(this, data, offset, length >> 1, at);
      throw Object.assign(new Error(code), { code });
    } as never);
  };

  it("cut anywhere in its last change, has that change or not", async () => {
    const directory = somewhere();
    const store = await use(directory);
    await change(store, { put: [["a", "1"], ["b", "é\u{1f600}\ud800"]] }, true);
    await change(store, { del: ["a"], put: [["c", "3"], ["d", "4"]], drop: [["b", "bb"]] }, true);
    const before = await everything(store);
    await change(store, { del: ["c"], put: [["b", "new"], ["e", "5 = 6\n"]], drop: [["d", "dd"]] }, true);
    const after = await everything(store);
    await release();
    const journal = await journalOf(directory);
    // The last line says that all is on the disk.
    const full = lastLine(journal);
    const start = lastLine(journal, full);
    quick();
    expect(full - start).toBeGreaterThan(80);
    for (let end = start; end < full; end++) {
      // The system may also have made room for the rest and not have filled it.
      const rest = Buffer.alloc(end % 2 === 0 ? 0 : journal.length - end);
      expect(await reopened(directory, Buffer.concat([journal.subarray(0, end), rest])), `cut at ${end}`).toEqual(before);
      if (end % 10 > 0) continue;
      // It goes on from there, for good.
      await change(opened[0] ?? store, { put: [["z", "z"]] }, true);
      expect(await reopened(directory, await journalOf(directory)), `cut at ${end}`).toEqual([...before, ["z", "z"]]);
    }
    for (let end = full; end <= journal.length; end++) expect(await reopened(directory, journal.subarray(0, end)), `cut at ${end}`).toEqual(after);
  });

  it("reports damage to what was on the disk", async () => {
    const directory = somewhere();
    const store = await use(directory);
    await change(store, { put: [["a", "1"]] }, true);
    await change(store, { put: [["b", " = 2"]] }, true);
    await change(store, { put: [["c", "3"]] });
    const content = await everything(store);
    await release();
    const journal = await journalOf(directory);
    const start = lastLine(journal);
    quick();
    for (let at = 0; at < journal.length; at++) {
      const damaged = Buffer.from(journal);
      damaged.writeUInt8(journal.readUInt8(at) ^ (1 << at % 8), at);
      expect(await reopened(directory, damaged), `byte ${at}`).toEqual(at < start ? "failed: damaged" : content);
    }
    for (const other of ["", "\n", "something else\n"]) expect(await reopened(directory, Buffer.from(other))).toBe("failed: damaged");
  });

  it("takes only a prefix of what was not on the disk yet", async () => {
    const directory = somewhere();
    const store = await use(directory);
    await change(store, { put: [["a", "1"]] }, true);
    for (const key of ["b", "c", "d"]) await change(store, { put: [[key, "loose"]] });
    const loose = await journalOf(directory);
    // This line goes to the disk after them; the next one says that they are there.
    await change(store, { put: [["e", "5"]] }, true);
    const unsaid = await journalOf(directory);
    await change(store, { put: [["f", "6"]] });
    const said = await journalOf(directory);
    const spoilt = (journal: Buffer): Buffer => {
      const copy = Buffer.from(journal);
      copy.write("X", journal.indexOf('"c"'));
      return copy;
    };
    const prefix = [["a", "1"], ["b", "loose"]];
    expect(await reopened(directory, spoilt(loose))).toEqual(prefix);
    // What comes in the place of the spoilt line, and is as long, does not bring back the one after it.
    await change(opened[0] ?? store, { put: [["x", "loose"]] });
    expect(await reopened(directory, await journalOf(directory))).toEqual([...prefix, ["x", "loose"]]);
    expect(await reopened(directory, spoilt(unsaid))).toEqual(prefix);
    expect(await reopened(directory, spoilt(said))).toBe("failed: damaged");
    // The first line after opening says it too.
    await reopened(directory, loose);
    await change(opened[0] ?? store, { put: [["e", "5"]] });
    expect(await reopened(directory, spoilt(await journalOf(directory)))).toBe("failed: damaged");
  });

  it("compacts, and reports damage to the base", async () => {
    const directory = somewhere();
    const store = await use(directory);
    const size = async (): Promise<number> => (await stat(join(directory, "journal"))).size;
    const large = (n: number): string => String(n % 10).repeat(1 << 20);
    for (let n = 0; n < 12; n++) {
      await change(store, { put: [["large", large(n)], ["n", String(n)]] });
      expect(await size()).toBeLessThan(5.5 * (1 << 20));
    }
    expect(await store.get(["n", "large"])).toEqual(["11", large(11)]);
    // Much that lives is not compacted again and again.
    for (let n = 0; n < 10; n++) await change(store, { put: [[`l${n}`, large(n)]] });
    const sync = vi.spyOn(handles, "sync");
    for (let n = 0; n < 4; n++) await change(store, { put: [["large", large(n)]] });
    expect(sync).not.toHaveBeenCalled();
    await change(store, { drop: [["l0", "l9"]] });
    expect(await size()).toBeLessThan(2.5 * (1 << 20));
    const content = await everything(store);
    expect(content.map(([key]) => key)).toEqual(["l9", "large", "n"]);
    await release();
    expect(await everything(await use(directory))).toEqual(content);
    await release();
    const journal = await journalOf(directory);
    const start = lastLine(journal);
    for (const at of [0, 50, 200, start - 1, start, journal.length - 1]) {
      const damaged = Buffer.from(journal);
      damaged.writeUInt8(journal.readUInt8(at) ^ 4, at);
      expect(await reopened(directory, damaged), `byte ${at}`).toBe("failed: damaged");
    }
    expect(await reopened(directory, journal.subarray(0, start))).toBe("failed: damaged");
  });

  it("goes on with the old journal when it cannot be compacted", async () => {
    const directory = somewhere();
    const store = await use(directory);
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const put = (n: number): Promise<boolean> => change(store, { put: [["a", String(n).repeat(1 << 20)]] });
    for (let n = 1; n <= 3; n++) await put(n);
    failing("sync", "ENOSPC");
    const sync = vi.mocked(handles.sync);
    expect(await put(4)).toBe(true);
    expect(sync).toHaveBeenCalledOnce();
    expect(warn).toHaveBeenCalledOnce();
    expect((warn.mock.calls[0]?.[0] as unknown as StoreError).code).toBe("full");
    expect((await readdir(directory)).sort()).toEqual(["journal", "lock"]);
    // It is tried again later, not at every change.
    for (let n = 5; n <= 7; n++) await put(n);
    expect(sync).toHaveBeenCalledOnce();
    for (let n = 8; n <= 9; n++) await put(n);
    // The new journal and its directory.
    expect(sync).toHaveBeenCalledTimes(3);
    expect(warn).toHaveBeenCalledOnce();
    await release();
    expect(await (await use(directory)).get(["a"])).toEqual(["9".repeat(1 << 20)]);
  });

  it("takes no notice of a compaction that a crash has cut short", async () => {
    const directory = somewhere();
    await change(await use(directory), { put: [["a", "1"]] });
    await release();
    await writeFile(join(directory, "journal.new"), "half a jour");
    expect(await everything(await use(directory))).toEqual([["a", "1"]]);
    expect((await readdir(directory)).sort()).toEqual(["journal", "lock"]);
  });

  it("is full when the disk is, and has changed nothing", async () => {
    const directory = somewhere();
    const store = await use(directory);
    await change(store, { put: [["a", "1"]] }, true);
    for (const [code, expected] of [["ENOSPC", "full"], ["EDQUOT", "full"], ["EIO", "failed"]] as const) {
      halfWritten(code);
      expect((await failure(change(store, { drop: [["a", "b"]], put: [["b", "2"]] }))).code).toBe(expected);
      expect(await everything(store)).toEqual([["a", "1"]]);
    }
    await change(store, { put: [["c", "3"]] });
    await release();
    expect(await everything(await use(directory))).toEqual([["a", "1"], ["c", "3"]]);
  });

  it("writes on when the system takes less than it was given", async () => {
    const directory = somewhere();
    const store = await use(directory);
    const original = handles.write as (...args: unknown[]) => Promise<unknown>;
    vi.spyOn(handles, "write").mockImplementation(function (this: FileHandle, data: Buffer, offset: number, length: number, at: number) {
      return original.call(this, data, offset, Math.min(length, 7), at);
    } as never);
    await change(store, { put: [["a", "1"], ["b", "2"]] });
    vi.restoreAllMocks();
    await release();
    expect(await everything(await use(directory))).toEqual([["a", "1"], ["b", "2"]]);
  });

  it("is lost when nobody knows any more what is on the disk", async () => {
    const attempts: [fail: () => void, left: string][] = [
      [() => failing("datasync", "EIO"), "old new"],
      [() => (halfWritten("ENOSPC"), failing("truncate", "EIO")), "old"],
    ];
    for (const [fail, left] of attempts) {
      const directory = somewhere();
      const store = await use(directory);
      const lost = losses(store);
      await change(store, { put: [["a", "old"]] }, true);
      fail();
      expect((await failure(change(store, { put: [["b", "new"]] }, true))).code).toBe("lost");
      expect((await failure(everything(store))).code).toBe("lost");
      expect((await failure(change(store, {}))).code).toBe("lost");
      expect(lost.map(({ code }) => code)).toEqual(["lost"]);
      await release();
      expect((await everything(await use(directory))).map(([, value]) => value).join(" ")).toBe(left);
    }
  });

  it("does nothing more once it was lost while it was being closed", async () => {
    const directory = somewhere();
    const store = await use(directory);
    const lost = losses(store);
    await change(store, { put: [["a", "old"]] });
    const write = vi.spyOn(handles, "write");
    failing("datasync", "EIO");
    const calls = [change(store, { put: [["a", "new"]] }, true), change(store, { put: [["b", "new"]] }), store.get(["a"])].map(failure);
    await store.close();
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(["lost", "lost", "lost"]);
    expect(write).toHaveBeenCalledOnce();
    expect(lost).toEqual([]);
    expect(await everything(await use(directory))).toEqual([["a", "new"]]);
  });

  it("is lost when its files are removed", async () => {
    for (const what of ["journal", ""]) {
      const directory = somewhere();
      const store = await use(directory);
      const lost = losses(store);
      await change(store, { put: [["a", "1"]] });
      await rm(join(directory, what), { recursive: true });
      expect((await failure(store.get(["a"]))).code).toBe("lost");
      expect((await failure(change(store, { put: [["a", "1"]] }))).code).toBe("lost");
      expect(lost.map(({ code }) => code)).toEqual(["lost"]);
      await store.close();
      expect((await failure(store.get(["a"]))).code).toBe("closed");
      expect(await everything(await use(directory))).toEqual([]);
    }
  });

  it("syncs what is strict, what has piled up, and what there is at the end", async () => {
    const directory = somewhere();
    const store = await use(directory);
    const sync = vi.spyOn(handles, "datasync");
    await change(store, { put: [["a", "1"]] });
    expect(sync).toHaveBeenCalledTimes(0);
    await change(store, { put: [["a", "2"]] }, true);
    expect(sync).toHaveBeenCalledTimes(1);
    for (let n = 0; n < 20; n++) await change(store, { put: [["b", "x".repeat(100_000)]] });
    expect(sync).toHaveBeenCalledTimes(2);
    await store.close();
    expect(sync).toHaveBeenCalledTimes(3);
    await (await use(directory)).close();
    expect(sync).toHaveBeenCalledTimes(3);
  });

  it.skipIf(process.platform !== "linux")("syncs the directories that have new names in them", async () => {
    const synced: string[] = [];
    const original = handles.sync;
    vi.spyOn(handles, "sync").mockImplementation(function (this: FileHandle) {
      synced.push(readlinkSync(`/proc/self/fd/${this.fd}`));
      return original.call(this);
    });
    const outer = somewhere();
    const directory = join(outer, "inner");
    const store = await use(directory);
    expect(synced).toEqual(expect.arrayContaining([root, outer, directory, join(directory, "journal.new")]));
    expect(synced.lastIndexOf(directory)).toBeGreaterThan(synced.indexOf(join(directory, "journal.new")));
    await store.close();
    synced.length = 0;
    const again = await use(directory);
    // A process that was killed may have left them as they are.
    expect(synced.sort()).toEqual([directory, join(directory, "journal")]);
    synced.length = 0;
    for (let n = 0; n < 5; n++) await change(again, { put: [["a", String(n).repeat(1 << 20)]] });
    expect(synced).toEqual([join(directory, "journal.new"), directory]);
  });

  it("is one process's at a time, and that process's once", async () => {
    const directory = somewhere();
    const store = await use(directory);
    const error = await failure(openFileStore(directory));
    expect(error.code).toBe("unavailable");
    expect(error.message).toContain(`process ${process.pid} `);
    expect(error.message).toContain(directory);
    await change(store, { put: [["a", "1"]] });
    await release();
    expect(await readdir(directory)).toEqual(["journal"]);
    expect(await everything(await use(directory))).toEqual([["a", "1"]]);
  });

  it("is taken over from the dead, not from the living", async () => {
    const directory = somewhere();
    await change(await use(directory), { put: [["a", "1"]] });
    const mine = await readFile(join(directory, "lock"), "utf8");
    await release();
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    children.push(child);
    await once(child, "spawn");
    const held = `${child.pid} 5 ${randomUUID()}`;
    await writeFile(join(directory, "lock"), held);
    const error = await failure(openFileStore(directory));
    expect([error.code, error.message.includes(`process ${child.pid} `)]).toEqual(["unavailable", true]);
    expect(await readFile(join(directory, "lock"), "utf8")).toBe(held);
    expect((await readdir(directory)).sort()).toEqual(["journal", "lock"]);
    child.kill("SIGKILL");
    await once(child, "exit");
    // The dead; what a loss of power leaves; another process that had our number.
    const [pid = "", began = ""] = mine.split(" ");
    for (const stale of [held, "", "rubbish ../../x", `${pid} ${Number(began) - 60_000} ${randomUUID()}`]) {
      await writeFile(join(directory, "lock"), stale);
      expect(await everything(await use(directory)), stale).toEqual([["a", "1"]]);
      expect(await readFile(join(directory, "lock"), "utf8")).toMatch(new RegExp(`^${pid} ${began} `));
      await release();
      expect(await readdir(directory), stale).toEqual(["journal"]);
    }
    await writeFile(join(directory, "lock"), `${pid} ${began} ${randomUUID()}`);
    expect((await failure(openFileStore(directory))).code).toBe("unavailable");
  });

  it("says why it cannot be opened", async () => {
    const file = somewhere();
    await writeFile(file, "a file");
    expect((await failure(openFileStore(file))).code).toBe("unavailable");
    const directory = somewhere();
    await mkdir(join(directory, "journal"), { recursive: true });
    expect((await failure(openFileStore(directory))).code).toBe("unavailable");
    // Nothing stays locked.
    expect(await readdir(directory)).toEqual(["journal"]);
    const line = (body: unknown): Buffer => {
      const rest = `= ${JSON.stringify(body)}`;
      return Buffer.from(`${createHash("sha256").update(rest).digest("hex").slice(0, 16)} ${rest}\n`);
    };
    const empty = somewhere();
    await use(empty);
    await release();
    const header = { format: "syncline store", version: 1, base: 0 };
    expect(await reopened(empty, line(header))).toEqual([]);
    expect(await reopened(empty, line({ ...header, version: 2 }))).toMatch(/^unavailable: a newer build/);
    expect(await reopened(empty, line({ ...header, format: "other" }))).toMatch(/^failed: .* is not a journal/);
  });

  describe("in other processes", () => {
    let program = "";
    beforeAll(async () => {
      program = join(root, "child.mjs");
      await build({
        stdin: {
          contents: `
            import { openFileStore } from "./file.js";
            const [directory, what] = process.argv.slice(2);
            const say = (text) => process.stdout.write(text + "\\n");
            if (what === "race") {
              say("ready");
              await new Promise((resolve) => process.stdin.once("data", resolve));
              await openFileStore(directory).then(() => say("open"), (error) => say(error.code));
              process.stdin.resume();
            } else {
              const store = await openFileStore(directory);
              for (let n = 1; ; n++) {
                const put = [["n", String(n)], ["k" + (n % 9), String(n).padEnd(200_000)]];
                await store.update(["n"], ([old = "0"]) => (Number(old) === n - 1 ? { put } : undefined), { strict: n % 4 === 0 });
                say(String(n));
              }
            }
          `,
          resolveDir: join(import.meta.dirname, "../src"),
        },
        bundle: true,
        platform: "node",
        format: "esm",
        outfile: program,
      });
    });
    const start = (directory: string, what: string): { child: ChildProcess; lines: AsyncIterator<string> } => {
      const child = spawn(process.execPath, [program, directory, what], { stdio: ["pipe", "pipe", "inherit"] });
      children.push(child);
      return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
    };

    it("keeps what was done when it is killed, also while it compacts", async () => {
      const directory = somewhere();
      const { child, lines } = start(directory, "write");
      // 4 MiB are full after 21 changes; and again after 20 to 30 more.
      let done = 0;
      while (done < 75) done = Number((await lines.next()).value);
      child.kill("SIGKILL");
      await once(child, "exit");
      for (let line = await lines.next(); line.done !== true; line = await lines.next()) done = Number(line.value);
      const store = await use(directory);
      const [n] = await store.get(["n"]);
      expect([done, done + 1]).toContain(Number(n));
      const content = await store.range("k", "l");
      expect(content.map(([key, value]) => [key, Number(value)])).toEqual(
        Array.from({ length: 9 }, (_, i) => [`k${i}`, Number(n) - ((Number(n) - i) % 9)]),
      );
    });

    it("goes to one of many that find it left behind", async () => {
      const directory = somewhere();
      await use(directory);
      await release();
      await writeFile(join(directory, "lock"), "");
      const racers = Array.from({ length: 6 }, () => start(directory, "race"));
      for (const { lines } of racers) expect((await lines.next()).value).toBe("ready");
      for (const { child } of racers) child.stdin?.write("go\n");
      const said = await Promise.all(racers.map(async ({ lines }) => (await lines.next()).value as string));
      expect(said.sort()).toEqual(["open", ...Array.from({ length: 5 }, () => "unavailable")]);
      expect((await failure(openFileStore(directory))).code).toBe("unavailable");
    });
  });

  it("goes to one of many in this process that find it left behind", async () => {
    for (let round = 0; round < 10; round++) {
      const directory = somewhere();
      await mkdir(directory);
      await writeFile(join(directory, "lock"), "");
      const tries = await Promise.allSettled(Array.from({ length: 10 }, () => use(directory)));
      expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      await release();
      expect(await readdir(directory)).toEqual(["journal"]);
    }
  });

  it("is cut off where a crash was, for good", async () => {
    const directory = somewhere();
    const store = await use(directory);
    await change(store, { put: [["a", "1"]] }, true);
    await change(store, { put: [["b", "x".repeat(500)]] }, true);
    await release();
    const { size } = await stat(join(directory, "journal"));
    await truncate(join(directory, "journal"), size - 100);
    // A shorter line in its place must not be followed by what is left of the longer one.
    await change(await use(directory), { put: [["c", "3"]] }, true);
    await release();
    expect(await everything(await use(directory))).toEqual([["a", "1"], ["c", "3"]]);
  });
});
