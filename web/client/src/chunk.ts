/**
 * What the values of an archive look like: the manifest, the records of the
 * log, and the chunks, which are many entries of one collection in the order
 * of their ids, as one JSON text: [[id, version, id, version, …], [value, …]].
 * JSON.parse is a quarter faster at values that follow values like them than
 * at rows. All pure; archive.ts reads and writes them.
 */

import type { Entry, View } from "./api.js";
import { type Cover, coverOf, isDrops } from "./drop.js";
import { SynclineError } from "./errors.js";
import { search } from "./search.js";
import { HIGH } from "./sort.js";
import { Piece } from "./shelf.js";
import { type Doc, isDoc } from "./value.js";
import type { Del, Put } from "./wire.js";

/** A chunk that has no number yet. */
export interface Draft {
  /** The lowest id. All ids from it up to the next chunk's belong here, those below the first chunk to that one. */
  readonly first: string;
  readonly rows: number;
  /** Whether no id has code units that UTF-16 orders otherwise than code points are. */
  readonly plain: boolean;
  readonly text: string;
}

/** What the manifest says of a chunk. */
export interface Chunk {
  /** Its number. */
  readonly n: number;
  readonly first: string;
  readonly rows: number;
  /** UTF-16 code units of text. */
  readonly size: number;
  /** {@link hash} of the text. */
  readonly sum: number;
  /** As in a draft. Missing where an earlier version wrote it: not known. */
  readonly plain?: boolean | undefined;
}

/** All chunks of an archive, and what state they are. */
export interface Manifest {
  readonly rev: number;
  readonly cursor?: string | undefined;
  readonly view?: View | undefined;
  readonly scope?: string | undefined;
  /** The number of the next chunk. */
  readonly next: number;
  readonly collections: ReadonlyMap<string, readonly Chunk[]>;
}

/** A record of the log. */
export interface Logged {
  readonly rev: number;
  readonly cursor: string;
  /** If it is another than before. */
  readonly view?: View | undefined;
  /** Each time, so that none is what one who does not know of scopes has written. */
  readonly scope?: string | undefined;
  /** Comes before the others. */
  readonly drop?: View | undefined;
  readonly put: readonly Put[];
  readonly del: readonly Del[];
}

/** What the log changes in a collection: by chunk, undefined if there is none yet; by id, undefined if it is deleted. */
export type Changed = ReadonlyMap<Chunk | undefined, ReadonlyMap<string, Entry | undefined>>;

/** All of an archive but the chunks. */
export interface State {
  /** The manifest as it is in the store, if it is. */
  text: string | undefined;
  readonly manifest: Manifest;
  rev: number;
  cursor: string | undefined;
  view: View | undefined;
  scope: string | undefined;
  /** By collection. */
  readonly changes: Map<string, Map<Chunk | undefined, Map<string, Entry | undefined>>>;
  /** By collection, what of the chunks the log drops. Every chunk there is among the changes. */
  readonly drops: Map<string, Cover[]>;
  /** What the log costs to read, in code units. */
  weight: number;
}

/** The store does not hold what was written. */
export class DamageError extends SynclineError {
  declare readonly code: "damaged";

  constructor(what: string) {
    super("damaged", what + " is missing or damaged");
    this.name = "DamageError";
  }
}

/** The most code units in the text of a chunk; a single row may be longer. */
export const MAX_SIZE = 256 << 10;
/** The most rows of a chunk. */
export const MAX_ROWS = 2000;

/** How many rows are made into text at once. */
const BLOCK = 16;
/** Code units of a chunk beside its parts, and a comma after each but the last of both lists. */
const BRACKETS = 5;
/** What a record of the log weighs beside its text: many small values are slow to read. */
const RECORD = 256;
const NOTHING: Manifest = { rev: 0, next: 1, collections: new Map() };
const FORMAT = 2;

