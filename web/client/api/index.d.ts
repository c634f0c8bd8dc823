// The public types of @syncline/client. Written by `npm --prefix web/client run api`.

export { Call, Cast, Change, Changes, CheckResult, Client, ClientOptions, Doc, Entry, EntryState, Indexes, Json, LiveQuery, MutateOptions, Mutation, MutationState, Op, OpOptions, Outcome, Peer, Presence, Query, QueryResult, QueryStatus, Reads, Rejected, RejectedError, SortKey, Space, SpaceEvent, SpaceOptions, Status, StatusError, StorageStatus, StorageUsage, Store, StoreError, SyncState, SynclineError, Transport, Tx, UpdateOps, UpdateOptions, ValueError, ValueErrorCode, View, ViewPart, Where };

interface Call {
    readonly name: string;
    readonly args?: unknown;
    readonly now: number;
}

interface Cast {
    readonly session: string;
    readonly user: string;
    readonly topic: string;
    readonly data: Json;
}

type Json = Value;

type Value = null | boolean | number | string | readonly Value[] | Doc;

interface Doc {
    readonly [name: string]: Value;
}

interface Change {
    readonly collection: string;
    readonly id: string;
    readonly before: Entry | undefined;
    readonly after: Entry | undefined;
}

interface Entry {
    readonly collection: string;
    readonly id: string;
    readonly value: Doc;
    readonly version: number;
    readonly state: EntryState;
}

type EntryState = "confirmed" | "pending" | "rejected";

interface Changes {
    readonly put?: readonly (readonly [
        key: string,
        value: string
    ])[];
    readonly del?: readonly string[];
    readonly drop?: readonly (readonly [
        from: string,
        to: string
    ])[];
}

interface CheckResult {
    readonly ok: boolean;
    readonly count: number;
    readonly sum: string;
}

declare class Client {
    #private;
    constructor(options: ClientOptions, dials?: Dials, browser?: Platform | undefined);
    space(path: string, options: SpaceOptions): Space;
    get spaces(): readonly Space[];
    get status(): Status;
    get leading(): boolean;
    subscribe(fn: () => void): () => void;
    goOffline(): void;
    goOnline(): void;
    usage(): Promise<StorageUsage>;
    signOut(options?: {
        readonly keep?: boolean;
    }): Promise<void>;
    close(): void;
}

interface ClientOptions {
    readonly url: string;
    readonly user?: string;
    readonly token?: () => string | Promise<string>;
    readonly store?: "memory" | ((name: string) => Promise<Store>);
    readonly tabs?: boolean;
    readonly agent?: string;
    readonly WebSocket?: typeof WebSocket;
    readonly fetch?: typeof fetch;
    readonly transports?: readonly Transport[];
    readonly random?: () => number;
    readonly now?: () => number;
}

interface Store {
    readonly kind: "memory" | "indexeddb" | "file";
    readonly wiped?: string | undefined;
    get(keys: readonly string[]): Promise<readonly (string | undefined)[]>;
    range(from: string, to: string): Promise<readonly (readonly [
        key: string,
        value: string
    ])[]>;
    update(keys: readonly string[], decide: (values: readonly (string | undefined)[]) => Changes | undefined, options?: UpdateOptions): Promise<boolean>;
    onLost(fn: (error: StoreError) => void): void;
    close(): Promise<void>;
    destroy(): Promise<void>;
}

interface UpdateOptions {
    readonly strict?: boolean;
}

declare class StoreError extends SynclineError {
    readonly code: "full" | "lost" | "closed" | "unavailable" | "failed";
    constructor(code: "full" | "lost" | "closed" | "unavailable" | "failed", message: string, cause?: unknown);
}

declare class SynclineError extends Error {
    readonly code: string;
    constructor(code: string, message: string);
}

type Transport = "websocket" | "sse" | "stream" | "longpoll" | "poll";

type Dials = {
    readonly [T in Transport]: {
        readonly dial: Dial;
        readonly works: (platform: Platform) => boolean;
    };
};

type Dial = (platform: Platform, events: CarrierEvents) => Carrier;

