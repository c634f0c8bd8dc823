import type { Change, Entry, Indexes } from "./api.js";
import { boundsOf, type Side } from "./bounds.js";
import { SynclineError } from "./errors.js";
import { checkCollection } from "./key.js";
import { Order } from "./order.js";
import { getPath, parsePath, type Path } from "./path.js";
import { Query } from "./query.js";
import type { Shown } from "./replica.js";
import type { Selector } from "./selector.js";
import { Shelf } from "./shelf.js";
import type { Step } from "./step.js";

const MAX_INDEXES = 16;

/** An order that all queries with the same selector and sort keys have in common. It is made when it is first looked at. */
export class Shared {
  readonly #make: () => Order;
  readonly #drop: () => void;
  #order: Order | undefined;
  #users = 0;
  /** Whether the last step changed it. */
  changed = false;

  /** `drop` is called when nobody uses it any more. */
  constructor(make: () => Order, drop: () => void) {
    this.#make = make;
    this.#drop = drop;
  }

  get order(): Order {
    return (this.#order ??= this.#make());
  }

  /** Each user has to {@link close} once. */
  use(): this {
    this.#users++;
    return this;
  }

  close(): void {
    if (--this.#users === 0) this.#drop();
  }

  take(reset: boolean, changes: readonly Change[]): void {
    if (reset) this.#order = undefined;
    this.changed = reset || this.#order?.update(changes) === true;
  }
}

/** The orders of a space: those of its live queries, and its indexes. */
export class Orders {
  readonly #shown: (collection: string) => Shown;
  readonly #indexes = new Map<string, readonly Path[]>();
  readonly #shared = new Map<string, Map<string, Shared>>();
  /** Those that are indexes. */
  readonly #kept = new Set<Shared>();

  /**
   * `shown` gives what is shown of a collection. An index is an order of all
   * of it by one path, made when a query first has a use for it, and kept.
   * Throws `bad_name` for what are no indexes, ValueError for what is no path.
   */
  constructor(shown: (collection: string) => Shown, indexes: Indexes = {}) {
    this.#shown = shown;
    for (const [collection, paths] of Object.entries(indexes)) {
      checkCollection(collection);
      if (!Array.isArray(paths) || paths.length > MAX_INDEXES || paths.some((path) => typeof path !== "string")) {
        throw new SynclineError("bad_name", `the indexes of ${collection} are not a list of at most ${MAX_INDEXES} paths`);
      }
      this.#indexes.set(collection, paths.map(parsePath));
    }
  }

  /** The order of a query, to be {@link Shared.close}d. */
  open(collection: string, { where, sort }: Query): Shared {
    const query = new Query({ where, sort });
    const path = this.#paths(collection).find((path) => indexOn(path).toString() === query.toString());
    return (path === undefined ? this.#get(collection, query) : this.#index(collection, path)).use();
  }

  /** Brings all orders up to date; each step once, in order, before anything else looks at one of them. */
  take(step: Step): void {
    for (const [collection, held] of this.#shared) {
      const changes = step.changes.filter((change) => change.collection === collection);
      for (const shared of held.values()) shared.take(step.reset, changes);
    }
  }

  #get(collection: string, query: Query): Shared {
    let held = this.#shared.get(collection);
    if (held === undefined) this.#shared.set(collection, (held = new Map<string, Shared>()));
    const key = query.toString();
    let shared = held.get(key);
    if (shared === undefined) {
      shared = new Shared(() => this.#make(collection, query), () => held.delete(key));
      held.set(key, shared);
    }
    return shared;
  }

  #make(collection: string, query: Query): Order {
    const narrowed = this.#narrowed(collection, query.where);
    if (narrowed !== undefined) return new Order(query, narrowed);
    const { confirmed, instead } = this.#shown(collection);
    const order = confirmed instanceof Shelf && query.plain ? new Order(query, confirmed.made, confirmed.pieces) : new Order(query, confirmed.values());
    order.update(Array.from(instead, ([id, after]) => ({ before: confirmed.get(id), after })));
    return order;
  }

  /** Entries, all that match among them: what the narrowest index leaves. Undefined if there is no index that helps. */
  #narrowed(collection: string, where: Selector): Iterable<Entry> | undefined {
    let best: Entry[] | undefined;
    for (const path of this.#paths(collection)) {
      const bounds = boundsOf(where, path);
      if (bounds === undefined) continue;
      const on = (side: Side) => ({ value }: Entry): boolean => side(getPath(value, path));
      const rows = this.#index(collection, path).order.range(on(bounds.below), on(bounds.within));
      if (best === undefined || rows.length < best.length) best = rows;
    }
    return best;
  }

  #paths(collection: string): readonly Path[] {
    return this.#indexes.get(collection) ?? [];
  }

  #index(collection: string, path: Path): Shared {
    const shared = this.#get(collection, indexOn(path));
    if (!this.#kept.has(shared)) this.#kept.add(shared.use());
    return shared;
  }
}

/** An index as a query: its selector is bounded by no index. */
function indexOn(path: Path): Query {
  return new Query({ sort: [{ path, desc: false }] });
}