/** FNV-1a over code units: no change of one unit goes unseen. 2 ns a unit in Chromium, a quarter of what JSON.parse takes. */
export function hash(text: string): number {
  let h = text.length;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

function check(ok: boolean, what: string): asserts ok {
  if (!ok) throw new DamageError(what);
}

/** The value of JSON with that check sum, if one is given; undefined if it is something else, or missing. */
function parse(text: string | undefined, sum?: number): unknown {
  if (text === undefined || (sum !== undefined && hash(text) !== sum)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An object as JSON, its check sum before it. */
function seal(json: string): string {
  return hash(json) + json;
}

/** The sealed object, or one without members. */
function unseal(text = ""): Doc {
  const at = text.indexOf("{");
  const doc = parse(text.slice(at), Number(text.slice(0, at)));
  return isDoc(doc) ? doc : {};
}

/** A manifest as text. Any later format must be sealed and say its number as this one does, or this code takes it for damage. */
export function manifestText(manifest: Manifest): string {
  return seal(JSON.stringify({ format: FORMAT, ...manifest, collections: [...manifest.collections] }));
}

/** Reads a manifest. Throws {@link DamageError}, and `newer` for a later format. */
export function manifestOf(text: string | undefined): Manifest {
  const { format, rev, cursor, view, scope, next, collections } = unseal(text);
  if (isCount(format) && format > FORMAT) throw new SynclineError("newer", "a later version of this program wrote the archive");
  check(format === FORMAT && isCount(rev) && isCount(next) && isPlace(cursor, view, scope) && isList(collections, isPart), "the manifest");
  return { rev, cursor, view, scope, next, collections: new Map(collections as unknown as [string, Chunk[]][]) } as Manifest;
}

/** A record of the log as text. */
export function loggedText(logged: Logged): string {
  return seal(JSON.stringify(logged));
}

/** Reads the record of a rev. Throws {@link DamageError}. */
export function loggedOf(text: string | undefined, at: number): Logged {
  const { rev, cursor, view, scope, drop, put, del } = unseal(text);
  check(rev === at && isText(cursor) && isPlace(cursor, view, scope) && (drop === undefined || isDrops(drop)) && isList(put, isPut) && isList(del, isDel), `record ${at} of the log`);
  return { rev, cursor, view, scope, drop, put, del } as unknown as Logged;
}

/** Throws {@link DamageError} if a chunk is not what was written. */
export function verify({ n, sum }: Chunk, text: string, collection: string): void {
  check(hash(text) === sum, `chunk ${n} of ${collection}`);
}

/** Reads a chunk of a collection. Throws {@link DamageError} if its rows are not those that were written; without `careful`, if they cannot be: {@link verify} tells the rest. */
export function rowsOf({ n, first, rows, sum }: Chunk, text: string | undefined, collection: string, careful: boolean): readonly Entry[] {
  const what = `chunk ${n} of ${collection}`;
  const lists = parse(text, careful ? sum : undefined);
  check(isList(lists, Array.isArray), what);
  const [heads = [], values = []] = lists as unknown[][];
  check(values.length === rows && heads.length === 2 * rows, what);
  let last: string | undefined;
  return values.map((value, i) => {
    const id = heads[2 * i];
    const version = heads[2 * i + 1];
    check(isText(id) && isVersion(version) && isDoc(value) && (last === undefined ? id === first : id > last), what);
    last = id;
    return entryOf(collection, id, version, value);
  });
}

/**
 * The rows of a chunk, to be read when one of them is asked for; undefined if they have to be read at once, since they are not in the order in
 * which queries have them. Throws {@link DamageError} if the text is not there; later, `damaged` is called if {@link rowsOf} would throw, and there are none.
 */
export function pieceOf(chunk: Chunk, text: string | undefined, collection: string, damaged: (error: DamageError) => void): Piece | undefined {
  const { n, first, rows, size, plain } = chunk;
  check(text?.length === size, `chunk ${n} of ${collection}`);
  if (plain !== true) return undefined;
  return new Piece(first, rows, () => {
    try {
      return rowsOf(chunk, text, collection, false);
    } catch (error) {
      damaged(error as DamageError);
      return [];
    }
  });
}

/** The state of a manifest and an empty log; by default that of an empty store. */
export function begin(manifest = NOTHING, text?: string): State {
  const { rev, cursor, view, scope } = manifest;
  return { text, manifest, rev, cursor, view, scope, changes: new Map(), drops: new Map(), weight: 0 };
}

/** Takes a record, with so many code units of text, as the next one of the log. */
export function advance(state: State, { rev, cursor, view, scope, drop = [], put, del }: Logged, size: number): void {
  state.rev = rev;
  state.cursor = cursor;
  state.view = view ?? state.view;
  state.scope = scope;
  state.weight += size + RECORD;
  const note = (name: string, id: string, row?: Entry): void => {
    const chunk = find(state.manifest.collections.get(name) ?? [], id);
    under(under(state.changes, name), chunk).set(id, row);
  };
  const { names, covers } = coverOf(drop);
  for (const name of names) {
    const changed = under(state.changes, name);
    for (const rows of changed.values()) for (const [id, row] of rows) if (row !== undefined && covers(name, row.value)) rows.set(id, undefined);
    for (const chunk of state.manifest.collections.get(name) ?? []) under(changed, chunk);
    state.drops.set(name, [...(state.drops.get(name) ?? []), covers]);
  }
  for (const [name, id, version, value] of put) note(name, id, entryOf(name, id, version, value));
  for (const [name, id] of del) note(name, id);
}

/** The chunk that an id belongs to; undefined if there are none. */
function find(chunks: readonly Chunk[], id: string): Chunk | undefined {
  const at = search(chunks.length, (i) => (chunks[i] as Chunk).first <= id);
  return chunks[Math.max(0, at - 1)];
}

function under<K, A, B>(map: Map<K, Map<A, B>>, key: K): Map<A, B> {
  let inner = map.get(key);
  if (inner === undefined) map.set(key, (inner = new Map<A, B>()));
  return inner;
}

/** Sorts rows by id, in place. Quick if most of them are in order. */
export function sort(rows: Entry[]): Entry[] {
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Rows with drops and changes made, in order; undefined: the entry is deleted. */
export function merge(rows: readonly Entry[], changed?: ReadonlyMap<string, Entry | undefined>, drops: readonly Cover[] = []): readonly Entry[] {
  if (changed === undefined) return rows;
  const merged = rows.filter(({ collection, id, value }) => !changed.has(id) && !drops.some((covers) => covers(collection, value)));
  for (const row of changed.values()) if (row !== undefined) merged.push(row);
  return sort(merged);
}

/** Makes rows, which are in order, into chunks as full as they may be. */
export function pack(rows: readonly Entry[]): Draft[] {
  const drafts: Draft[] = [];
  let heads: string[] = [];
  let values: string[] = [];
  let size = BRACKETS;
  let from = 0;
  const close = (to: number): void => {
    const first = rows[from];
    const head = heads.join(",");
    if (first !== undefined) drafts.push({ first: first.id, rows: to - from, plain: !HIGH.test(head), text: `[[${head}],[${values.join(",")}]]` });
    heads = [];
    values = [];
    size = BRACKETS;
    from = to;
  };
  // A block of rows at a time, which costs little more than all at once; row by row, which costs double, near the end of a chunk.
  for (let at = 0, take = BLOCK; at < rows.length; ) {
    const block = rows.slice(at, at + take);
    const head = members(block.flatMap(({ id, version }) => [id, version]));
    const value = members(block.map(({ value }) => value));
    const more = head.length + value.length + 2;
    const full = size + more > MAX_SIZE || at + block.length - from > MAX_ROWS;
    if (full && take > 1) {
      take = 1;
    } else if (full && at > from) {
      close(at);
      take = BLOCK;
    } else {
      heads.push(head);
      values.push(value);
      size += more;
      at += block.length;
    }
  }
  close(rows.length);
  return drafts;
}

/** A list as JSON, without brackets. */
function members(list: readonly unknown[]): string {
  return JSON.stringify(list).slice(1, -1);
}

function entryOf(collection: string, id: string, version: number, value: Doc): Entry {
  return { collection, id, value, version, state: "confirmed" };
}

const isText = (v: unknown): v is string => typeof v === "string";
const isCount = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 0;
const isList = (v: unknown, each: (v: unknown) => boolean): boolean => Array.isArray(v) && v.every(each);
const isVersion = (v: unknown): v is number => isCount(v) && v > 0;
const isPut = (v: unknown): boolean => Array.isArray(v) && isText(v[0]) && isText(v[1]) && isVersion(v[2]) && isDoc(v[3]);
const isDel = (v: unknown): boolean => Array.isArray(v) && isText(v[0]) && isText(v[1]);
const isChunk = (v: unknown): boolean => isDoc(v) && isText(v["first"]) && [v["n"], v["rows"], v["size"], v["sum"]].every(isCount);
const isPart = (v: unknown): boolean => Array.isArray(v) && isText(v[0]) && isList(v[1], isChunk);
const isPlace = (cursor: unknown = "", view: unknown = [], scope: unknown = ""): boolean => isText(cursor) && isText(scope) && isList(view, (part) => isDoc(part) && isText(part["in"]));
