/**
 * Collections of TanStack DB that are kept in Syncline: joins, aggregates and
 * live queries come from there, storage and synchronisation from here.
 *
 * ```ts
 * const cards = createCollection(synclineCollectionOptions<Card>({ space: board, collection: "cards" }));
 * cards.update("c1", (card) => { card.done = true; });
 * ```
 *
 * A change of a collection becomes one Syncline mutation at once, and TanStack's transaction ends there: from then on it is
 * Syncline that shows the change, sends it, and takes it back if it is refused. Both steps are one for who looks: TanStack
 * puts off what a collection is told while a transaction of it goes on. For that reason a transaction must not last until the
 * server has confirmed it: without network nothing new would come into the collection. {@link mutationOf} has the rest.
 *
 * @module
 */

import type { CollectionConfig, SyncConfig } from "@tanstack/db";
import type { Doc, Entry, Mutation, Space, Tx, UpdateOps, Where } from "./api.js";
import { equal } from "./compare.js";
import { report } from "./emitter.js";
import { SynclineError } from "./errors.js";
import { maxPathSegments, pathText } from "./path.js";
import { isDoc, type Value } from "./value.js";

/** Options of {@link synclineCollectionOptions}. */
export interface SynclineCollection<T extends object> {
  readonly space: Space;
  /** The name of the collection in the space; the space's view must have it. */
  readonly collection: string;
  /** Which of the entries. */
  readonly where?: Where;
  /**
   * The id of the entry, for rows that are the records themselves: it must be in the record, and say what the entry is called.
   * By default a row is the record and its id as `id`, which the record does not have.
   */
  readonly getKey?: (row: T) => string;
  /** The name of TanStack's collection. */
  readonly id?: string;
}

/** What is in `utils` of such a collection. */
export type SynclineUtils = {
  readonly space: Space;
  /** The name of the collection in the space. */
  readonly collection: string;
};

/** What this file needs of a change of TanStack's. */
interface Change {
  readonly type: "insert" | "update" | "delete";
  readonly key: unknown;
  readonly original: object;
  readonly modified: object;
  readonly collection: { readonly utils: object };
}

interface Transaction {
  readonly mutations: readonly Change[];
}

interface Target {
  readonly space: Space;
  readonly collection: string;
  /** Whether rows have the id of their entry, which records do not. */
  readonly named: boolean;
}

/** By the `utils` of collections. */
const targets = new WeakMap<object, Target>();
const made = new WeakMap<object, Mutation>();

/** Options for TanStack's `createCollection`. It is ready when the space is live, or what is on the disk has rows, or there is no network. */
export function synclineCollectionOptions<T extends object>(
  options: SynclineCollection<T>,
): CollectionConfig<T, string, never, SynclineUtils> & { readonly schema?: never; utils: SynclineUtils } {
  const { space, collection, getKey, id } = options;
  const utils = { space, collection };
  targets.set(utils, { space, collection, named: getKey === undefined });
  return {
    ...(id !== undefined && { id }),
    getKey: getKey ?? ((row) => (row as { id: string }).id),
    sync: { rowUpdateMode: "full", sync: (into) => follow(options, into) },
    onInsert: synclineMutation,
    onUpdate: synclineMutation,
    onDelete: synclineMutation,
    utils,
  };
}

/**
 * Makes one Syncline mutation of a whole transaction: a `mutationFn` for TanStack's `createTransaction`, also over several
 * collections of one space. Rejects with `one_space` for another collection, and as {@link Space.mutate}; nothing is changed
 * then. An insert is a `put`, an update a `patch` of what differs, so that changes of different fields merge.
 */
// Async, although it waits for nothing: who calls it expects a promise, also of an error.
export async function synclineMutation({ transaction }: { readonly transaction: Transaction }): Promise<void> {
  let space: Space | undefined;
  const writes = transaction.mutations.map((change) => {
    const target = targets.get(change.collection.utils);
    space ??= target?.space;
    if (target === undefined || target.space !== space) {
      throw new SynclineError("one_space", "a mutation changes collections of one Syncline space, and none of elsewhere");
    }
    return writeOf(change, target);
  }).filter((one) => one !== undefined);
  if (space === undefined || writes.length === 0) return; // it changes nothing
  const mutation = space.mutate((tx) => {
    for (const one of writes) one(tx);
  });
  made.set(transaction, mutation);
}