interface Platform {
    readonly url: string;
    readonly fetch: typeof fetch | undefined;
    readonly WebSocket: typeof WebSocket | undefined;
}

interface CarrierEvents {
    messages(text: string): void;
    alive(): void;
    closed(failure: Failure): void;
}

interface Failure extends StatusError {
    readonly retryMs?: number | undefined;
}

interface StatusError {
    readonly code: string;
    readonly message: string;
}

interface Carrier {
    send(messages: readonly string[]): void;
    session(secret: string): void;
    close(): void;
}

interface Platform {
    readonly locks: LockManager;
    readonly BroadcastChannel: typeof BroadcastChannel;
    readonly awake: () => boolean;
}

interface SpaceOptions {
    readonly view: View;
    readonly presence?: boolean;
    readonly indexes?: Indexes;
    readonly mutators?: Player;
}

type View = readonly ViewPart[];

interface ViewPart {
    readonly in: string;
    readonly where?: Where;
    readonly v?: number;
}

type Where = {
    readonly [name: string]: unknown;
};

interface Indexes {
    readonly [collection: string]: readonly string[];
}

interface Player {
    check(name: string, args: Json | undefined): void;
    play(call: Call, seed: string, ground: Ground): Play | undefined;
}

interface Ground {
    readonly path: string;
    readonly user: string;
    get(collection: string, id: string): Entry | undefined;
    entries(collection: string): Iterable<Entry>;
}

interface Play {
    readonly seed: string;
    readonly ops: readonly Op[];
    readonly made: ReadonlyMap<Key, Doc | undefined>;
    readonly touched: ReadonlySet<string>;
    readonly error?: unknown;
}

type Op = {
    readonly op: "put";
    readonly in: string;
    readonly id: string;
    readonly value: Doc;
    readonly if?: number;
} | {
    readonly op: "patch";
    readonly in: string;
    readonly id: string;
    readonly patch: UpdateOps;
    readonly if?: number;
} | {
    readonly op: "delete";
    readonly in: string;
    readonly id: string;
    readonly if?: number;
};

interface UpdateOps {
    readonly $set?: {
        readonly [path: string]: Json;
    };
    readonly $unset?: readonly string[];
    readonly $inc?: {
        readonly [path: string]: number;
    };
    readonly $add?: {
        readonly [path: string]: readonly (string | number | boolean)[];
    };
    readonly $remove?: {
        readonly [path: string]: readonly (string | number | boolean)[];
    };
}

type Key = string;

interface Space {
    readonly path: string;
    readonly ready: Promise<void>;
    put(collection: string, id: string, value: Doc, options?: OpOptions): Mutation;
    patch(collection: string, id: string, update: UpdateOps, options?: OpOptions): Mutation;
    delete(collection: string, id: string, options?: OpOptions): Mutation;
    mutate(fn: (tx: Tx) => void, options?: MutateOptions): Mutation;
    call(name: string, args?: Json): Mutation;
    get(collection: string, id: string): Entry | undefined;
    query(query: Query): LiveQuery;
    readonly rejected: readonly Rejected[];
    readonly pending: readonly Mutation[];
    retry(id: string): Mutation;
    discard(id: string): void;
    setView(view: View): void;
    readonly view: View;
    readonly status: Status;
    subscribe(fn: () => void): () => void;
    onEvent(fn: (event: SpaceEvent) => void): () => void;
    readonly presence: Presence;
    cast(topic: string, data: Json): void;
    onCast(fn: (cast: Cast) => void): () => void;
    check(): Promise<CheckResult>;
    close(): void;
}

interface OpOptions {
    readonly if?: number;
}

interface Mutation {
    readonly id: string;
    readonly ops: readonly Op[];
    readonly call?: Call | undefined;
    readonly state: MutationState;
    readonly mine: boolean;
    readonly saved: Promise<void>;
    readonly confirmed: Promise<Outcome>;
}

type MutationState = "queued" | "sent" | "applied" | "rejected" | "discarded";

