// The public types of @syncline/client/define. Written by `npm --prefix web/client run api`.

export { AnyApp, App, Args, CollectionDefinition, JsonSchema, KindsOf, Lens, LensStep, MutatorDefinition, MutatorTx, Schema, SpaceDefinition, SpaceMutators, Stored, define, json };

interface AnyApp {
    readonly spaces: {
        readonly [kind: string]: {
            readonly collections?: {
                readonly [name: string]: {
                    readonly schema?: unknown;
                };
            };
            readonly mutators?: {
                readonly [name: string]: {
                    readonly args?: unknown;
                    run(tx: never, args: never): void;
                };
            };
        };
    };
}

interface App<in out C, in out A> {
    readonly spaces: {
        readonly [K in keyof C]: SpaceDefinition<C[K]>;
    } & {
        readonly [K in keyof A]: SpaceMutators<K extends keyof C ? C[K] : never, A[K]>;
    };
    readonly tests?: readonly unknown[];
}

interface SpaceDefinition<C> {
    readonly open?: string;
    readonly relations?: {
        readonly [name: string]: unknown;
    };
    readonly collections?: {
        readonly [N in keyof C]: CollectionDefinition<C[N]>;
    };
    readonly [more: string]: unknown;
}

interface CollectionDefinition<S = unknown> {
    readonly schema?: S & Schema;
    readonly read?: string;
    readonly create?: string;
    readonly update?: string;
    readonly delete?: string;
    readonly write?: string;
    readonly lease?: string;
    readonly version?: number;
    readonly oldest?: number;
    readonly lenses?: readonly Lens[];
    readonly [more: string]: unknown;
}

type Schema = StandardSchema | JsonSchema;

interface JsonSchema {
    readonly [keyword: string]: unknown;
    readonly "~standard"?: never;
}

interface Lens {
    readonly to: number;
    readonly steps: readonly LensStep[];
}

type LensStep = {
    readonly rename: {
        readonly from: string;
        readonly to: string;
    };
} | {
    readonly default: {
        readonly path: string;
        readonly value: Json;
    };
} | {
    readonly drop: {
        readonly path: string;
        readonly value?: Json;
    };
} | {
    readonly convert: {
        readonly path: string;
        readonly table: readonly (readonly [
            before: Json,
            after: Json
        ])[];
        readonly up?: Json;
        readonly down?: Json;
    };
} | {
    readonly wrap: {
        readonly path: string;
    };
} | {
    readonly unwrap: {
        readonly path: string;
    };
};

interface SpaceMutators<C, A> {
    readonly mutators?: {
        readonly [M in keyof A]: MutatorDefinition<C, A[M]>;
    };
}

interface MutatorDefinition<C, S> {
    readonly allow?: string;
    readonly as?: "caller" | "space";
    readonly args?: S & Schema;
    run(tx: MutatorTx<C>, args: Args<S>): void;
}

interface MutatorTx<in out C> {
    readonly now: number;
    readonly user: string;
    readonly space: string;
    get<N extends NameOf<C>>(collection: N, id: string): Stored<C[N]> | undefined;
    query<N extends NameOf<C>>(query: Omit<TypedQuery<KindsOf<C>, N>, "after">): {
        readonly id: string;
        readonly value: Stored<C[N]>;
    }[];
    put<N extends NameOf<C>>(collection: N, id: string, value: Stored<C[N]>): void;
    patch<N extends NameOf<C>>(collection: N, id: string, update: TypedUpdate<Stored<C[N]>>): void;
    delete(collection: NameOf<C>, id: string): void;
    random(): number;
    id(): string;
    reject(message: string, why?: {
        readonly code?: string;
        readonly path?: string;
    }): never;
}

type Stored<S> = S extends StandardSchema ? InputOf<S> : Doc;

type KindsOf<C> = {
    readonly [N in keyof C]: C[N] extends StandardSchema ? {
        readonly input: InputOf<C[N]>;
        readonly output: OutputOf<C[N]>;
        readonly misfit: Misfit;
    } : {
        readonly input: Doc;
        readonly output: Doc;
        readonly misfit: never;
    };
};

type Args<S> = S extends StandardSchema ? InputOf<S> : Json | undefined;

declare function define<C, A>(app: App<C, A>): App<C, A>;

declare function json<T extends object>(schema: JsonSchema): StandardSchema<T>;
