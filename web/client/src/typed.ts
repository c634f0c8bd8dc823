/**
 * A space whose collections have types, from schemas of any library that
 * speaks Standard Schema (Zod, Valibot, ArkType, …), or only for TypeScript.
 *
 * ```ts
 * const app = { cards: z.object({ title: z.string(), votes: z.number().int(), tags: z.array(z.string()) }) };
 * const board = typed(client.space("demo/board", { view: [{ in: "cards" }] }), app);
 * board.put("cards", "c1", { title: "Write", votes: 0, tags: [] });
 * board.patch("cards", "c1", { $inc: { votes: 1 }, $add: { tags: ["x"] } });
 * const { rows, misfits } = board.query({ in: "cards", where: { votes: { $gt: 3 } }, sort: ["title"] });
 * ```
 *
 * *What is stored* is what the schema takes, as it was passed; *what is shown* is what the schema makes of that, each time.
 * So a date may be stored as a string and be shown as a `Date`, and a schema may get another default: but a selector or sort
 * key, as a patch, is about what is stored, where a default is missing.
 *
 * *What does not fit*, because it was written before the schema was changed, or by a program that has another one, is a
 * {@link Misfit}: queries keep it apart from their rows, {@link TypedSpace.get} returns it, {@link TypedSpace.onMisfit} is told
 * of it, and if nobody listens it is reported as an error that nobody caught. It stays as it is, and is replaced by `put`.
 *
 * @module
 */

import type { Entry, EntryState, LiveQuery, MutateOptions, Mutation, OpOptions, QueryResult, Rejected, Space, Status } from "./api.js";
import { Facade } from "./facade.js";
import type { Lensed } from "./lens.js";
import type { Collections, Kind, NameOf, TypedQuery, TypedUpdate } from "./shape.js";
import type { InputOf, Issue, OutputOf, StandardSchema } from "./standard.js";

export { InvalidError } from "./invalid.js";
export type { At, Collections, Kind, NameOf, Path, TypedQuery, TypedUpdate, TypedWhere } from "./shape.js";
export type { InputOf, Issue, OutputOf, StandardIssue, StandardResult, StandardSchema } from "./standard.js";

/** The schemas of collections, by name: a plain object, as schema libraries and their friends declare them. */
export type Schemas = { readonly [collection: string]: StandardSchema };

/** The kinds of collections with schemas. */
export type Checked<S extends Schemas> = { readonly [N in keyof S]: { readonly input: InputOf<S[N]>; readonly output: OutputOf<S[N]>; readonly misfit: Misfit } };

/** The kinds of collections that have only types: nothing is checked at run time, so nothing is found not to fit. */
export type Unchecked<T extends object> = { readonly [N in keyof T]: { readonly input: T[N]; readonly output: T[N]; readonly misfit: never } };

/** An entry whose record fits. One that has not changed stays the same object. */
export interface TypedEntry<V> {
  readonly collection: string;
  readonly id: string;
  /** What the schema makes of the record. */
  readonly value: V;
  /** As of {@link Entry}. */
  readonly version: number;
  readonly state: EntryState;
  /** The entry as it is stored. */
  readonly stored: Entry;
  readonly issues?: undefined;
}

/** An entry whose record does not fit the schema of its collection. */
export interface Misfit {
  readonly collection: string;
  readonly id: string;
  readonly value: undefined;
  readonly version: number;
  readonly state: EntryState;
  /** The entry as it is stored, with the record. */
  readonly stored: Entry;
  /** Why; at least one. */
  readonly issues: readonly Issue[];
}

/** What there can be of a kind: an entry with its value, or a misfit, whose value is undefined. */
export type Shown<K extends Kind> = TypedEntry<K["output"]> | K["misfit"];

/** The answer to a query at one moment. */
export interface TypedResult<K extends Kind> extends Omit<QueryResult, "rows"> {
  /** Those that fit, in order. */
  readonly rows: readonly TypedEntry<K["output"]>[];
  /** Those that would be rows, too, but do not fit. They take places of `limit`, and count in `total`. */
  readonly misfits: readonly K["misfit"][];
}

