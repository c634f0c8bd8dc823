import type { Doc, Entry, LiveQuery, Query, QueryResult, QueryStatus } from "./api.js";
import { Emitter } from "./emitter.js";
import { checkCollection, checkId } from "./key.js";
import { Order, type Place } from "./order.js";
import type { Orders, Shared } from "./orders.js";
import { covers } from "./path.js";
import { parseQuery, Query as ParsedQuery } from "./query.js";
import type { Step } from "./step.js";
import { isDoc, snapshot, ValueError } from "./value.js";

/** A query as the client has it: with `after`. */
export class Reading extends ParsedQuery {
  readonly after: Place | undefined;

  constructor(query: ParsedQuery, after: Place | undefined) {
    super(query);
    this.after = after;
  }
}

/**
 * Reads the application's query. Throws ValueError, and `bad_name` for a
 * collection or an id that is none. Rows of a query whose `fields` leave out
 * what it sorts by cannot say where they are: with `after` that is `bad_query`.
 */
export function readQuery(query: Query): Reading {
  checkCollection(query.in);
  const { in: _, after, ...rest } = query;
  const parsed = parseQuery(Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== undefined)));
  if (after === undefined) return new Reading(parsed, undefined);
  if (!isDoc(after) || !isDoc(after.value)) throw new ValueError("bad_query", "after", "after takes an id and a record");
  checkId(after.id);
  const { fields, sort } = parsed;
  if (fields.length > 0 && !sort.every(({ path }) => fields.some((field) => covers(field, path)))) {
    throw new ValueError("bad_query", "after", "with after, fields must include what is sorted by");
  }
  return new Reading(parsed, { id: after.id, value: snapshot(after.value) as Doc });
}

/** The answer to a query, once. */
export function select(query: Reading, entries: Iterable<Entry>): readonly Entry[] {
  return new Order(query, entries).window(query).map((entry) => project(query, entry));
}

/** A query that is maintained from steps. Its work per change is a few binary searches, and a look at each row that it shows. */
export class Live implements LiveQuery {
  readonly collection: string;
  readonly #query: Reading;
  readonly #changed = new Emitter();
  readonly #closed: (live: Live) => void;
  readonly #look: () => void;
  readonly #projected = new WeakMap<Entry, Entry>();
  /** Whether all matches are rows: then they are only looked at when somebody wants them. */
  readonly #whole: boolean;
  readonly #ready: Promise<void>;
  #readied: () => void = () => undefined;
  /** Undefined once it is closed. */
  #shared: Shared | undefined;
  #rows: readonly Entry[] = [];
  #total: number;
  #stale = true;
  /** Whether somebody has asked for rows. */
  #wanted = false;
  #untold = false;
  #status: QueryStatus = "loading";
  #lastSynced: number | null = null;
  #result: QueryResult | undefined;

  /** `orders` are the space's; `closed` is told of the end, `look` before somebody looks. Throws as {@link readQuery}. */
  constructor(query: Query, orders: Orders, closed: (live: Live) => void, look: () => void = () => undefined) {
    this.#look = look;
    this.#query = readQuery(query);
    this.collection = query.in;
    this.#whole = this.#query.after === undefined && this.#query.skip + this.#query.limit === 0;
    this.#closed = closed;
    this.#shared = orders.open(this.collection, this.#query);
    this.#total = this.#shared.order.size;
    if (!this.#whole) this.#refresh();
    this.#ready = new Promise((resolve) => (this.#readied = resolve));
  }

  /** Whether every entry of the collection is looked at for it. Where all matches are rows, that is so once somebody has wanted them. */
  get exhaustive(): boolean {
    return !this.#query.plain || (this.#whole && this.#wanted);
  }

  get result(): QueryResult {
    const { rows } = this;
    this.#result ??= { rows, total: this.#total, status: this.#status, lastSynced: this.#lastSynced };
    return this.#result;
  }

  get ready(): Promise<void> {
    return this.#ready;
  }

  get rows(): readonly Entry[] {
    this.#look();
    this.#wanted = true;
    this.#refresh();
    return this.#rows;
  }

  get total(): number {
    this.#look();
    return this.#total;
  }

  subscribe(fn: () => void): () => void {
    return this.#changed.subscribe(fn);
  }

  close(): void {
    if (this.#shared === undefined) return;
    this.#refresh();
    this.#shared.close();
    this.#shared = undefined;
    this.#readied();
    this.#changed.clear();
    this.#closed(this);
  }

  /** Takes a step that the orders have taken; true if there is something to {@link notify} of. */
  update(step: Step): boolean {
    if (this.#shared?.changed !== true) return false;
    const total = this.#total;
    this.#total = this.#shared.order.size;
    if (total !== this.#total) this.#result = undefined;
    const unread = this.#stale;
    this.#stale = true;
    // Where all matches are rows, a change of one is a change of the other. After a reset only those can be told apart that were read.
    const rows = (this.#whole && (unread || !step.reset)) || this.#refresh();
    return this.#tell(rows || total !== this.#total);
  }

  /** Takes how the space stands to the server; true if there is something to {@link notify} of. */
  stand(status: QueryStatus, lastSynced: number | null): boolean {
    if (status !== "loading") this.#readied();
    if (status === this.#status && lastSynced === this.#lastSynced) return false;
    this.#status = status;
    this.#lastSynced = lastSynced;
    this.#result = undefined;
    return this.#tell(true);
  }

  /** Calls the subscribers once for all that {@link update} and {@link stand} have found since. */
  notify(): void {
    if (!this.#untold) return;
    this.#untold = false;
    this.#changed.emit();
  }

  #tell(changed: boolean): boolean {
    this.#untold ||= changed;
    return changed;
  }

  /** Brings the rows up to date; true if they changed. */
  #refresh(): boolean {
    if (!this.#stale || this.#shared === undefined) return false;
    this.#stale = false;
    let rows = this.#shared.order.window(this.#query);
    if (this.#query.fields.length > 0) rows = rows.map((entry) => this.#project(entry));
    if (rows.length === this.#rows.length && rows.every((row, i) => row === this.#rows[i])) return false;
    this.#rows = rows;
    this.#result = undefined;
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
