import type { Entry, Outcome, Rejected } from "./api.js";
import { SynclineError } from "./errors.js";
import type { Item } from "./item.js";
import type { Key } from "./key.js";

/** The rejected list, and the entries that show `rejected` because of it. */
export class Refusals {
  readonly #list = new Map<string, { readonly item: Item; readonly entry: Rejected }>();
  /** How many of the list name a key, and the entry as it is shown because of that. */
  readonly #marks = new Map<Key, { count: number; shown: Entry | undefined }>();

  get size(): number {
    return this.#list.size;
  }

  all(): Rejected[] {
    return [...this.#list.values()].map(({ entry }) => entry);
  }

  /** Adds a mutation that was refused `at` this time. */
  add(item: Item, outcome: Outcome, at: number): Rejected {
    const entry = { id: item.id, ops: item.ops, ...(item.call && { call: item.call }), outcome, at };
    this.#list.set(item.id, { item, entry });
    for (const key of item.keys) {
      const mark = this.#marks.get(key);
      if (mark === undefined) this.#marks.set(key, { count: 1, shown: undefined });
      else mark.count++;
    }
    return entry;
  }

  has(id: string): boolean {
    return this.#list.has(id);
  }

  /** Throws `unknown_id`. */
  get(id: string): Item {
    const found = this.#list.get(id);
    if (found === undefined) throw new SynclineError("unknown_id", `no rejected mutation ${id}`);
    return found.item;
  }

  remove(item: Item): void {
    this.#list.delete(item.id);
    for (const key of item.keys) {
      const mark = this.#marks.get(key);
      if (mark !== undefined && --mark.count === 0) this.#marks.delete(key);
    }
  }

  /** What the list names. */
  keys(): IterableIterator<Key> {
    return this.#marks.keys();
  }

  /** A confirmed entry as it is shown. */
  mark(key: Key, entry: Entry): Entry {
    const mark = this.#marks.size === 0 ? undefined : this.#marks.get(key);
    if (mark === undefined) return entry;
    if (mark.shown?.value !== entry.value || mark.shown.version !== entry.version) {
      mark.shown = { ...entry, state: "rejected" };
    }
    return mark.shown;
  }
}