/** A query that is kept up to date: as {@link LiveQuery}. Each record is checked once, when it is first looked at. */
export interface TypedLiveQuery<K extends Kind> extends Omit<LiveQuery, "result" | "rows"> {
  readonly result: TypedResult<K>;
  readonly rows: readonly TypedEntry<K["output"]>[];
  readonly misfits: readonly K["misfit"][];
}

/** Reads and collects operations inside {@link TypedSpace.mutate}, as {@link Tx}. What is read has the misfits in it. */
export interface TypedTx<in out C extends Collections> {
  get<N extends NameOf<C>>(collection: N, id: string): Shown<C[N]> | undefined;
  query<N extends NameOf<C>>(query: TypedQuery<C, N>): readonly Shown<C[N]>[];
  put<N extends NameOf<C>>(collection: N, id: string, value: C[N]["input"], options?: OpOptions): void;
  patch<N extends NameOf<C>>(collection: N, id: string, update: TypedUpdate<C[N]["input"]>, options?: OpOptions): void;
  delete(collection: NameOf<C>, id: string, options?: OpOptions): void;
}

/**
 * A space with types, for the application and for the bindings. Whatever does not depend on types, such as presence and
 * views, is at {@link TypedSpace.space}.
 */
// `in out` is said because to work it out from the members is too much for TypeScript.
export interface TypedSpace<in out C extends Collections> extends Lensed {
  /** The space itself: for all that has no types here, and for what must get around them. */
  readonly space: Space;
  readonly path: string;
  readonly ready: Promise<void>;
  readonly status: Status;
  readonly pending: readonly Mutation[];
  readonly rejected: readonly Rejected[];
  subscribe(fn: () => void): () => void;
  /** Throws {@link InvalidError} for a value that does not fit, `async_schema`, and as {@link Space.put}. */
  put<N extends NameOf<C>>(collection: N, id: string, value: C[N]["input"], options?: OpOptions): Mutation;
  /**
   * Throws {@link InvalidError} if the entry is there and fits now, but would not after this, `async_schema`, and as
   * {@link Space.patch}. What others have changed meanwhile is not known here: the server does not check schemas.
   */
  patch<N extends NameOf<C>>(collection: N, id: string, update: TypedUpdate<C[N]["input"]>, options?: OpOptions): Mutation;
  delete(collection: NameOf<C>, id: string, options?: OpOptions): Mutation;
  /** As {@link Space.mutate}; throws what {@link put} and {@link patch} do, and then nothing is changed. */
  mutate(fn: (tx: TypedTx<C>) => void, options?: MutateOptions): Mutation;
  get<N extends NameOf<C>>(collection: N, id: string): Shown<C[N]> | undefined;
  query<N extends NameOf<C>>(query: TypedQuery<C, N>): TypedLiveQuery<C[N]>;
  /** All misfits of the collections that have a schema, as of when they have been read from the disk: checks all records of them. */
  misfits(): Promise<readonly Misfit[]>;
  /** Calls `fn` for each misfit that is found from now on, and again if something else is wrong with it; returns the end of that. */
  onMisfit(fn: (misfit: Misfit) => void): () => void;
}

const NONE: Schemas = {};
/** By space and schemas, so that it may be asked for in each render. */
const made = new WeakMap<Space, WeakMap<Schemas, object>>();

/** Gives types to a space, for TypeScript only: `typed<{ cards: Card }>(space)`. The same object for the same space. */
export function typed<T extends object>(space: Space): TypedSpace<Unchecked<T>>;
/**
 * Gives a space the types of schemas, which also check what is written and read through it. The same object for the same space and
 * the same object of schemas. Throws `bad_schema` for what is no Standard Schema of version 1.
 */
export function typed<S extends Schemas>(space: Space, schemas: S): TypedSpace<Checked<S>>;
export function typed(space: Space, schemas: Schemas = NONE): unknown {
  let all = made.get(space);
  if (all === undefined) made.set(space, (all = new WeakMap<Schemas, object>()));
  let there = all.get(schemas);
  if (there === undefined) all.set(schemas, (there = new Facade(space, schemas)));
  return there;
}
