import type { Change, Entry } from "./api.js";
import type { Query } from "./query.js";
import { sortRows } from "./sort.js";

/**
 * How many rows a block is made with. It is cut in two at twice as many, and
 * joined with a neighbour where both together have fewer: so little is moved
 * for a change, and there are at most 2 * size / BLOCK + 1 blocks.
 */
const BLOCK = 256;

/** So many changes at once, as a share of the rows, cost more than sorting anew what is nearly sorted. */
const BULK = 1 / 8;

/** What of an entry says where it is in an order. */
export type Place = Pick<Entry, "id" | "value">;

/** A part of an order: what comes after a place, without the first `skip` of that, at most `limit` rows; 0 is no limit. */
export interface Window {
  readonly after?: Place | undefined;
  readonly skip: number;
  readonly limit: number;
}

/** The entries that match a query's selector, in the query's order; no limit, skip or fields. A change costs two binary searches. */
export class Order {
  readonly #query: Query;
  /** None is empty. */
  #blocks: Entry[][] = [];
  #size = 0;

  constructor(query: Query, entries: Iterable<Entry>) {
    this.#query = query;
    const rows: Entry[] = [];
    for (const entry of entries) if (query.where.match(entry.value)) rows.push(entry);
    this.#fill(rows);
  }

  get size(): number {
    return this.#size;
  }

  window({ after, skip, limit }: Window): Entry[] {
    const [block, at] = after === undefined ? [0, 0] : this.#seek((row) => this.#compare(row, after) <= 0);
    return this.#slice(block, at + skip, limit === 0 ? Infinity : limit);
  }

  /** The rows from the first on for which `below` is false, as long as `within` is true. Both are true up to some row and false from there on. */
  range(below: (row: Entry) => boolean, within: (row: Entry) => boolean): Entry[] {
    const [block, at] = this.#seek(below);
    return this.#slice(block, at, this.#count(this.#seek(within)) - this.#count([block, at]));
  }

  /** Takes changes one after the other; true if they concern entries that match, or did. */
  update(changes: Iterable<Pick<Change, "before" | "after">>): boolean {
    const { where } = this.#query;
    const gone = new Map<string, Entry>();
    const come = new Map<string, Entry>();
    for (const { before, after } of changes) {
      if (before !== undefined && where.match(before.value) && !come.delete(before.id)) gone.set(before.id, before);
      if (after !== undefined && where.match(after.value)) come.set(after.id, after);
    }
    const count = gone.size + come.size;
    if (count > 2 * BLOCK && count > this.#size * BULK) {
      this.#fill([...this.#blocks.flat().filter((row) => !gone.has(row.id)), ...come.values()]);
    } else {
      for (const entry of gone.values()) this.#remove(entry, come);
      for (const entry of come.values()) this.#insert(entry);
    }
    return count > 0;
  }

  #fill(rows: Entry[]): void {
    const sorted = sortRows(this.#query, rows);
    this.#blocks = [];
    this.#size = sorted.length;
    for (let i = 0; i < sorted.length; i += BLOCK) this.#blocks.push(sorted.slice(i, i + BLOCK));
  }

  #insert(entry: Entry): void {
    let [block, at] = this.#seek((row) => this.#compare(row, entry) < 0);
    if (block > 0 && at === 0) at = this.#block(--block).length; // fills a block rather than begins one
    if (this.#size++ === 0) this.#blocks.push([]);
    const rows = this.#block(block);
    rows.splice(at, 0, entry);
    if (rows.length >= 2 * BLOCK) this.#blocks.splice(block + 1, 0, rows.splice(BLOCK));
  }

  /** Takes a row out, or puts what is to come in its place. */
  #remove(entry: Entry, come: Map<string, Entry>): void {
    const [block, at] = this.#seek((row) => this.#compare(row, entry) < 0);
    const rows = this.#blocks[block] ?? [];
    if (rows[at]?.id !== entry.id) throw new Error(`no row ${entry.id} where it should be`);
    const next = come.get(entry.id);
    if (next !== undefined && this.#compare(entry, next) === 0) {
      rows[at] = next;
      come.delete(entry.id);
      return;
    }
    rows.splice(at, 1);
    this.#size--;
    if (rows.length === 0) this.#blocks.splice(block, 1);
    else this.#join(block) || this.#join(block - 1);
  }

  /** Joins a block with the next where both are small. */
  #join(block: number): boolean {
    const [rows, next] = [this.#blocks[block], this.#blocks[block + 1]];
    if (rows === undefined || next === undefined || rows.length + next.length >= BLOCK) return false;
    this.#blocks.splice(block, 2, rows.concat(next));
    return true;
  }

  #slice(block: number, from: number, count: number): Entry[] {
    const out: Entry[] = [];
    for (let rows = this.#blocks[block]; rows !== undefined && out.length < count; rows = this.#blocks[++block]) {
      for (; from < rows.length && out.length < count; from++) out.push(rows[from] as Entry);
      from -= rows.length;
    }
    return out;
  }

  /** Where the first row is for which `before` is false; it is true up to there. */
  #seek(before: (row: Entry) => boolean): [block: number, at: number] {
    const block = search(this.#blocks.length, (i) => before(this.#block(i).at(-1) as Entry));
    const rows = this.#blocks[block] ?? [];
    return [block, search(rows.length, (i) => before(rows[i] as Entry))];
  }

  /** The number of rows before a place. */
  #count([block, at]: [number, number]): number {
    for (const rows of this.#blocks.slice(0, block)) at += rows.length;
    return at;
  }

  #block(i: number): Entry[] {
    return this.#blocks[i] as Entry[];
  }

  #compare(a: Place, b: Place): number {
    return this.#query.compare(a.value, a.id, b.value, b.id);
  }
}

/** The first index up to `n` for which `before` is false; it is true up to there. */
function search(n: number, before: (i: number) => boolean): number {
  let low = 0;
  while (low < n) {
    const middle = (low + n) >>> 1;
    if (before(middle)) low = middle + 1;
    else n = middle;
  }
  return low;
}