interface Outcome {
    readonly id: number;
    readonly outcome: "applied" | "duplicate" | "rejected" | "quarantined" | "retry_after" | "upgrade_required";
    readonly seq?: number;
    readonly code?: string;
    readonly path?: string;
    readonly message?: string;
    readonly current?: {
        readonly in: string;
        readonly id: string;
        readonly version: number;
        readonly value?: Doc;
    };
    readonly retryMs?: number;
}

interface Tx {
    get(collection: string, id: string): Entry | undefined;
    query(query: Query): readonly Entry[];
    put(collection: string, id: string, value: Doc, options?: OpOptions): void;
    patch(collection: string, id: string, update: UpdateOps, options?: OpOptions): void;
    delete(collection: string, id: string, options?: OpOptions): void;
}

interface Query {
    readonly in: string;
    readonly where?: Where;
    readonly sort?: readonly SortKey[];
    readonly limit?: number;
    readonly skip?: number;
    readonly after?: {
        readonly id: string;
        readonly value: Doc;
    };
    readonly fields?: readonly string[];
}

type SortKey = string | {
    readonly [path: string]: "asc" | "desc";
};

interface MutateOptions {
    readonly serializable?: boolean;
}

interface LiveQuery {
    readonly result: QueryResult;
    readonly ready: Promise<void>;
    readonly rows: readonly Entry[];
    readonly total: number;
    subscribe(fn: () => void): () => void;
    close(): void;
}

interface QueryResult {
    readonly rows: readonly Entry[];
    readonly total: number;
    readonly status: QueryStatus;
    readonly lastSynced: number | null;
}

type QueryStatus = "loading" | "stale" | "live" | "offline" | "expired";

interface Rejected {
    readonly id: string;
    readonly ops: readonly Op[];
    readonly call?: Call;
    readonly outcome: Outcome;
    readonly at: number;
}

interface Status {
    readonly state: SyncState;
    readonly lastSynced: number | null;
    readonly pending: number;
    readonly rejected: number;
    readonly transport: Transport | null;
    readonly error?: StatusError;
    readonly storage: StorageStatus;
    readonly expired?: readonly string[];
}

type SyncState = "offline" | "paused" | "connecting" | "syncing" | "live" | "unauthorized" | "stopped";

interface StorageStatus {
    readonly kind: "disk" | "memory" | "full" | "lost";
    readonly message?: string;
    readonly lost?: number;
}

type SpaceEvent = {
    readonly kind: "commit";
    readonly at: number;
    readonly seq: number;
    readonly changed: number;
    readonly removed: number;
    readonly reset: boolean;
} | {
    readonly kind: "queued";
    readonly at: number;
    readonly mutation: Mutation;
    readonly changes: readonly Change[];
} | {
    readonly kind: "applied";
    readonly at: number;
    readonly mutation: Mutation;
} | {
    readonly kind: "rejected";
    readonly at: number;
    readonly rejected: Rejected;
};

interface Presence {
    set(state: Json): void;
    readonly peers: ReadonlyMap<string, Peer>;
    subscribe(fn: () => void): () => void;
}

interface Peer {
    readonly user: string;
    readonly state: Json;
}

interface StorageUsage {
    readonly used: number | undefined;
    readonly quota: number | undefined;
    readonly persisted: boolean;
}

interface Reads {
    readonly at: number;
    readonly keys?: readonly (readonly [
        collection: string,
        id: string
    ])[];
    readonly where?: View;
    readonly scope?: string;
}

declare class RejectedError extends SynclineError {
    readonly outcome: Outcome;
    constructor(outcome: Outcome);
}

declare class ValueError extends Error {
    readonly code: ValueErrorCode;
    readonly path: string;
    readonly name = "ValueError";
    constructor(code: ValueErrorCode, path: string, message: string);
}

type ValueErrorCode = "invalid_json" | "duplicate_key" | "invalid_utf8" | "too_deep" | "too_large" | "unsafe_number" | "not_an_object" | "bad_name" | "bad_selector" | "bad_query" | "bad_update" | "conflicting_paths" | "type_mismatch";
