import type { Doc, Entry, Op, Query, UpdateOps } from "./api.js";
import type { MutatorTx } from "./define.js";
import { SynclineError } from "./errors.js";
import { checkCollection, checkId, keyOf, type Key } from "./key.js";
import { readQuery, select } from "./live.js";
import type { Ground } from "./player.js";
import { prepare } from "./prepare.js";
import { Random } from "./random.js";

/** The server has its own, and says so. */
const NOLIMITS = { entry: Infinity, mutation: Infinity, ops: Infinity };

/** What `tx.reject` throws. */
export class Refusal extends SynclineError {}

/** One run of a mutator: what it reads, and what it makes of it. Nothing of it is shown before it has ended well. */
export class Stage {
  readonly ops: Op[] = [];
  readonly made = new Map<Key, Doc | undefined>();
  readonly touched = new Set<string>();
  readonly tx: MutatorTx<{ readonly [collection: string]: unknown }>;
  readonly #ground: Ground;
  #closed = false;

  constructor(now: number, seed: string, ground: Ground) {
    this.#ground = ground;
    let made: Random | undefined;
    const random = (): Random => (this.#open(), (made ??= new Random(seed)));
    this.tx = {
      now,
      user: ground.user,
      space: ground.path,
      get: (collection, id) => this.#get(collection, id),
      query: (query) => this.#query(query as Query),
      put: (collection, id, value) => this.#do({ op: "put", in: collection, id, value }),
      patch: (collection, id, patch) => this.#do({ op: "patch", in: collection, id, patch: patch as UpdateOps }),
      delete: (collection, id) => this.#do({ op: "delete", in: collection, id }),
      random: () => random().random(),
      id: () => random().id(),
      reject(message, { code = "refused" } = {}) {
        throw new Refusal(code, message);
      },
    };
  }

  /** What keeps `tx` for later gets nothing more from it. */
  close(): void {
    this.#closed = true;
  }

  #open(): void {
    if (this.#closed) throw new SynclineError("closed", "the mutator has ended: its tx cannot be used later");
  }

  #get(collection: string, id: string): Doc | undefined {
    checkCollection(collection);
    checkId(id);
    const value = this.#now(keyOf(collection, id), collection, id);
    return value && copy(value);
  }

  #now(key: Key, collection: string, id: string): Doc | undefined {
    this.#open();
    this.touched.add(key);
    return this.made.has(key) ? this.made.get(key) : this.#ground.get(collection, id)?.value;
  }

  #query(query: Query): { readonly id: string; readonly value: Doc }[] {
    this.#open();
    const parsed = readQuery(query);
    this.touched.add(query.in);
    return select(parsed, this.#entries(query.in)).map(({ id, value }) => ({ id, value: copy(value) }));
  }

  #do(raw: Op): void {
    const { ops, steps } = prepare([raw], undefined, NOLIMITS);
    const [op, step] = [ops[0], steps[0]];
    if (op === undefined || step === undefined) return;
    const { key } = step;
    const before = this.#now(key, op.in, op.id);
    const after = step.run(before);
    this.ops.push(op);
    if (before !== undefined || after !== undefined) this.made.set(key, after);
  }

  *#entries(collection: string): IterableIterator<Entry> {
    for (const entry of this.#ground.entries(collection)) if (!this.made.has(keyOf(collection, entry.id))) yield entry;
    const prefix = collection + "/";
    for (const [key, value] of this.made) {
      if (value !== undefined && key.startsWith(prefix)) yield { collection, id: key.slice(prefix.length), value, version: 0, state: "pending" };
    }
  }
}

/** A copy of JSON. The device's own is shared: a mutator may do with a copy as it likes. */
export function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
