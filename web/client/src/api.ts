/**
 * The public face of the client: everything that an application calls or is
 * handed. The classes behind these interfaces are in client.ts, board.ts,
 * live.ts and presence.ts.
 */

import type { Player } from "./player.js";
import type { Doc, Value } from "./value.js";

/** A record: a JSON object without a member named `__proto__`, by default at most 256 KiB and 32 levels deep. */
export type { Doc };

/** A JSON value. Values from the client are shared, never copied: treat them as immutable. */
export type Json = Value;

/** A Mango selector, such as `{done: false, votes: {$gt: 5}}`. */
export type Where = { readonly [name: string]: unknown };

/** One part of a view: a collection, whole or cut down by a selector. */
export interface ViewPart {
  readonly in: string;
  readonly where?: Where;
  /**
   * The version of the collection that this program speaks, 1 if it says nothing: what it holds and writes is in the form of that
   * version (docs/RULES.md). All parts of a collection say the same, for as long as the space is open. A program that
   * comes to speak another one is sent the collection anew; a tab whose program speaks an older one than that of another tab
   * ends (`upgrade_required`, docs/TYPESCRIPT.md).
   */
  readonly v?: number;
}

/** What a replica holds of a space: at most 32 parts; an entry is in it if any part matches. */
export type View = readonly ViewPart[];

/**
 * How sure an entry is: `confirmed` as the server has it, `pending` if its
 * value comes from a mutation that is still queued, `rejected` if the value is
 * the server's but a mutation of it was refused and waits in `rejected`.
 */
export type EntryState = "confirmed" | "pending" | "rejected";

/** One entry as it is shown now. An entry that has not changed stays the same object. */
export interface Entry {
  readonly collection: string;
  readonly id: string;
  readonly value: Doc;
  /** The seq of the commit that last changed the confirmed entry; 0 if there is none yet. */
  readonly version: number;
  readonly state: EntryState;
}

/** One operation of a mutation. `if` is the version the entry must have, 0: it must not exist. */
export type Op =
  | { readonly op: "put"; readonly in: string; readonly id: string; readonly value: Doc; readonly if?: number }
  | { readonly op: "patch"; readonly in: string; readonly id: string; readonly patch: UpdateOps; readonly if?: number }
  | { readonly op: "delete"; readonly in: string; readonly id: string; readonly if?: number };

/** Update operators over dotted paths. */
export interface UpdateOps {
  readonly $set?: { readonly [path: string]: Json };
  readonly $unset?: readonly string[];
  readonly $inc?: { readonly [path: string]: number };
  readonly $add?: { readonly [path: string]: readonly (string | number | boolean)[] };
  readonly $remove?: { readonly [path: string]: readonly (string | number | boolean)[] };
}

/** What a serializable mutation was computed from. */
export interface Reads {
  readonly at: number;
  readonly keys?: readonly (readonly [collection: string, id: string])[];
  readonly where?: View;
  /** What could be seen then, by the server's name. */
  readonly scope?: string;
}

/** The server's answer to a mutation. Other codes than `stale`, `not_found`, `invalid` and `too_large` may come. */
export interface Outcome {
  /** The id of the mutation on the wire; after a change of client id not that of {@link Mutation}. */
  readonly id: number;
  readonly outcome: "applied" | "duplicate" | "rejected" | "quarantined" | "retry_after" | "upgrade_required";
  /** The commit that holds the outcome. */
  readonly seq?: number;
  readonly code?: string;
  readonly path?: string;
  readonly message?: string;
  /** For `stale`: the entry as it was then; without value it did not exist. */
  readonly current?: { readonly in: string; readonly id: string; readonly version: number; readonly value?: Doc };
  /** Milliseconds. */
  readonly retryMs?: number;
}

/**
 * How far a mutation has got: `queued`, `sent` on the present connection,
 * `applied` (confirmed state holds it), `rejected` (it is in `rejected`), or
 * `discarded` by the application after it was rejected.
 */
