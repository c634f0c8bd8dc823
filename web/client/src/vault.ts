import type { Outcome, View } from "./api.js";
import { Archive, type Held, type ReadOptions } from "./archive.js";
import type { Leases, Term } from "./lease.js";
import type { Patch } from "./replica.js";
import type { Changes, Store } from "./store.js";
import type { Confirmed } from "./sum.js";

/** The key under which the number of the present leader is: who has another one may not write what only leaders write. */
export const EPOCH = "!epoch";
/** No leases, as text. */
const NONE = "null";
/** Digits of a place in a key. */
const DIGITS = 13;

/** A mutation as it is stored. */
export interface Stored {
  readonly id: string;
  readonly order: number;
  /** 0: it has an outcome, so that it must not be sent; nobody remembers which. */
  readonly wire: number;
  /** Its wire form but for the id. */
  readonly body: string;
}

/** A rejected mutation as it is stored. */
export interface StoredRejection {
  readonly id: string;
  readonly body: string;
  readonly outcome: Outcome;
  readonly at: number;
}

/** Where the counting has got: the client id, the last id on the wire under it, the last place. */
export interface Count {
  readonly client: string;
  readonly wire: number;
  readonly order: number;
  /** Names the store: another one that has taken its place has another name. */
  readonly store: string;
}

/** What the store knows of mutations. */
export interface Pending {
  readonly count: Count;
  /** In order. */
  readonly queue: readonly Stored[];
  /** By time of refusal. */
  readonly rejected: readonly StoredRejection[];
  /** Mutations that the first leader of this store knew of; undefined while there was none. See {@link Vault.found}. */
  readonly known: readonly string[] | undefined;
  /** When what is confirmed was last written, in milliseconds since 1970; null: never. */
  readonly synced: number | null;
  /** What is held may be shown so long, and of the time that runs; undefined: for ever. */
  readonly leases: Leases | undefined;
  readonly term: Term | undefined;
}

/** A step of the leader's, to be written. */
export interface Record {
  readonly patch: Patch;
  /** The view that the cursor was made with. */
  readonly view: View;
  /** Places of mutations that left the queue. */
  readonly left: readonly number[];
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Confirmed state, whole, where the patch does not lead there. */
  readonly reset: Confirmed | undefined;
}

/** Thrown by what only the leader may do, once it is no longer the leader. */
export class Deposed extends Error {}

/**
 * One space in a store that several tabs share: the queue and the rejected
 * list, a record each, and the archive of what is confirmed. Any tab may add to
 * the queue: its place and its id on the wire are given in the same atomic step
 * that stores it. All else is written by the leader alone, fenced by its epoch.
 */
export class Vault {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #newClient: () => string;
  #archive: Archive;
  #name: string | undefined;
  /** As they are stored. */
  #leases = NONE;

  constructor(store: Store, path: string, newClient: () => string) {
    this.#store = store;
    this.#prefix = path + "\0";
    this.#newClient = newClient;
    this.#archive = this.#open();
  }

  /** The store's name, once something was read or saved. */
  get name(): string | undefined {
    return this.#name;
  }

  #open(): Archive {
    return new Archive(this.#store, this.#prefix + "a");
  }

  /** Reads how far confirmed state has got. Rejects as {@link Archive.open} if it is damaged: {@link reset} is left then. */
  held(): Promise<Held> {
    this.#archive = this.#open();
    return this.#archive.open();
  }

