// The public types of @syncline/client/typed. Written by `npm --prefix web/client run api`.

export { At, Checked, Collections, InputOf, InvalidError, Issue, Kind, Misfit, NameOf, OutputOf, Path, Schemas, Shown, StandardIssue, StandardResult, StandardSchema, TypedEntry, TypedLiveQuery, TypedQuery, TypedResult, TypedSpace, TypedTx, TypedUpdate, TypedWhere, Unchecked, typed };

type At<T, P extends string> = IsAny<T> extends true ? T : T extends object ? P extends `${infer K}.${infer Rest}` ? K extends keyof T ? At<T[K], Rest> : never : P extends keyof T ? Exclude<T[P], undefined> : never : never;

type IsAny<T> = 0 extends 1 & T ? true : false;

type Checked<S extends Schemas> = {
    readonly [N in keyof S]: {
        readonly input: InputOf<S[N]>;
        readonly output: OutputOf<S[N]>;
        readonly misfit: Misfit;
    };
};

type Schemas = {
    readonly [collection: string]: StandardSchema;
};

interface StandardSchema<Input = unknown, Output = Input> {
    readonly "~standard": {
        readonly version: 1;
        readonly vendor: string;
        readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
        readonly types?: {
            readonly input: Input;
            readonly output: Output;
        } | undefined;
    };
}

type StandardResult<Output> = {
    readonly value: Output;
    readonly issues?: undefined;
} | {
    readonly issues: readonly StandardIssue[];
};

interface StandardIssue {
    readonly message: string;
    readonly path?: readonly (PropertyKey | {
        readonly key: PropertyKey;
    })[] | undefined;
}

type InputOf<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>["input"];

type OutputOf<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>["output"];

interface Misfit {
    readonly collection: string;
    readonly id: string;
    readonly value: undefined;
    readonly version: number;
    readonly state: EntryState;
    readonly stored: Entry;
    readonly issues: readonly Issue[];
}

interface Issue {
    readonly path: string;
    readonly message: string;
}

type Collections = {
    readonly [collection: string]: Kind;
};

interface Kind {
    readonly input: unknown;
    readonly output: unknown;
    readonly misfit: unknown;
}

declare class InvalidError extends SynclineError {
    readonly path: string;
    readonly issues: readonly Issue[];
    constructor(collection: string, id: string, issues: readonly Issue[]);
}

type NameOf<C> = keyof C & string;

type Path<T, D extends readonly 0[] = readonly [
]> = IsAny<T> extends true ? string : D extends TooDeep ? never : T extends Scalar | null | undefined | readonly unknown[] ? never : T extends object ? {
    [K in keyof T & string]-?: Plain<K> | (Plain<K> extends never ? never : Below<K, Path<T[K], Deeper<D>>>);
}[keyof T & string] : never;

type TooDeep = readonly [
    0,
    0,
    0,
    0
];

type Scalar = string | number | boolean;

type Plain<K extends string> = K extends `$${string}` | `${string}.${string}` | `${string}\\${string}` | "" ? never : K;

type Below<K extends string, P> = P extends string ? `${K}.${P}` : never;

type Deeper<D extends readonly 0[]> = readonly [
    ...D,
    0
];

type Shown<K extends Kind> = TypedEntry<K["output"]> | K["misfit"];

interface TypedEntry<V> {
    readonly collection: string;
    readonly id: string;
    readonly value: V;
    readonly version: number;
    readonly state: EntryState;
    readonly stored: Entry;
    readonly issues?: undefined;
}

interface TypedLiveQuery<K extends Kind> extends Omit<LiveQuery, "result" | "rows"> {
    readonly result: TypedResult<K>;
    readonly rows: readonly TypedEntry<K["output"]>[];
    readonly misfits: readonly K["misfit"][];
}

interface TypedResult<K extends Kind> extends Omit<QueryResult, "rows"> {
    readonly rows: readonly TypedEntry<K["output"]>[];
    readonly misfits: readonly K["misfit"][];
}

interface TypedQuery<C extends Collections, N extends NameOf<C>> extends Pick<Query, "limit" | "skip" | "after"> {
    readonly in: N;
    readonly where?: TypedWhere<C[N]["input"]>;
    readonly sort?: readonly TypedSortKey<C[N]["input"]>[];
}

type TypedWhere<T> = {
    readonly [P in Path<T>]?: Test<At<T, P>>;
} & {
    readonly $and?: readonly TypedWhere<T>[];
    readonly $or?: readonly TypedWhere<T>[];
    readonly $nor?: readonly TypedWhere<T>[];
    readonly $not?: TypedWhere<T>;
};

type Test<V> = V | Condition<V> | (V extends readonly unknown[] | Scalar | null ? never : TypedWhere<V>);