export type MutationState = "queued" | "sent" | "applied" | "rejected" | "discarded";

/** A change that the application asked for. It shows at once and is sent as soon as there is a connection. */
export interface Mutation {
  /** Names it in the space, in every tab and after a restart. */
  readonly id: string;
  /** Of a call: what it did when it last ran here; nothing, if it did not. */
  readonly ops: readonly Op[];
  /** Undefined for a mutation that is its operations. */
  readonly call?: Call | undefined;
  readonly state: MutationState;
  /** Whether it was made through this {@link Space} object: not by another tab, nor before a restart. */
  readonly mine: boolean;
  /**
   * Resolves when the mutation is in the store, so that a crash of the page does not lose it (some milliseconds; a page that is
   * killed before may lose it). Rejects with the store's error if it could not be written: the mutation is then kept in memory
   * and sent all the same. Nobody has to look.
   */
  readonly saved: Promise<void>;
  /**
   * Resolves when the mutation is applied and confirmed state has reached it;
   * rejects with {@link RejectedError} when it is refused, with
   * {@link SynclineError} `closed` when client or space is closed before, or `upgrade_required` when this tab has ended because
   * another one runs a newer program, which sends what was {@link saved}. Nobody has to look.
   */
  readonly confirmed: Promise<Outcome>;
}

/** A refused mutation, kept until it is retried or discarded. */
export interface Rejected {
  /** {@link Mutation.id}. */
  readonly id: string;
  /** As {@link Mutation.ops}. */
  readonly ops: readonly Op[];
  readonly call?: Call;
  readonly outcome: Outcome;
  /** When the refusal arrived, in milliseconds since 1970. */
  readonly at: number;
}

/** A mutation that is a function of the application's, by name: see {@link Space.call}. */
export interface Call {
  readonly name: string;
  /** JSON; undefined if there are none. */
  readonly args?: unknown;
  /** When it was made, in milliseconds since 1970. */
  readonly now: number;
}

/** Options of one operation. */
export interface OpOptions {
  /** The version that the entry must have; 0: it must not exist. Otherwise the mutation is rejected as `stale`. */
  readonly if?: number;
}

/** Options of {@link Space.mutate}. */
export interface MutateOptions {
  /** Refuse the mutation as `stale` if somebody else has changed what the function read through `tx`. */
  readonly serializable?: boolean;
}

/** Reads and collects operations inside {@link Space.mutate}; reads see the operations before them. */
export interface Tx {
  get(collection: string, id: string): Entry | undefined;
  query(query: Query): readonly Entry[];
  put(collection: string, id: string, value: Doc, options?: OpOptions): void;
  patch(collection: string, id: string, update: UpdateOps, options?: OpOptions): void;
  delete(collection: string, id: string, options?: OpOptions): void;
}

/** A sort key: ascending by a dotted path, or in a given direction. */
export type SortKey = string | { readonly [path: string]: "asc" | "desc" };

/** A query over one collection. Rows that sort alike are in the order of their ids. */
export interface Query {
  readonly in: string;
  readonly where?: Where;
  /** At most 8 keys. */
  readonly sort?: readonly SortKey[];
  /** At least 1. */
  readonly limit?: number;
  readonly skip?: number;
  /** Only what comes after this row in the query's order: the last row of the page before. It need not be there any more. */
  readonly after?: { readonly id: string; readonly value: Doc };
  /** Dotted paths, at most 64; none is the whole record. */
  readonly fields?: readonly string[];
}

/**
 * How a query stands to the server: `loading`, while what is on the disk is still being read, so that rows may be missing;
 * `stale`, while the server has not said that the rows are up to date; `live`; `offline`, without a connection; `expired`: the
 * collection's lease has run out, so that there are no rows until there was a connection again.
 */
export type QueryStatus = "loading" | "stale" | "live" | "offline" | "expired";

