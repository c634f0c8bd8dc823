import type { Change, Entry } from "./api.js";
import { compareStrings } from "./compare.js";
import type { Query } from "./query.js";
import { search } from "./search.js";
import type { Piece } from "./shelf.js";
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
  #blocks: (Entry[] | Piece)[] = [];
  #size = 0;

  /** `pieces` are more entries, as a shelf has them; only where the query is {@link Query.plain}. They stay what they are until one of their rows is asked for. */
  constructor(query: Query, entries: Iterable<Entry>, pieces: readonly Piece[] = []) {
    this.#query = query;
    const rows: Entry[] = [];
    for (const entry of entries) if (query.where.match(entry.value)) rows.push(entry);
    this.#fill(rows, pieces);
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
      const rows = this.#blocks.flatMap((_, i) => this.#rows(i));
      this.#fill([...rows.filter((row) => !gone.has(row.id)), ...come.values()]);
    } else {
      for (const entry of gone.values()) this.#remove(entry, come);
      for (const entry of come.values()) this.#insert(entry);
    }
    return count > 0;
  }

  #fill(rows: Entry[], pieces: readonly Piece[] = []): void {
    const sorted = sortRows(this.#query, rows);
    this.#blocks = [];
    let from = 0;
    const append = (to: number): void => {
      for (; from < to; from += BLOCK) this.#blocks.push(sorted.slice(from, Math.min(to, from + BLOCK)));
      from = to;
    };
    for (const piece of pieces) {
      append(search(sorted.length, (i) => compareStrings((sorted[i] as Entry).id, piece.first) < 0));
      this.#blocks.push(piece);
    }
    append(sorted.length);
    this.#size = this.#count([this.#blocks.length, 0]);
  }

  #insert(entry: Entry): void {
    let [block, at] = this.#seek((row) => this.#compare(row, entry) < 0);
    if (block > 0 && at === 0) at = this.#rows(--block).length; // fills a block rather than begins one
    if (this.#size++ === 0) this.#blocks.push([]);
    const rows = this.#rows(block);
    rows.splice(at, 0, entry);
    if (rows.length >= 2 * BLOCK) this.#blocks.splice(block + 1, 0, rows.splice(BLOCK));
  }

  /** Takes a row out, or puts what is to come in its place. */
  #remove(entry: Entry, come: Map<string, Entry>): void {
    const [block, at] = this.#seek((row) => this.#compare(row, entry) < 0);
    const rows = this.#rows(block);
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
    if (!Array.isArray(rows) || !Array.isArray(next) || rows.length + next.length >= BLOCK) return false;
    this.#blocks.splice(block, 2, rows.concat(next));
    return true;
  }

  #slice(block: number, from: number, count: number): Entry[] {
    const out: Entry[] = [];
    for (; block < this.#blocks.length && out.length < count; block++) {
      const size = sizeOf(this.#blocks[block]);
      if (from < size) for (const row of this.#rows(block).slice(from, from + count - out.length)) out.push(row);
      from = Math.max(0, from - size);
    }
    return out;
  }

  /** Where the first row is for which `before` is false; it is true up to there. */
  #seek(before: (row: Entry) => boolean): [block: number, at: number] {
    const block = search(this.#blocks.length, (i) => this.#ends(i, before));
    const rows = this.#rows(block);
    return [block, search(rows.length, (i) => before(rows[i] as Entry))];
  }

  /** The number of rows before a place. */
  #count([block, at]: [number, number]): number {
    for (const rows of this.#blocks.slice(0, block)) at += sizeOf(rows);
    return at;
  }

  /** Whether `before` is true of all rows up to the end of a block. */
  #ends(i: number, before: (row: Entry) => boolean): boolean {
    const last = this.#rows(i).at(-1);
    return last === undefined ? i < 0 || this.#ends(i - 1, before) : before(last);
  }

  /** The rows of a block; none if there is no such. */
  #rows(i: number): Entry[] {
    const block = this.#blocks[i] ?? [];
    if (Array.isArray(block)) return block;
    const rows = [...block.rows];
    this.#size += rows.length - block.count;
    return (this.#blocks[i] = rows);
  }

  #compare(a: Place, b: Place): number {
    return this.#query.compare(a.value, a.id, b.value, b.id);
  }
}

function sizeOf(block: Entry[] | Piece | undefined): number {
  return Array.isArray(block) ? block.length : (block?.count ?? 0);
}