  /** The queue, the rejected list and the counters; makes the counters if there are none. */
  async pending(): Promise<Pending> {
    const key = this.#prefix + "k";
    const rows = await this.#store.range(key, this.#prefix + "t");
    const read = <T>(prefix: string): T[] => rows.filter(([k]) => k.startsWith(this.#prefix + prefix)).map(([, text]) => JSON.parse(text) as T);
    const [count] = read<Count>("k");
    if (count === undefined) {
      await this.save([], []);
      return this.pending();
    }
    const [known] = read<string[]>("l");
    const [synced = null] = read<number>("s");
    const [term] = read<Term>("m");
    const [leases = null] = read<Leases | null>("n");
    this.#leases = JSON.stringify(leases);
    this.#name = count.store;
    return { leases: leases ?? undefined, term, count, queue: read<Stored>("q"), rejected: read<StoredRejection>("r").sort((a, b) => a.at - b.at), known, synced };
  }

  #zero(): Count {
    return { client: this.#newClient(), wire: 0, order: 0, store: this.#newClient() };
  }

  /** Stores mutations at the end of the queue, so that no crash loses them, and takes rejected ones off the list. */
  async save(items: readonly Pick<Stored, "id" | "body">[], retried: readonly string[]): Promise<{ client: string; stored: Stored[] }> {
    const key = this.#prefix + "k";
    let stored: Stored[] = [];
    let client = "";
    await this.#store.update(
      [key],
      ([text]) => {
        const count = text === undefined ? this.#zero() : (JSON.parse(text) as Count);
        let { wire, order } = count;
        client = count.client;
        this.#name = count.store;
        stored = items.map(({ id, body }) => ({ id, order: ++order, wire: ++wire, body }));
        return {
          put: [[key, JSON.stringify({ ...count, wire, order })], ...stored.map((item) => this.#queued(item))],
          del: retried.map((id) => this.#rejected(id)),
        };
      },
      { strict: true },
    );
    return { client, stored };
  }

  /**
   * Notes the mutations that the first leader of this store knows of, queued or
   * done with. If the store has taken the place of one that was lost, a tab that
   * had stored others there stores them again once it sees this.
   */
  async found(epoch: number, known: readonly string[]): Promise<void> {
    await this.#fenced(epoch, { put: [[this.#prefix + "l", JSON.stringify(known)]] });
  }

  /** Notes when there was contact last. */
  async keep(epoch: number, term: Term): Promise<void> {
    await this.#fenced(epoch, { put: [[this.#prefix + "m", JSON.stringify(term)]] });
  }

  /** Forgets a rejected mutation. */
  async discard(id: string): Promise<void> {
    await this.#store.update([], () => ({ del: [this.#rejected(id)] }));
  }

  /** Writes what has happened, as the next rev. Rejects with {@link Deposed} if another tab leads. */
  async commit(epoch: number, rev: number, { patch, view: made, left, at, reset }: Record): Promise<void> {
    const { cursor = "", scope, leases: held = null, drop, put, del } = patch;
    const leases = JSON.stringify(held);
    const view = cursor === "" ? [] : made;
    const changes = reset === undefined ? this.#archive.append({ rev, cursor, view, scope, drop, put, del }) : this.#archive.replace(rev, cursor, view, reset, scope);
    await this.#fenced(epoch, {
      ...changes,
      put: [...(changes.put ?? []), ...(leases === this.#leases ? [] : [[this.#prefix + "n", leases] as const]), [this.#prefix + "s", String(at)], ...patch.rejected.map((entry): [string, string] => [this.#rejected(entry.id), JSON.stringify(entry)])],
      del: [...(changes.del ?? []), ...left.map((order) => this.#queued({ order })[0])],
    });
    this.#leases = leases;
  }

  /** Folds the archive's log into its chunks, if that pays or `all` of it is to go. */
  async fold(epoch: number, all = false): Promise<void> {
    const changes = await this.#archive.fold(all);
    if (changes !== undefined) await this.#fenced(epoch, changes);
  }

  /** One collection, and the rev and view that it is of. */
  read(collection: string, options?: ReadOptions): ReturnType<Archive["read"]> {
    return this.#archive.read(collection, options);
  }

  /**
   * Replaces the client id and the ids on the wire: `items` are all of the
   * queue. False if another tab has queued something since `seen`: look again.
   */
  rewrite(epoch: number, seen: Count, client: string, wire: number, items: readonly Stored[]): Promise<boolean> {
    const key = this.#prefix + "k";
    const count: Count = { ...seen, client, wire };
    return this.#fenced(
      epoch,
      { drop: [[this.#prefix + "q", this.#prefix + "r"]], put: [[key, JSON.stringify(count)], ...items.map((item) => this.#queued(item))] },
      [key, JSON.stringify(seen)],
    );
  }

  /** Removes what is confirmed; the queue stays. */
  async reset(epoch: number): Promise<void> {
    await this.#fenced(epoch, this.#archive.wipe());
    this.#archive = this.#open();
  }

  async #fenced(epoch: number, changes: Changes, unless?: readonly [key: string, value: string]): Promise<boolean> {
    let mine = false;
    const done = await this.#store.update([EPOCH, unless?.[0] ?? EPOCH], ([now, value]) => {
      mine = now === String(epoch);
      return mine && (unless === undefined || value === unless[1]) ? changes : undefined;
    });
    if (!mine) throw new Deposed();
    return done;
  }

  #queued(item: Pick<Stored, "order">): [key: string, value: string] {
    return [this.#prefix + "q" + String(item.order).padStart(DIGITS, "0"), JSON.stringify(item)];
  }

  #rejected(id: string): string {
    return this.#prefix + "r" + id;
  }
}