/** The answer to a query at one moment. */
export interface QueryResult {
  readonly rows: readonly Entry[];
  readonly total: number;
  readonly status: QueryStatus;
  /** As {@link Status.lastSynced}. */
  readonly lastSynced: number | null;
}

/** A query that is kept up to date. */
export interface LiveQuery {
  /** Rows, total and status together: the same object as long as nothing in it has changed. */
  readonly result: QueryResult;
  /** Resolves once the status is not `loading`: all that is on the disk is in the rows. */
  readonly ready: Promise<void>;
  /** The rows now. The same array as long as nothing in it has changed, the same objects for unchanged rows. */
  readonly rows: readonly Entry[];
  /** The number of matches without `limit`, `skip` and `after`. */
  readonly total: number;
  /** Calls `fn` after each event that changed `result`; returns the end of that. */
  subscribe(fn: () => void): () => void;
  /** Ends the upkeep; `rows` stay as they were. Without subscribers and references a query must still be closed. */
  close(): void;
}

/** The carriers of a session, in the order in which they are tried. */
export type Transport = "websocket" | "sse" | "stream" | "longpoll" | "poll";

/** What went wrong last. `code` is the server's or one of the client's: see errors.ts. */
export interface StatusError {
  readonly code: string;
  readonly message: string;
}

/**
 * `offline`: without network. `paused`: {@link Client.goOffline} was called. `connecting`: trying, perhaps waiting to try
 * again. `syncing`: connected, catching up. `live`: up to date. `unauthorized`: the server wants another token; nothing is sent
 * until there is one. `stopped`: closed, or an error that needs the application ({@link StatusError}).
 */
export type SyncState = "offline" | "paused" | "connecting" | "syncing" | "live" | "unauthorized" | "stopped";

/**
 * What has happened to the local store. `disk`: it keeps what it is given. `memory`: there is none, or it cannot be used; a
 * reload forgets everything. `full`: the last write was refused for want of room, and is tried again. `lost`: it was deleted
 * or closed underneath, and is made anew from memory and server.
 */
export interface StorageStatus {
  readonly kind: "disk" | "memory" | "full" | "lost";
  /** Why, where it is not `disk`, or what was healed. */
  readonly message?: string;
  /** The number of unsent mutations that are known to be gone because the browser removed the store. */
  readonly lost?: number;
}

/** The state of a space or client; a new object for each change. */
export interface Status {
  readonly state: SyncState;
  /** When the space was last known to be up to date, in milliseconds since 1970 by the local clock. While `live`: since when. */
  readonly lastSynced: number | null;
  /** The number of mutations without outcome, or whose effect has not come back yet. */
  readonly pending: number;
  /** The number of refused mutations that wait for the application. */
  readonly rejected: number;
  readonly transport: Transport | null;
  readonly error?: StatusError;
  readonly storage: StorageStatus;
  /** Of a space: the collections that are hidden, because the server was not heard of for as long as their leases; they show again once it is `live`. */
  readonly expired?: readonly string[];
}

/** An entry before and after an event; undefined is no entry. */
export interface Change {
  readonly collection: string;
  readonly id: string;
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
}

/** What happens in a space, for time lines and for undo. `at` is in milliseconds since 1970. */
export type SpaceEvent =
  /** Confirmed state has moved to the commit `seq`; `changed` and `removed` are numbers of entries. */
  | { readonly kind: "commit"; readonly at: number; readonly seq: number; readonly changed: number; readonly removed: number; readonly reset: boolean }
  /** A mutation was made, here or in another tab. `changes` is what it does to what is shown. */
  | { readonly kind: "queued"; readonly at: number; readonly mutation: Mutation; readonly changes: readonly Change[] }
  | { readonly kind: "applied"; readonly at: number; readonly mutation: Mutation }
  | { readonly kind: "rejected"; readonly at: number; readonly rejected: Rejected };

/** What another session says of itself. */
export interface Peer {
  /** Empty if nobody knows. */
  readonly user: string;
  readonly state: Json;
}

