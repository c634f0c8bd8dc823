import type { Entry, Mutation, Query, QueryResult, Space } from "./api.js";
import { SynclineError } from "./errors.js";
import { select, readQuery } from "./live.js";
import { parseUpdate } from "./update.js";
import type { Doc } from "./value.js";
import { nameOf } from "./watch.js";

/** The form of a {@link Snapshot}: pages and programs of different forms do not understand each other. */
const FORM = 1;

/** Answers to queries of one space, as JSON. In a `<script>` each `<` of it must be written as `\u003c`. */
export interface Snapshot {
  readonly form: number;
  readonly space: string;
  readonly queries: readonly {
    readonly name: string;
    readonly in: string;
    /** Whether the rows have all fields. */
    readonly whole: boolean;
    readonly total: number;
    readonly rows: readonly (readonly [id: string, version: number, value: Doc])[];
  }[];
}

/** Options of {@link snapshot}. */
export interface SnapshotOptions {
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/** What the bindings show until the space itself has something at least as new. */
export interface Hydrated {
  result(path: string, name: string): QueryResult | undefined;
  entry(path: string, collection: string, id: string): Entry | undefined;
  /** What to show of a query whose own result is `own`. */
  over(space: Space, query: Query, name: string, own: QueryResult): QueryResult;
  /** What to show of an entry that is `own` in the space. */
  overEntry(space: Space, collection: string, id: string, own: Entry | undefined): Entry | undefined;
}

/**
 * Waits until the space is live, and answers the queries: all at one moment. Rejects with `not_live` if the space stops
 * or the signal ends the waiting, and as {@link Space.query}.
 */
export async function snapshot(space: Space, queries: readonly Query[], options: SnapshotOptions = {}): Promise<Snapshot> {
  await live(space, options.signal);
  const opened = [];
  try {
    for (const query of queries) opened.push({ query, live: space.query(query) });
    await Promise.all(opened.map((one) => one.live.ready));
    return {
      form: FORM,
      space: space.path,
      queries: opened.map(({ query, live: { rows, total } }) => ({
        name: nameOf(query),
        in: query.in,
        whole: whole(query),
        total,
        rows: rows.map(({ id, version, value }) => [id, version, value] as const),
      })),
    };
  } finally {
    for (const one of opened) one.live.close();
  }
}

function live(space: Space, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      end();
      signal?.removeEventListener("abort", look);
    };
    const look = (): void => {
      const { state, error } = space.status;
      if (state === "live") resolve();
      else if (state === "stopped" || signal?.aborted === true) reject(new SynclineError("not_live", `${space.path} is ${state}: ${error?.message ?? "not live yet"}`));
      else return;
      done();
    };
    const end = space.subscribe(look);
    signal?.addEventListener("abort", look);
    look();
  });
}

/** Takes snapshots that came with the page, at most one of a space. Throws `bad_snapshot` for what {@link snapshot} of this version does not make. */
export function hydrated(...snapshots: readonly Snapshot[]): Hydrated {
  return new Seeds(snapshots);
}

interface Seed {
  /** The greatest version of a row. */
  readonly newest: number;
  readonly stale: QueryResult;
  readonly offline: QueryResult;
}

class Seeds implements Hydrated {
  readonly #seeds = new Map<string, Seed>();
  readonly #entries = new Map<string, Entry>();
  readonly #live = new WeakSet<Space>();
  /** What was computed for a queue. */
  readonly #made = new WeakMap<readonly Mutation[], Map<string, unknown>>();

  constructor(snapshots: readonly Snapshot[]) {
    for (const { form, space, queries } of snapshots) {
      if (form !== FORM) throw new SynclineError("bad_snapshot", `a snapshot of form ${form}, not ${FORM}`);
      for (const { name, in: collection, whole, total, rows: list } of queries) {
        const rows = list.map(([id, version, value]): Entry => ({ collection, id, value, version, state: "confirmed" }));
        const base = { rows, total, lastSynced: null };
        this.#seeds.set(key(space, name), { newest: newest(rows), stale: { ...base, status: "stale" }, offline: { ...base, status: "offline" } });
        if (whole) for (const row of rows) this.#entries.set(key(space, collection, row.id), row);
      }
    }
  }

  result(path: string, name: string): QueryResult | undefined {
    return this.#seeds.get(key(path, name))?.stale;
  }

  entry(path: string, collection: string, id: string): Entry | undefined {
    return this.#entries.get(key(path, collection, id));
  }

  over(space: Space, query: Query, name: string, own: QueryResult): QueryResult {
    const seed = this.#seeds.get(key(space.path, name));
    if (seed === undefined || this.#overtaken(space)) return own;
    if (own.status === "expired" || (own.status !== "loading" && newest(own.rows) >= seed.newest)) return own;
    const base = own.status === "offline" ? seed.offline : seed.stale;
    const { pending } = space;
    // What changes a part of the rows or of their fields cannot be told from that part.
    if (pending.length === 0 || !whole(query) || (query.skip ?? 0) > 0 || query.after !== undefined) return base;
    return this.#make(pending, key(space.path, name, base.status), () => {
      const { limit: _, ...all } = query;
      const rows = select(readQuery(all), replay(base.rows, query.in, pending).values());
      return { ...base, rows: rows.slice(0, query.limit), total: base.total + rows.length - base.rows.length };
    });
  }

  overEntry(space: Space, collection: string, id: string, own: Entry | undefined): Entry | undefined {
    const seed = this.entry(space.path, collection, id);
    if (seed === undefined || this.#overtaken(space) || space.status.expired?.includes(collection) || (own?.version ?? 0) >= seed.version) return own;
    const { pending } = space;
    if (pending.length === 0) return seed;
    return this.#make(pending, key(space.path, collection, id), () => replay([seed], collection, pending).get(id));
  }

  /** Whether the space has been live since the page came: then what it has is newer. */
  #overtaken(space: Space): boolean {
    if (space.status.state === "live") this.#live.add(space);
    return this.#live.has(space);
  }

  #make<T>(pending: readonly Mutation[], name: string, make: () => T): T {
    let made = this.#made.get(pending);
    if (made === undefined) this.#made.set(pending, (made = new Map<string, unknown>()));
    if (!made.has(name)) made.set(name, make());
    return made.get(name) as T;
  }
}

/** What the queue makes of entries; what it does to others of the collection is not known. */
function replay(rows: readonly Entry[], collection: string, pending: readonly Mutation[]): Map<string, Entry> {
  const entries = new Map(rows.map((row) => [row.id, row]));
  for (const op of pending.flatMap((mutation) => mutation.ops)) {
    if (op.in !== collection) continue;
    const { id } = op;
    const before = entries.get(id);
    if (op.if !== undefined && op.if !== (before?.version ?? 0)) continue;
    const put = (value: Doc): void => void entries.set(id, { collection, id, value, version: before?.version ?? 0, state: "pending" });
    if (op.op === "put") put(op.value);
    else if (op.op === "delete") entries.delete(id);
    else if (before !== undefined) {
      try {
        put(parseUpdate(op.patch).apply(before.value));
      } catch {
        // it does not fit: the server decides
      }
    }
  }
  return entries;
}

/** Whether the rows have all fields. */
function whole({ fields = [] }: Query): boolean {
  return fields.length === 0;
}

function newest(rows: readonly Entry[]): number {
  return rows.reduce((most, { version }) => Math.max(most, version), 0);
}

function key(...names: readonly string[]): string {
  return names.join("\n"); // no name has one
}
