/**
 * One file for an application's data: it gives the web client its types, the server its rules, and both sides the mutators.
 *
 * ```ts
 * export default define({
 *   spaces: {
 *     "team/{team}": {
 *       open: "member(space.team)",
 *       relations: { member: { in: "members", subject: "user", object: "team" } },
 *       collections: { cards: { schema: Card, read: "member(space.team)" } },
 *       mutators: {
 *         closeCard: {
 *           allow: "member(space.team)",
 *           as: "space",
 *           args: z.object({ id: z.string() }),
 *           run(tx, { id }) {
 *             tx.patch("cards", id, { $set: { done: true } });
 *           },
 *         },
 *       },
 *     },
 *   },
 * });
 * ```
 *
 * The server reads it by `syncline dev app.ts` or `--definition app.ts` (docs/TYPESCRIPT.md), in a sandbox that has this module and what
 * the file imports, and no network, disk or clock. Nothing here does anything at run time: the client's side is in
 * `@syncline/client/mutators`.
 *
 * @module
 */

import type { Doc, Json } from "./api.js";
import type { NameOf, TypedQuery, TypedUpdate } from "./shape.js";
import type { InputOf, OutputOf, StandardSchema } from "./standard.js";
import type { Misfit } from "./typed.js";

/** A schema: one of a library that speaks Standard JSON Schema (Zod from 4.2, ArkType, …), what {@link json} makes, or a JSON Schema as it is. */
export type Schema = StandardSchema | JsonSchema;

/** A JSON Schema, draft 2020-12. Its records have no type of their own: {@link json} gives them one. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly "~standard"?: never;
}

/** What a schema takes, which is what is stored. */
export type Stored<S> = S extends StandardSchema ? InputOf<S> : Doc;

/** The arguments that a schema takes; without one, any JSON. */
export type Args<S> = S extends StandardSchema ? InputOf<S> : Json | undefined;

/** The kinds of collections with these schemas, as `typed` has them. */
export type KindsOf<C> = {
  readonly [N in keyof C]: C[N] extends StandardSchema
    ? { readonly input: InputOf<C[N]>; readonly output: OutputOf<C[N]>; readonly misfit: Misfit }
    : { readonly input: Doc; readonly output: Doc; readonly misfit: never };
};

/** What leads from the version before `to` to it, and back: its steps are taken in order. */
export interface Lens {
  readonly to: number;
  readonly steps: readonly LensStep[];
}

/** One difference between a version and the one before it. Paths are dotted. */
export type LensStep =
  | { readonly rename: { readonly from: string; readonly to: string } }
  | { readonly default: { readonly path: string; readonly value: Json } }
  | { readonly drop: { readonly path: string; readonly value?: Json } }
  | { readonly convert: { readonly path: string; readonly table: readonly (readonly [before: Json, after: Json])[]; readonly up?: Json; readonly down?: Json } }
  | { readonly wrap: { readonly path: string } }
  | { readonly unwrap: { readonly path: string } };

/** A collection: rules and constraints are data, as docs/RULES.md says. The server refuses a member that it does not know. */
export interface CollectionDefinition<S = unknown> {
  readonly schema?: S & Schema;
  readonly read?: string;
  readonly create?: string;
  readonly update?: string;
  readonly delete?: string;
  readonly write?: string;
  /** How long devices go on showing entries without hearing from the server, "30m", "24h" or "7d"; none: for ever. */
  readonly lease?: string;
  /** The present version, 1 if it is not said; how older clients see it is said by the lenses (docs/RULES.md). */
  readonly version?: number;
  /** The oldest version that clients may speak; where the lenses begin, if it is not said. */
  readonly oldest?: number;
  readonly lenses?: readonly Lens[];
  readonly [more: string]: unknown;
}

/** What a mutator works with: the same on the device and on the server. Values are private copies. */
export interface MutatorTx<in out C> {
  /** When the call was made, on the device; on the server the time of the commit. Milliseconds since 1970. */
  readonly now: number;
  /** Who calls, by user id; empty if nobody has said. */
  readonly user: string;
  /** The path of the space. */
  readonly space: string;
  /** The record as it is now; undefined if there is none, or if it may not be seen. */
  get<N extends NameOf<C>>(collection: N, id: string): Stored<C[N]> | undefined;
  query<N extends NameOf<C>>(query: Omit<TypedQuery<KindsOf<C>, N>, "after">): { readonly id: string; readonly value: Stored<C[N]> }[];
  put<N extends NameOf<C>>(collection: N, id: string, value: Stored<C[N]>): void;
  /** Throws if there is no such entry, or the update does not fit what is there. */
  patch<N extends NameOf<C>>(collection: N, id: string, update: TypedUpdate<Stored<C[N]>>): void;
  /** Of an entry that is not there: nothing. */
  delete(collection: NameOf<C>, id: string): void;
  /** In [0, 1): the same on both sides. */
  random(): number;
  /** A new id of 22 characters: the same on both sides. */
  id(): string;
  /** Ends the mutator: the call is rejected, with a message for people. */
  reject(message: string, why?: { readonly code?: string; readonly path?: string }): never;
}

/** A mutator. `run` must not wait for anything; what it returns does not matter. */
export interface MutatorDefinition<C, S> {
  /** Who may call it: a rule over `auth`, `space`, `args` and relations. None: nobody. */
  readonly allow?: string;
  /** As whom it reads and writes: the caller, by the rules, which is the default; or the space, past them. */
  readonly as?: "caller" | "space";
  readonly args?: S & Schema;
  run(tx: MutatorTx<C>, args: Args<S>): void;
}

/** A kind of space, but for its mutators. */
export interface SpaceDefinition<C> {
  readonly open?: string;
  readonly relations?: { readonly [name: string]: unknown };
  readonly collections?: { readonly [N in keyof C]: CollectionDefinition<C[N]> };
  readonly [more: string]: unknown;
}

/** The mutators of a kind of space. */
export interface SpaceMutators<C, A> {
  readonly mutators?: { readonly [M in keyof A]: MutatorDefinition<C, A[M]> };
}

/** An application: `C` are the schemas of its collections, `A` those of the arguments of its mutators, each by kind of space and name. */
// As with TypedSpace, to work the variance out would be too much for TypeScript.
export interface App<in out C, in out A> {
  readonly spaces: { readonly [K in keyof C]: SpaceDefinition<C[K]> } & { readonly [K in keyof A]: SpaceMutators<K extends keyof C ? C[K] : never, A[K]> };
  readonly tests?: readonly unknown[];
}

/** An application of any types. */
export interface AnyApp {
  readonly spaces: { readonly [kind: string]: { readonly collections?: { readonly [name: string]: { readonly schema?: unknown } }; readonly mutators?: { readonly [name: string]: { readonly args?: unknown; run(tx: never, args: never): void } } } };
}

/** Gives an application's definition its types. Returns what it is given. */
export function define<C, A>(app: App<C, A>): App<C, A> {
  return app;
}

/** A JSON Schema with a type for TypeScript: what the device writes is not checked against it, the server does. */
export function json<T extends object>(schema: JsonSchema): StandardSchema<T> {
  const own = (): JsonSchema => schema;
  const standard = { version: 1 as const, vendor: "syncline", validate: (value: unknown) => ({ value: value as T }), jsonSchema: { input: own, output: own } };
  return { "~standard": standard };
}