/** Presence in a space opened with `presence: true`. */
export interface Presence {
  /** Says something of this session, at most 4 KiB; null takes it back. Said again after a reconnect. */
  set(state: Json): void;
  /** The other sessions by public name; a new map for each change. */
  readonly peers: ReadonlyMap<string, Peer>;
  subscribe(fn: () => void): () => void;
}

/** A message from another session, outside of the data: it may be lost. */
export interface Cast {
  readonly session: string;
  readonly user: string;
  readonly topic: string;
  readonly data: Json;
}

/** The result of {@link Space.check}. */
export interface CheckResult {
  /** Whether the replica holds what the server says it should. */
  readonly ok: boolean;
  /** Number of entries and check sum at the server. */
  readonly count: number;
  readonly sum: string;
}

/** One space: local reads, optimistic writes, status. */
export interface Space {
  readonly path: string;
  /** Resolves when the queue and the rejected list have been read from the store. Reads and writes need not wait for it. */
  readonly ready: Promise<void>;
  put(collection: string, id: string, value: Doc, options?: OpOptions): Mutation;
  patch(collection: string, id: string, update: UpdateOps, options?: OpOptions): Mutation;
  delete(collection: string, id: string, options?: OpOptions): Mutation;
  /**
   * One mutation of several operations, all or none. `fn` runs once, at once;
   * it must not be async. Throws ValueError for an invalid operation and
   * {@link SynclineError} `too_large` for one over the server's limits.
   */
  mutate(fn: (tx: Tx) => void, options?: MutateOptions): Mutation;
  /**
   * A mutation that is a call of a mutator of this kind of space: the server runs it, and so does this replica, each time that something
   * below it changes, if it has {@link SpaceOptions.mutators}; otherwise nothing shows before the server's answer. A run that throws shows
   * nothing: the server decides. Throws `bad_name`, `too_large`, ValueError for what is no JSON, and what the mutator's schema says of `args`.
   */
  call(name: string, args?: Json): Mutation;
  get(collection: string, id: string): Entry | undefined;
  query(query: Query): LiveQuery;
  readonly rejected: readonly Rejected[];
  readonly pending: readonly Mutation[];
  /** Queues a rejected mutation again, as a new one: a call then draws other random numbers and ids. Throws `unknown_id`. */
  retry(id: string): Mutation;
  /** Forgets a rejected mutation. Throws `unknown_id`. */
  discard(id: string): void;
  /** Replaces the view; only the difference is fetched. */
  setView(view: View): void;
  readonly view: View;
  readonly status: Status;
  /** Calls `fn` after each change of `status`, `pending` or `rejected`. */
  subscribe(fn: () => void): () => void;
  /** Calls `fn` on each event, after queries have been brought up to date; returns the end of that. */
  onEvent(fn: (event: SpaceEvent) => void): () => void;
  readonly presence: Presence;
  cast(topic: string, data: Json): void;
  onCast(fn: (cast: Cast) => void): () => void;
  /** Compares the replica with the server; on a difference fetches all anew. Rejects with `not_live`. */
  check(): Promise<CheckResult>;
  /** Leaves the space. What is in the store stays there; without one, the replica and its queue are forgotten. */
  close(): void;
}

/** Options of {@link Client.space}. */
export interface SpaceOptions {
  readonly view: View;
  /** Whether to be told of other sessions' presence and casts. */
  readonly presence?: boolean;
  /**
   * Dotted paths by collection, at most 16 each: of these the client keeps an order in memory, from when a query first
   * has a use for it. A new query that bounds or sorts by one of them looks at what it leaves, not at the whole
   * collection. Queries give the same rows without. What the first call for a space says counts.
   */
  readonly indexes?: Indexes;
  /** Runs the space's calls here: what `mutators` of `@syncline/client/mutators` makes. What the first call for a space says counts. */
  readonly mutators?: Player;
}

/** See {@link SpaceOptions.indexes}. */
export interface Indexes {
  readonly [collection: string]: readonly string[];
}
