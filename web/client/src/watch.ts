/** What the bindings to frameworks have in common: what is shown, when it changes, and how long it is kept open. */

import type { Entry, LiveQuery, Mutation, Peer, Query, QueryResult, Rejected, Space, SpaceOptions, Status } from "./api.js";
import type { Client } from "./client.js";
import type { Hydrated } from "./hydrate.js";
import { LENS, type Lensed } from "./lens.js";
import { canonical } from "./value.js";

/**
 * How long what nobody uses is kept open, in milliseconds. The user may be on its way: React renders before it uses, under
 * Suspense by up to 300 ms, and StrictMode lets go and takes hold again.
 */
const LINGER = 1000;

/** Something to show that changes with time. */
export interface Source<T> {
  /** What there is now: the same object as long as nothing in it has changed. */
  readonly get: () => T;
  /** Calls `fn` when {@link get} may give something else; returns the end of that. */
  readonly subscribe: (fn: () => void) => () => void;
  /** What the snapshot of the server has of it. */
  readonly seed?: T | undefined;
  /** What a server shows, and the page that takes over from it, where there is no seed. */
  readonly blank: T;
  /** What to wait for if `shown` is nothing yet. */
  readonly wait?: (shown: T) => Promise<void> | undefined;
}

/** A source of entries or rows. */
export interface WatchOptions {
  /** What the server has rendered the page from: see hydrate.ts. */
  readonly snapshot?: Hydrated | undefined;
}

/** What has a status: a space or a client. */
export interface WithStatus {
  readonly status: Status;
  subscribe(fn: () => void): () => void;
}

/** What has a list of refused mutations: a space, with types or without; the same of what follows. */
export type WithRejected = Pick<Space, "rejected" | "subscribe">;
export type WithPending = Pick<Space, "pending" | "subscribe">;
export type WithPresence = Pick<Space, "presence">;

const LOADING: QueryResult = { rows: [], total: 0, status: "loading", lastSynced: null };
const NOTHING: readonly never[] = [];
const NOBODY: ReadonlyMap<string, Peer> = new Map();
const STARTING: Status = { state: "connecting", lastSynced: null, pending: 0, rejected: 0, transport: null, storage: { kind: "memory" } };

/** Something that is open as long as somebody uses it, and a little longer. */
interface Shared<T> {
  readonly value: T;
  /** How many use it. */
  users: number;
  /** Returns the end of the use, to be called once. */
  readonly use: () => () => void;
}

/** Shares what is open. `end` is called when nobody has used it for {@link LINGER}, and it is not `busy`. */
function share<T>(value: T, busy: () => boolean, end: () => void): Shared<T> {
  let timer: ReturnType<typeof setTimeout>;
  const rest = (): void => {
    timer = setTimeout(() => (busy() ? rest() : end()), LINGER);
  };
  const shared: Shared<T> = {
    value,
    users: 0,
    use: () => {
      shared.users++;
      clearTimeout(timer);
      return () => {
        if (--shared.users === 0) rest();
      };
    },
  };
  rest();
  return shared;
}

interface Opened {
  readonly live: LiveQuery;
  /** Whether there is nothing to wait for any more. */
  settled: boolean;
}

interface Leased {
  readonly space: Space;
  /** Whether it was not open before. */
  readonly own: boolean;
}

const queries = new WeakMap<Space, Map<string, Shared<Opened>>>();
const spaces = new WeakMap<Space, Shared<Leased>>();

/** Names a query; those that ask the same have the same name. Throws ValueError for what is no JSON. */
export function nameOf({ after, ...query }: Query): string {
  const parts = { ...query, after: after && { id: after.id, value: after.value } };
  return canonical(Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined)));
}

function open(space: Space, name: string, query: Query): Shared<Opened> {
  let all = queries.get(space);
  if (all === undefined) queries.set(space, (all = new Map<string, Shared<Opened>>()));
  const there = all.get(name);
  if (there !== undefined) return there;
  const opened: Opened = { live: space.query(query), settled: false };
  void opened.live.ready.then(() => (opened.settled = true));
  const shared = share(opened, () => !opened.settled, () => {
    queries.get(space)?.delete(name);
    opened.live.close();
  });
  all.set(name, shared);
  return shared;
}

