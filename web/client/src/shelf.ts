/**
 * The entries of a collection in memory, in part as the texts that were read from the disk: an application that shows fifty rows of
 * 100,000 waits for no others to be made. Nobody who uses it as the map that it is sees a difference, but for the time that it takes.
 */

import type { Entry } from "./api.js";
import { search } from "./search.js";

/** Entries that are neighbours by id, made when somebody asks for one of them. */
export class Piece {
  /** The lowest id. */
  readonly first: string;
  /** How many entries there will be, if what they are made of is sound. */
  readonly count: number;
  #make: (() => readonly Entry[]) | undefined;
  #rows: readonly Entry[] = [];

  /** `make` gives the entries in the order of their ids, and does not throw. It is called at most once. */
  constructor(first: string, count: number, make: () => readonly Entry[]) {
    this.first = first;
    this.count = count;
    this.#make = make;
  }

  /** The entries as they were at first; the same objects each time. */
  get rows(): readonly Entry[] {
    if (this.#make !== undefined) {
      this.#rows = this.#make();
      this.#make = undefined; // and with it the text
    }
    return this.#rows;
  }
}

interface Part {
  readonly first: string;
  piece: Piece | undefined;
}

/** A map from ids to entries, in no order. What is added to it in pieces comes in the order of ids (of UTF-16 code units), no entry between two of a piece. */
export class Shelf extends Map<string, Entry> {
  /** What was added, in the order of ids, and where it begins. What was asked for has no piece any more. */
  #parts: Part[] = [];
  /** Of all pieces. */
  #count = 0;

  /** Adds entries behind all that were added before. */
  add(more: Piece | readonly Entry[]): void {
    if (more instanceof Piece) {
      this.#parts.push({ first: more.first, piece: more });
      this.#count += more.count;
    } else if (more[0] !== undefined) {
      this.#parts.push({ first: more[0].id, piece: undefined });
      for (const entry of more) super.set(entry.id, entry);
    }
  }

  /** The pieces that are not made yet, in the order of ids. None of the {@link made} entries is between two of one. */
  get pieces(): readonly Piece[] {
    return this.#parts.flatMap(({ piece = [] }) => piece);
  }

  /** The entries that are made. */
  get made(): MapIterator<Entry> {
    return super.values();
  }

  override get size(): number {
    return super.size + this.#count;
  }

  override get(id: string): Entry | undefined {
    return super.get(id) ?? (this.#reach(id) ? super.get(id) : undefined);
  }

  override has(id: string): boolean {
    return this.get(id) !== undefined;
  }

  override set(id: string, entry: Entry): this {
    if (!super.has(id)) this.#reach(id);
    return super.set(id, entry);
  }

  override delete(id: string): boolean {
    return this.has(id) && super.delete(id);
  }

  override clear(): void {
    this.#parts = [];
    this.#count = 0;
    super.clear();
  }

  override keys(): MapIterator<string> {
    this.#reachAll();
    return super.keys();
  }

  override values(): MapIterator<Entry> {
    this.#reachAll();
    return super.values();
  }

  override entries(): MapIterator<[string, Entry]> {
    this.#reachAll();
    return super.entries();
  }

  override [Symbol.iterator](): MapIterator<[string, Entry]> {
    return this.entries();
  }

  override forEach(fn: (entry: Entry, id: string, map: Map<string, Entry>) => void, self?: unknown): void {
    this.#reachAll();
    super.forEach(fn, self);
  }

  /** Makes the piece that an id would be in; false if there is none. */
  #reach(id: string): boolean {
    const part = this.#parts[search(this.#parts.length, (i) => (this.#parts[i]?.first as string) <= id) - 1];
    return this.#take(part);
  }

  #reachAll(): void {
    for (const part of this.#parts) this.#take(part);
  }

  #take(part: Part | undefined): boolean {
    const { piece } = part ?? {};
    if (part === undefined || piece === undefined) return false;
    part.piece = undefined;
    this.#count -= piece.count;
    for (const entry of piece.rows) super.set(entry.id, entry);
    return true;
  }
}
