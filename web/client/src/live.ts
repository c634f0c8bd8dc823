import type { Entry, LiveQuery, Query } from "./api.js";
import { Emitter } from "./emitter.js";
import { checkCollection } from "./key.js";
import { Order } from "./order.js";
import { parseQuery, type Query as ParsedQuery } from "./query.js";
import type { Step } from "./step.js";

/** Reads the application's query. Throws ValueError and `bad_name`. */
export function readQuery(query: Query): ParsedQuery {
  checkCollection(query.in);
  const { in: _, ...rest } = query;
  return parseQuery(Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== undefined)));
}

/** The answer to a query, once. */
export function select(query: ParsedQuery, entries: Iterable<Entry>): readonly Entry[] {
  const order = new Order(query, entries);
  return order.slice(query.skip, endOf(query)).map((entry) => project(query, entry));
}

/** A query that is maintained from steps. Its work per change is a binary search and the moving of a list. */
export class Live implements LiveQuery {
  readonly collection: string;
  readonly #query: ParsedQuery;
  readonly #entries: () => Iterable<Entry>;
  readonly #changed = new Emitter();
  readonly #closed: (live: Live) => void;
  readonly #projected = new WeakMap<Entry, Entry>();
  #order: Order;
  #rows: readonly Entry[] = [];
  #stale = true;
  #total: number;

  /** `entries` gives what is shown of the collection; `closed` is told of the end. */
  constructor(query: Query, entries: () => Iterable<Entry>, closed: (live: Live) => void) {
    this.#query = readQuery(query);
    this.collection = query.in;
    this.#entries = entries;
    this.#closed = closed;
    this.#order = new Order(this.#query, entries());
    this.#total = this.#order.size;
  }

  get rows(): readonly Entry[] {
    this.#refresh();
    return this.#rows;
  }

  get total(): number {
    return this.#total;
  }

  subscribe(fn: () => void): () => void {
    return this.#changed.subscribe(fn);
  }

  close(): void {
    this.#refresh();
    this.#changed.clear();
    this.#closed(this);
  }

  /** Takes a step; true if there is something to {@link notify} of. */
  update(step: Step): boolean {
    const total = this.#total;
    let from = 0;
    if (step.reset) {
      this.#order = new Order(this.#query, this.#entries());
    } else {
      const changes = step.changes.filter(({ collection }) => collection === this.collection);
      from = changes.length === 0 ? -1 : this.#order.update(changes);
      if (from < 0) return false;
    }
    this.#total = this.#order.size;
    if (from >= endOf(this.#query)) return total !== this.#total;
    const known = !this.#stale;
    this.#stale = true;
    // Where the window is the whole, a change of one is a change of the other. Nobody has seen rows that were never read.
    if (!known || (!step.reset && this.#query.limit === 0 && this.#query.skip === 0)) return true;
    return this.#refresh() || total !== this.#total;
  }

  notify(): void {
    this.#changed.emit();
  }

  /** Brings the rows up to date; true if they changed. */
  #refresh(): boolean {
    if (!this.#stale) return false;
    this.#stale = false;
    let rows = this.#order.slice(this.#query.skip, endOf(this.#query));
    if (this.#query.fields.length > 0) rows = rows.map((entry) => this.#project(entry));
    if (rows.length === this.#rows.length && rows.every((row, i) => row === this.#rows[i])) return false;
    this.#rows = rows;
    return true;
  }

  #project(entry: Entry): Entry {
    let projected = this.#projected.get(entry);
    if (projected === undefined) this.#projected.set(entry, (projected = project(this.#query, entry)));
    return projected;
  }
}

function project(query: ParsedQuery, entry: Entry): Entry {
  return query.fields.length === 0 ? entry : { ...entry, value: query.project(entry.value) };
}

/** The index behind the last row. */
function endOf(query: ParsedQuery): number {
  return query.limit === 0 ? Infinity : query.skip + query.limit;
}