function watched<T>(
  space: Space,
  query: Query,
  snapshot: Hydrated | undefined,
  source: Pick<Source<T>, "seed" | "blank"> & { readonly of: (live: LiveQuery) => T; readonly lacking: (shown: T) => boolean },
): Source<T> {
  const { of, lacking } = source;
  const name = nameOf(query);
  const shared = (): Shared<Opened> => open(space, name, query);
  return {
    ...source,
    get: () => of(shared().value.live),
    subscribe: (fn) => {
      const { use, value } = shared();
      const ends = [use(), value.live.subscribe(fn)];
      if (snapshot !== undefined) ends.push(space.subscribe(fn)); // what is pending changes what stands in for rows
      return () => ends.forEach((end) => end());
    },
    wait: (shown) => {
      if (!lacking(shown)) return undefined;
      const { live, settled } = shared().value;
      return !settled && live.result.status === "loading" ? live.ready : undefined;
    },
  };
}

/** A query. All that ask the same of a space share one; it is opened when it is first looked at. With types, what is shown is a `TypedResult`. */
export function queryOf(of: Space | Lensed, query: Query, { snapshot }: WatchOptions = {}): Source<QueryResult> {
  const name = nameOf(query);
  const { space, result: show } = through(of);
  const seed = snapshot?.result(space.path, name);
  return watched(space, query, snapshot, {
    of: ({ result }) => show(snapshot === undefined ? result : snapshot.over(space, query, name, result)),
    seed: seed && show(seed),
    blank: show(LOADING),
    lacking: ({ status }) => status === "loading",
  });
}

/** One entry. All of a collection share a query, whose rows nobody asks for. With types, what is shown is a `TypedEntry` or a `Misfit`. */
export function entryOf(of: Space | Lensed, collection: string, id: string, { snapshot }: WatchOptions = {}): Source<Entry | undefined> {
  const { space, entry: show } = through(of);
  const seed = snapshot?.entry(space.path, collection, id);
  return watched<Entry | undefined>(space, { in: collection }, snapshot, {
    of: () => {
      const own = space.get(collection, id);
      const shown = snapshot === undefined ? own : snapshot.overEntry(space, collection, id, own);
      return shown && show(shown);
    },
    seed: seed && show(seed),
    blank: undefined,
    lacking: (shown) => shown === undefined,
  });
}

/** The space, and how it shows what it has; the bindings' overloads say what type that has. */
function through(of: Space | Lensed): { readonly space: Space; readonly result: (result: QueryResult) => QueryResult; readonly entry: (entry: Entry) => Entry } {
  return (LENS in of ? of[LENS] : { space: of, result: same, entry: same }) as ReturnType<typeof through>;
}

function same<T>(shown: T): T {
  return shown;
}

function told<T>(of: Pick<Space, "subscribe">, blank: T, get: () => T): Source<T> {
  return { get, blank, subscribe: (fn) => of.subscribe(fn) };
}

export function statusOf(of: WithStatus): Source<Status> {
  return told(of, STARTING, () => of.status);
}

export function rejectedOf(space: WithRejected): Source<readonly Rejected[]> {
  return told(space, NOTHING, () => space.rejected);
}

export function pendingOf(space: WithPending): Source<readonly Mutation[]> {
  return told(space, NOTHING, () => space.pending);
}

export function presenceOf({ presence }: WithPresence): Source<ReadonlyMap<string, Peer>> {
  return told(presence, NOBODY, () => presence.peers);
}

function lease(client: Client, path: string, options: SpaceOptions): Shared<Leased> {
  const there = client.spaces.find((other) => other.path === path);
  const space = there ?? client.space(path, options);
  let leased = spaces.get(space);
  if (leased === undefined) {
    const own = there === undefined;
    const busy = (): boolean => {
      const { pending, rejected, storage } = space.status;
      const owing = pending > 0 || (rejected > 0 && storage.kind !== "disk") || (queries.get(space)?.size ?? 0) > 0;
      return own && owing && client.spaces.includes(space);
    };
    leased = share({ space, own }, busy, () => own && space.close());
    spaces.set(space, leased);
  }
  return leased;
}

/**
 * A space. One that was not open before is closed when nobody has used it for {@link LINGER} and closing loses nothing: no
 * mutation waits to be sent, and no rejected one is only in memory. Who uses it alone may ask for another view; otherwise
 * another view throws `view_differs`.
 */
export function spaceOf(client: Client, path: string, options: SpaceOptions): Pick<Source<Space>, "get" | "subscribe"> {
  return {
    get: () => lease(client, path, options).value.space,
    subscribe: () => {
      const { value, users, use } = lease(client, path, options);
      if (users > 0 || !value.own) client.space(path, options);
      else value.space.setView(options.view);
      return use();
    },
  };
}
