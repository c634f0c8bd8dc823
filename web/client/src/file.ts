/// <reference types="node" />
import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, link, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Ending, Table } from "./memory.js";
import { type Changes, type Store, StoreError, type UpdateOptions } from "./store.js";

/**
 * The journal is a file of lines, each `<sum> <mark> <JSON>`. The first is the
 * header; the next, up to the byte `base` which that names, are the content
 * as of when the file was made; the others are one atomic change each. The sum
 * is over mark and JSON. The mark is `=` if all before the line was on the disk
 * when the line was written, else `~`: so a damaged line is known from one that a
 * loss of power may leave behind.
 */
interface Header {
  readonly format: "syncline store";
  readonly version: 1;
  readonly base: number;
}

/** Whether all before a line was on the disk. */
type Mark = "=" | "~";

/** Below this many bytes a journal is not compacted. */
const SMALL = 4 << 20;
/** Changes that need not be strict are on the disk at the latest when so many bytes of them have been written. */
const UNSYNCED = 1 << 20;
/** The length of content, in UTF-16 code units, after which a line of the base ends. */
const CHUNK = 1 << 18;
/** A journal must not be longer: Node would not read it again. */
const LARGE = 2 ** 31 - 1;
/** The number of characters of a check sum: 64 bits in hex. */
const SUM = 16;
/** The header always has this many characters of JSON, so that it can be written last. */
const HEADER = 80;

/**
 * Opens a store in a directory, which is made if need be; for Node. The
 * content is held in memory and must fit there; each change is appended to a
 * journal, which is compacted when it is over 4 MiB and twice the content, and
 * is `full` at 2 GiB.
 * Rejects with `unavailable` if a living process has the directory
 * open, a newer build has written it, or the system refuses; with `failed` if
 * the journal is damaged. A last change that was being written in a crash is cut
 * off. Processes that share the directory must see each other's process ids: a
 * network file system will not do. That the files were removed is found
 * out by the next call.
 */
