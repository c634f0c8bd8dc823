import type { Doc, Entry, MutateOptions, Op, OpOptions, Query, Reads, Tx, UpdateOps, ViewPart } from "./api.js";
import { SynclineError } from "./errors.js";
import { checkCollection, checkId, keyOf, type Key } from "./key.js";
import { readQuery, select } from "./live.js";
import type { Replica } from "./replica.js";
import { parseUpdate } from "./update.js";

/** Collects the operations of one mutation and, for a serializable one, what it read. */
export class Transaction implements Tx {
  readonly ops: Op[] = [];
  readonly #replica: Replica;
  readonly #loaded: (collection: string) => boolean;
  readonly #serializable: boolean;
  /** What the operations so far made of entries; undefined is deleted. */
  readonly #made = new Map<Key, Entry | undefined>();
  readonly #keys = new Map<Key, readonly [string, string]>();
  readonly #where = new Map<string, ViewPart>();

  /** `loaded` tells whether all that is on the disk of a collection is in the replica, and sees to it if not. */
  constructor(replica: Replica, loaded: (collection: string) => boolean, options: MutateOptions = {}) {
    this.#replica = replica;
    this.#loaded = loaded;
    this.#serializable = options.serializable === true;
  }

  /** What was read; undefined for a mutation that is not serializable. */
  get reads(): Reads | undefined {
    if (!this.#serializable) return undefined;
    const { seq, scope } = this.#replica;
    return {
      at: seq,
      ...(this.#keys.size > 0 && { keys: [...this.#keys.values()] }),
      ...(this.#where.size > 0 && { where: [...this.#where.values()] }),
      ...(scope && { scope }),
    };
  }

  get(collection: string, id: string): Entry | undefined {
    checkCollection(collection);
    checkId(id);
    this.#reading(collection);
    const key = keyOf(collection, id);
    this.#keys.set(key, [collection, id]);
    return this.#made.has(key) ? this.#made.get(key) : this.#replica.get(collection, id);
  }

  query(query: Query): readonly Entry[] {
    const parsed = readQuery(query);
    this.#reading(query.in);
    const where = query.where === undefined ? {} : { where: JSON.parse(parsed.where.toString()) as NonNullable<typeof query.where> };
    this.#where.set(query.in + parsed.where.toString(), { in: query.in, ...where });
    return select(parsed, this.#entries(query.in));
  }

  put(collection: string, id: string, value: Doc, options?: OpOptions): void {
    this.#add({ op: "put", in: collection, id, value, ...options }, () => value);
  }

  /** An update that does not fit what is there shows nothing; the server decides. */
  patch(collection: string, id: string, patch: UpdateOps, options?: OpOptions): void {
    const update = parseUpdate(patch);
    this.#add({ op: "patch", in: collection, id, patch, ...options }, (before) => before && update.apply(before));
  }

  delete(collection: string, id: string, options?: OpOptions): void {
    this.#add({ op: "delete", in: collection, id, ...options }, () => undefined);
  }

  /** What is computed from a part of the data must not count as computed from all of it. */
  #reading(collection: string): void {
    if (this.#replica.hides(collection) && this.#serializable) {
      throw new SynclineError("expired", `the lease of ${collection} has run out: it can be read when the server was heard of again`);
    }
    if (!this.#loaded(collection) && this.#serializable) {
      throw new SynclineError("not_loaded", `${collection} is not here yet`);
    }
  }

  #add(op: Op, run: (before: Doc | undefined) => Doc | undefined): void {
    checkCollection(op.in);
    checkId(op.id);
    this.ops.push(op);
    const key = keyOf(op.in, op.id);
    const before = this.#made.has(key) ? this.#made.get(key) : this.#replica.get(op.in, op.id);
    try {
      const value = run(before?.value);
      const entry: Entry | undefined = value && { collection: op.in, id: op.id, value, version: before?.version ?? 0, state: "pending" };
      this.#made.set(key, entry);
    } catch {
      // as if the operation were not there
    }
  }

  *#entries(collection: string): IterableIterator<Entry> {
    for (const entry of this.#replica.entries(collection)) {
      if (!this.#made.has(keyOf(collection, entry.id))) yield entry;
    }
    for (const entry of this.#made.values()) {
      if (entry?.collection === collection) yield entry;
    }
  }
}
