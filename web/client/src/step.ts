import type { Change, Entry, Rejected } from "./api.js";
import type { Item } from "./item.js";
import { splitKey, type Key } from "./key.js";

/**
 * What one event did to a replica, all of it: this is what a store has to
 * write in one durable step, and what live queries are maintained from.
 */
export interface Step {
  /** Confirmed state was replaced: queries begin anew and `changes` is empty. */
  readonly reset: boolean;
  readonly changes: readonly Change[];
  /** New at the end of the queue. */
  readonly queued: readonly Item[];
  /** Left the queue because confirmed state holds them. */
  readonly applied: readonly Item[];
  /** Moved from the queue to the rejected list. */
  readonly rejected: readonly Rejected[];
  /** Left the rejected list, retried or discarded. */
  readonly forgotten: readonly string[];
}

/** Collects a {@link Step}. */
export class Recorder {
  readonly #look: (key: Key) => Entry | undefined;
  readonly #before = new Map<Key, Entry | undefined>();
  reset = false;
  /** Changes that are known without looking. */
  readonly changes: Change[] = [];
  readonly queued: Item[] = [];
  readonly applied: Item[] = [];
  readonly rejected: Rejected[] = [];
  readonly forgotten: string[] = [];

  /** `look` tells what is shown under a key. */
  constructor(look: (key: Key) => Entry | undefined) {
    this.#look = look;
  }

  /** Must be called before what a key shows may change. */
  touching(key: Key): void {
    if (!this.reset && !this.#before.has(key)) this.#before.set(key, this.#look(key));
  }

  finish(): Step {
    const changes = this.reset ? [] : this.changes;
    if (!this.reset) {
      for (const [key, before] of this.#before) {
        const after = this.#look(key);
        if (after === before) continue;
        const [collection, id] = splitKey(key);
        changes.push({ collection, id, before, after });
      }
    }
    const { reset, queued, applied, rejected, forgotten } = this;
    return { reset, changes, queued, applied, rejected, forgotten };
  }
}
