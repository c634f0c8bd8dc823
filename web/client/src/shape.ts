/** Paths, updates, selectors and queries of records whose type is known. There is nothing of this file at run time. */

import type { Query } from "./api.js";

/** What can be compared, and be in a set. */
type Scalar = string | number | boolean;

/** A name that is written in a path as it is. */
type Plain<K extends string> = K extends `$${string}` | `${string}.${string}` | `${string}\\${string}` | "" ? never : K;

/** One longer than a path may be. */
type Deeper<D extends readonly 0[]> = readonly [...D, 0];
type TooDeep = readonly [0, 0, 0, 0];

type IsAny<T> = 0 extends 1 & T ? true : false;

/**
 * The dotted paths into a record of type `T`, of at most four names. Arrays have none inside. Names with a dot or a backslash, or with a
 * dollar sign at the beginning, are left out: such a path needs escapes, and is for the untyped space.
 */
export type Path<T, D extends readonly 0[] = readonly []> =
  IsAny<T> extends true ? string
  : D extends TooDeep ? never
  : T extends Scalar | null | undefined | readonly unknown[] ? never
  : T extends object ? { [K in keyof T & string]-?: Plain<K> | (Plain<K> extends never ? never : Below<K, Path<T[K], Deeper<D>>>) }[keyof T & string]
  : never;

type Below<K extends string, P> = P extends string ? `${K}.${P}` : never;

/** The paths of what need not be there. */
type OptionalPath<T, D extends readonly 0[] = readonly []> =
  IsAny<T> extends true ? string
  : D extends TooDeep ? never
  : T extends Scalar | null | undefined | readonly unknown[] ? never
  : T extends object ? { [K in keyof T & string]-?: (Record<never, never> extends Pick<T, K> ? Plain<K> : never) | (Plain<K> extends never ? never : Below<K, OptionalPath<T[K], Deeper<D>>>) }[keyof T & string]
  : never;

/** What is at a path, where it is there. */
export type At<T, P extends string> =
  IsAny<T> extends true ? T
  : T extends object
    ? P extends `${infer K}.${infer Rest}`
      ? K extends keyof T ? At<T[K], Rest> : never
      : P extends keyof T ? Exclude<T[P], undefined> : never
    : never;

/** Whether all that can be at a path is a `V`. */
type Holds<T, V> = IsAny<T> extends true ? true : [T] extends [never] ? false : [T] extends [V] ? true : false;

type PathTo<T, V> = { [P in Path<T>]: Holds<At<T, P>, V> extends true ? P : never }[Path<T>];

type Elements<T> = T extends readonly (infer E)[] ? readonly (E & Scalar)[] : readonly Scalar[];

/** {@link UpdateOps} of a record of type `T`: each operator takes only the paths that it can work on. */
export interface TypedUpdate<T> {
  readonly $set?: { readonly [P in Path<T>]?: At<T, P> };
  /** Only what need not be there. */
  readonly $unset?: readonly OptionalPath<T>[];
  /** Only numbers; integers, which a type cannot say. */
  readonly $inc?: { readonly [P in PathTo<T, number>]?: number };
  /** Only arrays of strings, numbers and booleans. */
  readonly $add?: { readonly [P in PathTo<T, readonly Scalar[]>]?: Elements<At<T, P>> };
  readonly $remove?: { readonly [P in PathTo<T, readonly Scalar[]>]?: Elements<At<T, P>> };
}

type TypeName = "null" | "boolean" | "number" | "string" | "array" | "object";

/** What can be asked of a field of type `V`. */
interface Condition<V> {
  readonly $eq?: V;
  readonly $ne?: V;
  readonly $lt?: V;
  readonly $lte?: V;
  readonly $gt?: V;
  readonly $gte?: V;
  /** Of an array: whether one of its elements is among these. */
  readonly $in?: readonly (V | ElementOf<V>)[];
  readonly $nin?: readonly (V | ElementOf<V>)[];
  readonly $exists?: boolean;
  readonly $type?: TypeName;
  readonly $all?: readonly ElementOf<V>[];
  readonly $size?: number;
  readonly $elemMatch?: ElementOf<V> extends Scalar ? Condition<ElementOf<V>> : TypedWhere<ElementOf<V>>;
  readonly $mod?: readonly [divisor: number, remainder: number];
  readonly $beginsWith?: string;
  readonly $not?: Condition<V>;
}

type ElementOf<V> = V extends readonly (infer E)[] ? E : never;

/** A field's value itself, or conditions on it. */
type Test<V> = V | Condition<V> | (V extends readonly unknown[] | Scalar | null ? never : TypedWhere<V>);

/** A Mango selector for records of type `T`. */
export type TypedWhere<T> = { readonly [P in Path<T>]?: Test<At<T, P>> } & {
  readonly $and?: readonly TypedWhere<T>[];
  readonly $or?: readonly TypedWhere<T>[];
  readonly $nor?: readonly TypedWhere<T>[];
  readonly $not?: TypedWhere<T>;
};

/** A sort key: ascending by a path, or one path in a given direction. */
type TypedSortKey<T> = Path<T> | { [P in Path<T>]: { readonly [K in P]: "asc" | "desc" } }[Path<T>];

/** What a collection takes, what it shows, and what stands for a record that does not fit. */
export interface Kind {
  readonly input: unknown;
  readonly output: unknown;
  readonly misfit: unknown;
}

/** The kinds of the collections of a space, by name. */
export type Collections = { readonly [collection: string]: Kind };

/** The names of collections. */
export type NameOf<C> = keyof C & string;

/** A query over one collection. There is no `fields`: a part of a record does not fit the schema of the whole. `after` takes the `stored` of a row. */
export interface TypedQuery<C extends Collections, N extends NameOf<C>> extends Pick<Query, "limit" | "skip" | "after"> {
  readonly in: N;
  /** Asks of what is stored, as it was before the schema has filled in or converted anything. */
  readonly where?: TypedWhere<C[N]["input"]>;
  /** At most 8 keys. As `where`: by what is stored. */
  readonly sort?: readonly TypedSortKey<C[N]["input"]>[];
}