interface Condition<V> {
    readonly $eq?: V;
    readonly $ne?: V;
    readonly $lt?: V;
    readonly $lte?: V;
    readonly $gt?: V;
    readonly $gte?: V;
    readonly $in?: readonly (V | ElementOf<V>)[];
    readonly $nin?: readonly (V | ElementOf<V>)[];
    readonly $exists?: boolean;
    readonly $type?: TypeName;
    readonly $all?: readonly ElementOf<V>[];
    readonly $size?: number;
    readonly $elemMatch?: ElementOf<V> extends Scalar ? Condition<ElementOf<V>> : TypedWhere<ElementOf<V>>;
    readonly $mod?: readonly [
        divisor: number,
        remainder: number
    ];
    readonly $beginsWith?: string;
    readonly $not?: Condition<V>;
}

type ElementOf<V> = V extends readonly (infer E)[] ? E : never;

type TypeName = "null" | "boolean" | "number" | "string" | "array" | "object";

type TypedSortKey<T> = Path<T> | {
    [P in Path<T>]: {
        readonly [K in P]: "asc" | "desc";
    };
}[Path<T>];

interface TypedSpace<in out C extends Collections> extends Lensed {
    readonly space: Space;
    readonly path: string;
    readonly ready: Promise<void>;
    readonly status: Status;
    readonly pending: readonly Mutation[];
    readonly rejected: readonly Rejected[];
    subscribe(fn: () => void): () => void;
    put<N extends NameOf<C>>(collection: N, id: string, value: C[N]["input"], options?: OpOptions): Mutation;
    patch<N extends NameOf<C>>(collection: N, id: string, update: TypedUpdate<C[N]["input"]>, options?: OpOptions): Mutation;
    delete(collection: NameOf<C>, id: string, options?: OpOptions): Mutation;
    mutate(fn: (tx: TypedTx<C>) => void, options?: MutateOptions): Mutation;
    get<N extends NameOf<C>>(collection: N, id: string): Shown<C[N]> | undefined;
    query<N extends NameOf<C>>(query: TypedQuery<C, N>): TypedLiveQuery<C[N]>;
    misfits(): Promise<readonly Misfit[]>;
    onMisfit(fn: (misfit: Misfit) => void): () => void;
}

interface Lensed {
    readonly [LENS]: Lens;
}

declare const LENS: unique symbol;

interface Lens {
    readonly space: Space;
    readonly result: (result: QueryResult) => unknown;
    readonly entry: (entry: Entry) => unknown;
}

interface TypedUpdate<T> {
    readonly $set?: {
        readonly [P in Path<T>]?: At<T, P>;
    };
    readonly $unset?: readonly OptionalPath<T>[];
    readonly $inc?: {
        readonly [P in PathTo<T, number>]?: number;
    };
    readonly $add?: {
        readonly [P in PathTo<T, readonly Scalar[]>]?: Elements<At<T, P>>;
    };
    readonly $remove?: {
        readonly [P in PathTo<T, readonly Scalar[]>]?: Elements<At<T, P>>;
    };
}

type OptionalPath<T, D extends readonly 0[] = readonly [
]> = IsAny<T> extends true ? string : D extends TooDeep ? never : T extends Scalar | null | undefined | readonly unknown[] ? never : T extends object ? {
    [K in keyof T & string]-?: (Record<never, never> extends Pick<T, K> ? Plain<K> : never) | (Plain<K> extends never ? never : Below<K, OptionalPath<T[K], Deeper<D>>>);
}[keyof T & string] : never;

type PathTo<T, V> = {
    [P in Path<T>]: Holds<At<T, P>, V> extends true ? P : never;
}[Path<T>];

type Holds<T, V> = IsAny<T> extends true ? true : [
    T
] extends [
    never
] ? false : [
    T
] extends [
    V
] ? true : false;

type Elements<T> = T extends readonly (infer E)[] ? readonly (E & Scalar)[] : readonly Scalar[];

interface TypedTx<in out C extends Collections> {
    get<N extends NameOf<C>>(collection: N, id: string): Shown<C[N]> | undefined;
    query<N extends NameOf<C>>(query: TypedQuery<C, N>): readonly Shown<C[N]>[];
    put<N extends NameOf<C>>(collection: N, id: string, value: C[N]["input"], options?: OpOptions): void;
    patch<N extends NameOf<C>>(collection: N, id: string, update: TypedUpdate<C[N]["input"]>, options?: OpOptions): void;
    delete(collection: NameOf<C>, id: string, options?: OpOptions): void;
}

type Unchecked<T extends object> = {
    readonly [N in keyof T]: {
        readonly input: T[N];
        readonly output: T[N];
        readonly misfit: never;
    };
};

declare function typed<T extends object>(space: Space): TypedSpace<Unchecked<T>>;

declare function typed<S extends Schemas>(space: Space, schemas: S): TypedSpace<Checked<S>>;
