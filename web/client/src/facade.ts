import type { Doc, Entry, Json, MutateOptions, Mutation, OpOptions, Query, QueryResult, Rejected, Space, Status, Tx, UpdateOps } from "./api.js";
import { Emitter, report } from "./emitter.js";
import { SynclineError } from "./errors.js";
import { InvalidError, spell } from "./invalid.js";
import { LENS, type Lens, type Lensed } from "./lens.js";
import { type StandardSchema, validate, type Verdict } from "./standard.js";
import type { Misfit, Schemas, TypedEntry, TypedLiveQuery, TypedResult } from "./typed.js";
import { parseUpdate } from "./update.js";

/** At run time there are no kinds: what TypeScript has checked outside is untyped here. */
interface Any {
  readonly input: unknown;
  readonly output: unknown;
  readonly misfit: Misfit;
}
type Some = TypedEntry<unknown> | Misfit;
type Apart = Pick<TypedResult<Any>, "rows" | "misfits">;
type UntypedTx = Omit<Tx, "get" | "query"> & { get(collection: string, id: string): Some | undefined; query(query: Query): readonly Some[] };

/** What {@link typed} makes: checks on the way in, shows on the way out, and remembers what it has shown. */
export class Facade implements Lensed {
  readonly space: Space;
  readonly [LENS]: Lens;
  readonly #schemas: Schemas;
  readonly #shown = new WeakMap<Entry, Some>();
  readonly #apart = new WeakMap<readonly Entry[], Apart>();
  readonly #results = new WeakMap<QueryResult, TypedResult<Any>>();
  /** What was said last of entries that do not fit. */
  readonly #told = new Map<string, string>();
  readonly #misfit = new Emitter<[Misfit]>();

