import type { Entry } from "./api.js";
import type { Query } from "./query.js";

/** From how many changes on a new list is made instead of moving the rest for each. */
const BULK = 24;

/** The entries that match a query, in its order, without regard to limit and skip. */
export class Order {
  readonly #query: Query;
  #rows: Entry[];

  constructor(query: Query, entries: Iterable<Entry>) {
    this.#query = query;
    this.#rows = [];
    for (const entry of entries) if (query.where.match(entry.value)) this.#rows.push(entry);
    this.#rows.sort((a, b) => this.#compare(a, b));
  }

  get size(): number {
    return this.#rows.length;
  }

  slice(from: number, to: number): Entry[] {
    return this.#rows.slice(from, to);
  }

  /** Replaces entries by others; returns the least index that changed, or -1 if nothing that matches did. */
  update(changes: readonly { readonly before: Entry | undefined; readonly after: Entry | undefined }[]): number {
    const { where } = this.#query;
    const gone: Entry[] = [];
    const come: Entry[] = [];
    let least = Infinity;
    for (const { before, after } of changes) {
      const was = before !== undefined && where.match(before.value);
      const is = after !== undefined && where.match(after.value);
      if (was && is && this.#compare(before, after) === 0) {
        const at = this.#find(before); // it stays where it is
        this.#rows[at] = after;
        least = Math.min(least, at);
        continue;
      }
      if (was) gone.push(before);
      if (is) come.push(after);
    }
    if (gone.length + come.length > 0) least = Math.min(least, this.#replace(gone, come));
    return least === Infinity ? -1 : least;
  }

  #replace(gone: readonly Entry[], come: Entry[]): number {
    if (gone.length + come.length > BULK) return this.#merge(gone, come);
    let least = Infinity;
    for (const entry of gone) {
      const at = this.#find(entry);
      this.#rows.splice(at, 1);
      least = Math.min(least, at);
    }
    for (const entry of come) {
      const at = this.#find(entry);
      this.#rows.splice(at, 0, entry);
      least = Math.min(least, at);
    }
    return least;
  }

  /** The same in one pass over the list. */
  #merge(gone: readonly Entry[], come: Entry[]): number {
    const holes = gone.map((entry) => this.#find(entry)).sort((a, b) => a - b);
    come.sort((a, b) => this.#compare(a, b));
    const places = come.map((entry) => this.#find(entry));
    const rows: Entry[] = [];
    let from = 0;
    const copy = (to: number): void => {
      for (; from < to; from++) rows.push(this.#rows[from] as Entry);
    };
    let hole = 0;
    const skipHoles = (to: number): void => {
      for (let at = holes[hole]; at !== undefined && at < to; at = holes[++hole]) {
        copy(at);
        from = at + 1;
      }
      copy(to);
    };
    for (const [n, entry] of come.entries()) {
      skipHoles(places[n] as number);
      rows.push(entry);
    }
    skipHoles(this.#rows.length);
    this.#rows = rows;
    return Math.min(holes[0] ?? Infinity, places[0] ?? Infinity);
  }

  /** Where an entry is, or belongs. */
  #find(entry: Entry): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#rows[middle] as Entry, entry) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(a: Entry, b: Entry): number {
    return this.#query.compare(a.value, a.id, b.value, b.id);
  }
}