export async function openFileStore(directory: string): Promise<Store> {
  const place = resolve(directory);
  try {
    const made = await mkdir(place, { recursive: true, mode: 0o700 });
    for (let at = place; made !== undefined && at.startsWith(made); at = dirname(at)) await syncDirectory(dirname(at));
    const unlock = await lock(join(place, "lock"));
    try {
      return new FileStore(place, await load(place), unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  } catch (cause) {
    throw cause instanceof StoreError ? cause : new StoreError("unavailable", `cannot open ${place}: ${(cause as Error).message}`, cause);
  }
}

/** A journal that is open for appending, all of it on the disk. */
interface Journal {
  readonly file: FileHandle;
  readonly table: Table;
  /** In bytes. */
  readonly size: number;
  /** Bytes of the base for each code unit of content. */
  readonly ratio: number;
}

class FileStore implements Store {
  readonly kind = "file";
  readonly #place: string;
  readonly #table: Table;
  readonly #unlock: () => Promise<void>;
  readonly #ending = new Ending();
  #file: FileHandle;
  #size: number;
  #ratio: number;
  /** How many bytes at the end may not be on the disk yet. */
  #unsynced = 0;
  /** Nothing says of the lines at the end that they are on the disk. */
  #unsaid = false;
  /** Compaction failed: it is not tried again below this size. */
  #hold = 0;
  #last: Promise<unknown> = Promise.resolve();
  #finished: Promise<void> | undefined;

  constructor(place: string, { file, table, size, ratio }: Journal, unlock: () => Promise<void>) {
    this.#place = place;
    this.#file = file;
    this.#table = table;
    this.#size = size;
    this.#ratio = ratio;
    this.#unlock = unlock;
  }

  get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.#call(() => keys.map((key) => this.#table.get(key)));
  }

  range(from: string, to: string): Promise<readonly (readonly [key: string, value: string])[]> {
    return this.#call(() => this.#table.range(from, to));
  }

  update(
    keys: readonly string[],
    decide: (values: readonly (string | undefined)[]) => Changes | undefined,
    options: UpdateOptions = {},
  ): Promise<boolean> {
    return this.#call(async () => {
      const changes = decide(keys.map((key) => this.#table.get(key)));
      if (changes === undefined) return false;
      await this.#append(changes, options.strict ?? false);
      this.#table.apply(changes);
      if (this.#size > Math.max(SMALL, 2 * this.#ratio * this.#table.size, this.#hold)) await this.#compact();
      return true;
    });
  }

  onLost(fn: (error: StoreError) => void): void {
    this.#ending.onLost(fn);
  }

  close(): Promise<void> {
    return this.#finish(async () => {
      if (this.#ending.lost) return;
      if (this.#unsynced > 0) await this.#file.datasync();
      // So that damage to the last changes is told from a crash. If there is no room for it, nothing is lost.
      if (this.#unsaid) await write(this.#file, encode("=", {}), this.#size).catch(() => undefined);
    });
  }

  async destroy(): Promise<void> {
    this.#ending.check();
    await this.#finish(async () => {
      await rm(join(this.#place, "journal"), { force: true });
      await syncDirectory(this.#place);
    });
  }

  /** Carries out one call after those before it. */
  async #call<T>(step: () => T | Promise<T>): Promise<T> {
    this.#ending.check();
    const done = this.#last.then(async () => {
      if (this.#ending.lost) throw this.#ending.lost;
      const { nlink } = await this.#file.stat().catch((cause: unknown) => {
        throw failure(`cannot look at the journal in ${this.#place}`, cause);
      });
      if (nlink === 0) throw this.#ending.lose(`the journal in ${this.#place} was removed`);
      return step();
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Ends the use of the store with a last step. */
  #finish(step: () => Promise<void>): Promise<void> {
    this.#ending.close();
    this.#finished ??= this.#last
      .then(step)
      .finally(() => this.#file.close())
      .finally(this.#unlock)
      .catch((cause: unknown) => {
        throw failure(`cannot close ${this.#place}`, cause);
      });
    return this.#finished;
  }

  async #append(changes: Changes, strict: boolean): Promise<void> {
    let line: Buffer;
    try {
      line = encode(this.#unsynced === 0 ? "=" : "~", changes);
      if (this.#size + line.length > LARGE) throw new StoreError("full", `the journal in ${this.#place} is too long`);
      await write(this.#file, line, this.#size);
    } catch (cause) {
      // What there is of the line would be in the way of the next one.
      await this.#file.truncate(this.#size).catch((error: unknown) => {
        throw this.#ending.lose(`cannot take back half a change in ${this.#place}`, error);
      });
      throw failure(`cannot write to ${this.#place}`, cause);
    }
    if (strict || this.#unsynced + line.length > UNSYNCED) {
      // After this has failed once, nobody knows what is on the disk: to try again would prove nothing.
      await this.#file.datasync().catch((cause: unknown) => {
        throw this.#ending.lose(`the disk of ${this.#place} fails`, cause);
      });
      this.#unsynced = 0;
    } else {
      this.#unsynced += line.length;
    }
    this.#size += line.length;
    this.#unsaid = true;
  }

  /** Puts a journal of what there is now in the place of the one that also has what there was. */
  async #compact(): Promise<void> {
    let next: Journal;
    try {
      next = await create(this.#place, this.#table);
    } catch (cause) {
      // The change that led here is made, and the old journal as good as ever.
      this.#hold = this.#size + SMALL;
      process.emitWarning(failure(`cannot compact the journal in ${this.#place}`, cause));
      return;
    }
    const old = this.#file;
    ({ file: this.#file, size: this.#size, ratio: this.#ratio } = next);
    this.#unsynced = this.#hold = 0;
    this.#unsaid = false;
    await old.close();
    await syncDirectory(this.#place).catch((cause: unknown) => this.#ending.lose(`the disk of ${this.#place} fails`, cause));
  }
}

/** Reads the journal of a directory, or makes one. */
async function load(place: string): Promise<Journal> {
  const path = join(place, "journal");
  await rm(`${path}.new`, { force: true });
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    return settle(place, await create(place, new Table()));
  }
  const { table, size, ratio } = replay(path, bytes);
  return settle(place, { file: await open(path, "r+"), table, size, ratio });
}

/** Cuts off what is not good, and makes sure of the rest: what a process left that was killed may be only in the system's memory. */
async function settle(place: string, journal: Journal): Promise<Journal> {
  try {
    await journal.file.truncate(journal.size);
    await journal.file.sync();
    await syncDirectory(place);
    return journal;
  } catch (cause) {
    await journal.file.close();
    throw cause;
  }
}

/** The content of a journal, and how many of its bytes are good; the others are a change that a crash cut short. */
function replay(path: string, bytes: Buffer): Omit<Journal, "file"> {
  const table = new Table();
  const first = decode(bytes, 0);
  if (first === undefined) throw new StoreError("failed", `${path} is damaged at its beginning, or not a journal`);
  const { format, version, base } = first.body as Header;
  if (format !== "syncline store") throw new StoreError("failed", `${path} is not a journal`);
  if (version !== 1) throw new StoreError("unavailable", `a newer build has written ${path}`);
  let ratio = 1;
  let size = first.end;
  for (;;) {
    if (size === base && table.size > 0) ratio = base / table.size;
    const line = decode(bytes, size);
    if (line === undefined) break;
    table.apply(line.body as Changes);
    size = line.end;
  }
  if (size < base || promised(bytes, size)) throw new StoreError("failed", `${path} is damaged at byte ${size} of ${bytes.length}`);
  return { table, size, ratio };
}

/** Whether a line that comes after the byte `from` says that what is there was on the disk. */
function promised(bytes: Buffer, from: number): boolean {
  // Newlines may be damaged too, so a line is sought wherever its mark is.
  for (let at = bytes.indexOf(" = ", from); at >= 0; at = bytes.indexOf(" = ", at + 1)) {
    const start = at - SUM;
    if (start > from && /^[0-9a-f]+$/.test(bytes.toString("latin1", start, at)) && decode(bytes, start) !== undefined) return true;
  }
  return false;
}

/** Writes a new journal with the content of a table beside the one in use, and puts it in its place. The directory is left to be synced. */
async function create(place: string, table: Table): Promise<Journal> {
  const path = join(place, "journal.new");
  const file = await open(path, "w", 0o600);
  try {
    let size = header(0).length;
    let put: [string, string][] = [];
    let units = 0;
    const flush = async (): Promise<void> => {
      const line = encode("=", { put });
      await write(file, line, size);
      size += line.length;
      put = [];
      units = 0;
    };
    for (const entry of table.entries()) {
      put.push(entry);
      units += entry[0].length + entry[1].length;
      if (units > CHUNK) await flush();
    }
    if (put.length > 0) await flush();
    await write(file, header(size), 0);
    await file.sync();
    await rename(path, join(place, "journal"));
    return { file, table, size, ratio: table.size > 0 ? size / table.size : 1 };
  } catch (cause) {
    await file.close();
    await rm(path, { force: true });
    throw cause;
  }
}

function header(base: number): Buffer {
  const body: Header = { format: "syncline store", version: 1, base };
  return frame("=", JSON.stringify(body).padEnd(HEADER));
}

function encode(mark: Mark, { drop, del, put }: Changes): Buffer {
  return frame(mark, JSON.stringify({ drop, del, put }));
}

function sum(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex").slice(0, SUM);
}

function frame(mark: Mark, json: string): Buffer {
  const rest = `${mark} ${json}`;
  return Buffer.from(`${sum(rest)} ${rest}\n`);
}

/** The line that begins at a byte, and the byte after it; undefined if there is no whole one. */
function decode(bytes: Buffer, start: number): { readonly body: unknown; readonly end: number } | undefined {
  // JSON has no newline in it.
  const end = bytes.indexOf("\n", start);
  if (end < start + SUM || bytes[start + SUM] !== 0x20) return undefined;
  const rest = bytes.subarray(start + SUM + 1, end);
  if (bytes.toString("latin1", start, start + SUM) !== sum(rest)) return undefined;
  return { body: JSON.parse(rest.toString("utf8", 2)), end: end + 1 };
}

async function write(file: FileHandle, data: Buffer, at: number): Promise<void> {
  for (let done = 0; done < data.length; ) done += (await file.write(data, done, data.length - done, at + done)).bytesWritten;
}

/** Makes sure that the names in a directory are on the disk. Windows does not let us, and says that it does so itself. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function failure(what: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  return new StoreError(code === "ENOSPC" || code === "EDQUOT" ? "full" : "failed", `${what}: ${message}`, cause);
}

/** When this process began, in milliseconds of the system's steady clock; the same in all its threads, but for a little. */
const BEGAN = Math.round(Number(process.hrtime.bigint()) / 1e6 - process.uptime() * 1e3);

/**
 * Takes a lock file, and returns what gives it back. The file says who has
 * it: `<process id> <when that began> <random>`. It is made by a link, so that
 * it is never there without its content.
 */
async function lock(path: string): Promise<() => Promise<void>> {
  const mine = `${process.pid} ${BEGAN} ${randomUUID()}`;
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, mine, { flag: "wx", mode: 0o600 });
  try {
    for (let tries = 0; tries < 20; tries++) {
      try {
        await link(draft, path);
        return () => unlock(path, mine);
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
      }
      const held = await holder(path);
      if (held === undefined) continue;
      const pid = Number.parseInt(held, 10);
      if (alive(held)) throw new StoreError("unavailable", `process ${pid} has ${dirname(path)} open; if that is not so, remove ${path}`);
      // Of those who find it stale, only one may remove it: another might remove the next one's.
      const release = await lock(`${path}.${sum(held)}`);
      try {
        await unlock(path, held);
      } finally {
        await release();
      }
    }
    throw new StoreError("unavailable", `too many processes want ${path}`);
  } finally {
    await rm(draft, { force: true });
  }
}

async function unlock(path: string, held: string): Promise<void> {
  if ((await holder(path)) === held) await rm(path, { force: true });
}

/** What a lock file says; undefined if there is none. */
async function holder(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "latin1");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}

function alive(held: string): boolean {
  const [, id, began] = /^([1-9]\d*) (\d+) /.exec(held) ?? [];
  // A loss of power may leave an empty file; else it has content from the first.
  if (id === undefined) return false;
  const pid = Number(id);
  // In a container, a process often has the id of the one before it.
  if (pid === process.pid) return Math.abs(Number(began) - BEGAN) < 50;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}