  constructor(space: Space, schemas: Schemas) {
    for (const [name, schema] of Object.entries(schemas)) {
      if ((schema as Partial<StandardSchema> | undefined)?.["~standard"]?.version === 1) continue;
      throw new SynclineError("bad_schema", `the schema of ${name} is no Standard Schema of version 1: take one of a library that makes them, or typed<{ ${name}: … }>(space) for types only`);
    }
    this.space = space;
    this.#schemas = schemas;
    this[LENS] = { space, result: (result) => this.#result(result), entry: (entry) => this.#show(entry) };
  }

  get path(): string {
    return this.space.path;
  }

  get ready(): Promise<void> {
    return this.space.ready;
  }

  get status(): Status {
    return this.space.status;
  }

  get pending(): readonly Mutation[] {
    return this.space.pending;
  }

  get rejected(): readonly Rejected[] {
    return this.space.rejected;
  }

  subscribe(fn: () => void): () => void {
    return this.space.subscribe(fn);
  }

  put(collection: string, id: string, value: Doc, options?: OpOptions): Mutation {
    this.#check(collection, id, value);
    return this.space.put(collection, id, value, options);
  }

  patch(collection: string, id: string, update: UpdateOps, options?: OpOptions): Mutation {
    this.#patched(collection, id, this.space.get(collection, id)?.value, update);
    return this.space.patch(collection, id, update, options);
  }

  delete(collection: string, id: string, options?: OpOptions): Mutation {
    return this.space.delete(collection, id, options);
  }

  /** Of an {@link AppSpace}. */
  call(name: string, args?: Json): Mutation {
    return this.space.call(name, args);
  }

  mutate(fn: (tx: UntypedTx) => void, options?: MutateOptions): Mutation {
    return this.space.mutate((tx) => fn(this.#tx(tx)), options);
  }

  get(collection: string, id: string): Some | undefined {
    const entry = this.space.get(collection, id);
    return entry && this.#show(entry);
  }

  query(query: Query): TypedLiveQuery<Any> {
    const live = this.space.query(query);
    const result = (): TypedResult<Any> => this.#result(live.result);
    return {
      get result() {
        return result();
      },
      get rows() {
        return result().rows;
      },
      get misfits() {
        return result().misfits;
      },
      get total() {
        return live.total;
      },
      ready: live.ready,
      subscribe: (fn) => live.subscribe(fn),
      close: () => live.close(),
    };
  }

  async misfits(): Promise<readonly Misfit[]> {
    const queries = Object.keys(this.#schemas).map((name) => this.query({ in: name }));
    try {
      await Promise.all(queries.map(({ ready }) => ready));
      return queries.flatMap(({ misfits }) => misfits);
    } finally {
      for (const query of queries) query.close();
    }
  }

  onMisfit(fn: (misfit: Misfit) => void): () => void {
    return this.#misfit.subscribe(fn);
  }

  #tx(tx: Tx): UntypedTx {
    // What the operations have made of entries so far: to ask `tx` for it would count as a read of the mutation.
    const now = new Map<string, Doc | undefined>();
    const set = (collection: string, id: string, value: Doc | undefined): unknown => now.set(`${collection}/${id}`, value);
    return {
      get: (collection, id) => {
        const entry = tx.get(collection, id);
        return entry && this.#show(entry);
      },
      query: (query) => tx.query(query).map((entry) => this.#show(entry)),
      put: (collection, id, value, options) => {
        this.#check(collection, id, value);
        tx.put(collection, id, value, options);
        set(collection, id, value);
      },
      patch: (collection, id, update, options) => {
        const key = `${collection}/${id}`;
        const before = now.has(key) ? now.get(key) : this.space.get(collection, id)?.value;
        const after = this.#patched(collection, id, before, update);
        tx.patch(collection, id, update, options);
        set(collection, id, after);
      },
      delete: (collection, id, options) => {
        tx.delete(collection, id, options);
        set(collection, id, undefined);
      },
    };
  }

  #verdict(collection: string, value: unknown): Verdict {
    const schema = Object.hasOwn(this.#schemas, collection) ? this.#schemas[collection] : undefined;
    return schema === undefined ? { value } : validate(schema, value);
  }

  #check(collection: string, id: string, value: unknown): void {
    const verdict = this.#verdict(collection, value);
    if (verdict.issues === undefined) return;
    if (!verdict.sync) throw new SynclineError("async_schema", `${collection}/${id} cannot be checked: ${spell(verdict.issues)}. Nothing was changed`);
    throw new InvalidError(collection, id, verdict.issues);
  }

  /** The record after an update, which is checked if the one before fits: one that does not must be mendable. */
  #patched(collection: string, id: string, before: Doc | undefined, update: UpdateOps): Doc | undefined {
    const parsed = parseUpdate(update);
    if (before === undefined) return undefined;
    let after: Doc;
    try {
      after = parsed.apply(before);
    } catch {
      return before; // it does nothing here; the server says so
    }
    const fits = this.#verdict(collection, before);
    if (fits.issues === undefined || !fits.sync) this.#check(collection, id, after);
    return after;
  }

  #show(entry: Entry): Some {
    let shown = this.#shown.get(entry);
    if (shown === undefined) {
      const { collection, id, version, state } = entry;
      const base = { collection, id, version, state, stored: entry };
      const verdict = this.#verdict(collection, entry.value);
      shown = verdict.issues === undefined ? { ...base, value: verdict.value } : { ...base, value: undefined, issues: verdict.issues };
      this.#shown.set(entry, shown);
      this.#tell(shown);
    }
    return shown;
  }

  #tell(shown: Some): void {
    const { collection, id, issues } = shown;
    const key = `${collection}/${id}`;
    if (issues === undefined) {
      this.#told.delete(key);
      return;
    }
    const text = spell(issues);
    if (this.#told.get(key) === text) return;
    this.#told.set(key, text);
    // Later, because a page may be drawing itself just now.
    queueMicrotask(() => {
      if (this.#misfit.used) this.#misfit.emit(shown);
      else report(new SynclineError("misfit", `${this.path}: ${key} does not fit its schema and is not among the rows: ${text}. Mend it with put, or let the schema take it; onMisfit hears of it instead of this error`));
    });
  }

  #result(result: QueryResult): TypedResult<Any> {
    let shown = this.#results.get(result);
    if (shown === undefined) this.#results.set(result, (shown = { ...result, ...this.#divide(result.rows) }));
    return shown;
  }

  #divide(entries: readonly Entry[]): Apart {
    let apart = this.#apart.get(entries);
    if (apart === undefined) {
      const rows: TypedEntry<unknown>[] = [];
      const misfits: Misfit[] = [];
      for (const entry of entries) {
        const shown = this.#show(entry);
        if (shown.issues === undefined) rows.push(shown);
        else misfits.push(shown);
      }
      this.#apart.set(entries, (apart = { rows, misfits }));
    }
    return apart;
  }
}
