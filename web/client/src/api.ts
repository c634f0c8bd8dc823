/**
 * The public face of the client: everything that an application calls or is
 * handed. The classes behind these interfaces are in client.ts, board.ts,
 * live.ts and presence.ts.
 */

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
  /** Local number, unique in the space for the life of the client, ascending. */
  readonly id: number;
  readonly ops: readonly Op[];
  readonly state: MutationState;
  /**
   * Resolves when the mutation is applied and confirmed state has reached it;
   * rejects with {@link RejectedError} when it is refused, with
   * {@link SynclineError} `closed` when client or space is closed before. Nobody has to look.
   */
  readonly confirmed: Promise<Outcome>;
}

/** A refused mutation, kept until it is retried or discarded. */
export interface Rejected {
  /** {@link Mutation.id}. */
  readonly id: number;
  readonly ops: readonly Op[];
  readonly outcome: Outcome;
  /** When the refusal arrived, in milliseconds since 1970. */
  readonly at: number;
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
  /** Dotted paths, at most 64; none is the whole record. */
  readonly fields?: readonly string[];
}

/** A query that is kept up to date. */
export interface LiveQuery {
  /** The rows now. The same array as long as nothing in it has changed, the same objects for unchanged rows. */
  readonly rows: readonly Entry[];
  /** The number of matches without `limit` and `skip`. */
  readonly total: number;
  /** Calls `fn` after each event that changed `rows` or `total`; returns the end of that. */
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
 * `offline`: asked for or without network. `connecting`: trying, perhaps
 * waiting to try again. `syncing`: connected, catching up. `live`: up to date.
 * `stopped`: closed, or an error that needs the application ({@link StatusError}).
 */
export type SyncState = "offline" | "connecting" | "syncing" | "live" | "stopped";

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
}

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
  put(collection: string, id: string, value: Doc, options?: OpOptions): Mutation;
  patch(collection: string, id: string, update: UpdateOps, options?: OpOptions): Mutation;
  delete(collection: string, id: string, options?: OpOptions): Mutation;
  /**
   * One mutation of several operations, all or none. `fn` runs once, at once;
   * it must not be async. Throws ValueError for an invalid operation and
   * {@link SynclineError} `too_large` for one over the server's limits.
   */
  mutate(fn: (tx: Tx) => void, options?: MutateOptions): Mutation;
  get(collection: string, id: string): Entry | undefined;
  query(query: Query): LiveQuery;
  readonly rejected: readonly Rejected[];
  readonly pending: readonly Mutation[];
  /** Queues the operations of a rejected mutation again, as a new mutation. Throws `unknown_id`. */
  retry(id: number): Mutation;
  /** Forgets a rejected mutation. Throws `unknown_id`. */
  discard(id: number): void;
  /** Replaces the view; only the difference is fetched. */
  setView(view: View): void;
  readonly view: View;
  readonly status: Status;
  /** Calls `fn` after each change of `status`, `pending` or `rejected`. */
  subscribe(fn: () => void): () => void;
  readonly presence: Presence;
  cast(topic: string, data: Json): void;
  onCast(fn: (cast: Cast) => void): () => void;
  /** Compares the replica with the server; on a difference fetches all anew. Rejects with `not_live`. */
  check(): Promise<CheckResult>;
  /** Leaves the space and forgets the replica with its queue. */
  close(): void;
}

/** Options of {@link Client.space}. */
export interface SpaceOptions {
  readonly view: View;
  /** Whether to be told of other sessions' presence and casts. */
  readonly presence?: boolean;
}