/** The mutation that a transaction has become, with its way to the server; undefined if it is not committed, or is nobody's here. */
export function mutationOf(transaction: object): Mutation | undefined {
  return made.get(transaction);
}

/** Tells TanStack what a query shows. */
function follow<T extends object>({ space, collection, where, getKey }: SynclineCollection<T>, into: Parameters<SyncConfig<T, string>["sync"]>[0]): () => void {
  const query = space.query({ in: collection, ...(where !== undefined && { where }) });
  const cache = new WeakMap<Entry, T | undefined>();
  let shown: ReadonlyMap<string, T> = new Map<string, T>();
  let ready = false;
  const rowOf = (entry: Entry): T | undefined => {
    if (!cache.has(entry)) {
      const row = makeRow(entry, getKey);
      const old = shown.get(entry.id);
      // A row that says the same stays the same, as where only a change of ours is confirmed.
      cache.set(entry, row && old && equal(row as object as Doc, old as object as Doc) ? old : row);
    }
    return cache.get(entry);
  };
  const show = (): void => {
    const { rows, status, lastSynced } = query.result;
    const now = new Map<string, T>();
    for (const entry of rows) {
      const row = rowOf(entry);
      if (row !== undefined) now.set(entry.id, row);
    }
    const changed = [...now].filter(([id, row]) => shown.get(id) !== row);
    const gone = [...shown.keys()].filter((id) => !now.has(id));
    if (changed.length + gone.length > 0) {
      into.begin();
      for (const [id, value] of changed) into.write({ type: shown.has(id) ? "update" : "insert", value });
      for (const key of gone) into.write({ type: "delete", key });
      into.commit();
      shown = now;
    }
    if (ready || status === "loading" || (status === "stale" && lastSynced === null && rows.length === 0)) return;
    ready = true;
    into.markReady();
  };
  const end = query.subscribe(show);
  show();
  return () => {
    end();
    query.close();
  };
}

/** The row of an entry. One that would stand under another key than the entry's is left out, and reported. */
function makeRow<T extends object>({ collection, id, value }: Entry, getKey: ((row: T) => string) | undefined): T | undefined {
  if (getKey === undefined) return { ...value, id } as object as T;
  const row = value as object as T;
  if (getKey(row) === id) return row;
  report(new SynclineError("bad_key", `${collection}/${id} is not shown: its record says that it is ${getKey(row)}`));
  return undefined;
}

/** What a change does to the space; undefined is nothing. */
function writeOf({ type, key, original, modified }: Change, { collection, named }: Target): ((tx: Tx) => void) | undefined {
  const id = key as string; // getKey says so
  if (type === "delete") return (tx) => tx.delete(collection, id);
  const after = recordOf(modified, named);
  if (type === "insert") return (tx) => tx.put(collection, id, after);
  const patch = difference(recordOf(original, named), after);
  return patch && ((tx) => tx.patch(collection, id, patch));
}

/** The record of a row: without its id, and without what is only there to be undefined. */
function recordOf(row: object, named: boolean): Doc {
  return Object.fromEntries(Object.entries(row).filter(([name, value]) => value !== undefined && !(named && name === "id"))) as Doc;
}

/** The update that makes one record of another; undefined if they are the same. */
function difference(before: Doc, after: Doc): UpdateOps | undefined {
  const set: [string, Value][] = [];
  const unset: string[] = [];
  const walk = (a: Doc, b: Doc, at: readonly string[]): void => {
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const [old, now] = [a[name], b[name]];
      const path = [...at, name];
      if (now === undefined) unset.push(pathText(path));
      else if (isDoc(old) && isDoc(now) && path.length < maxPathSegments) walk(old, now, path);
      else if (!equal(old, now)) set.push([pathText(path), now]);
    }
  };
  walk(before, after, []);
  if (set.length + unset.length === 0) return undefined;
  return { ...(set.length > 0 && { $set: Object.fromEntries(set) }), ...(unset.length > 0 && { $unset: unset }) };
}
