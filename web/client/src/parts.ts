import type { Entry } from "./api.js";
import type { Confirmed } from "./sum.js";
import type { DiffMessage } from "./wire.js";

/** The parts of a diff that have come so far. Those of a reset are made into its confirmed state as they come. */
export class Parts {
  readonly reset: boolean;
  /** The cursors between which the parts lead. */
  readonly from: string;
  readonly to: string;
  /** Of a reset. */
  readonly confirmed: Confirmed = new Map();
  /** Of any other diff. */
  readonly diffs: DiffMessage[] = [];
  readonly #held: Confirmed;

  /** `held` has entries that stay the same objects if a reset brings them with the same version. */
  constructor(first: DiffMessage, held: Confirmed) {
    this.reset = first.reset === true;
    this.from = first.from;
    this.to = first.to;
    this.#held = held;
  }

  /** Whether the diff is another one than these parts belong to. */
  endedBy(diff: DiffMessage): boolean {
    return diff.reset === true && (!this.reset || diff.to !== this.to);
  }

  /** Whether the diff is one of these parts. */
  takes(diff: DiffMessage): boolean {
    return diff.from === this.from && diff.to === this.to;
  }

  add(diff: DiffMessage): void {
    if (this.reset) this.#stage(diff);
    else this.diffs.push(diff);
  }

  #stage(diff: DiffMessage): void {
    let name: string | undefined;
    let held: Map<string, Entry> | undefined;
    let into = new Map<string, Entry>();
    for (const [collection, id, version, value] of diff.put ?? []) {
      if (collection !== name) {
        name = collection;
        held = this.#held.get(collection);
        into = this.confirmed.get(collection) ?? new Map<string, Entry>();
        this.confirmed.set(collection, into);
      }
      const old = held?.get(id);
      into.set(id, old?.version === version ? old : { collection, id, value, version, state: "confirmed" });
    }
    for (const [collection, id] of diff.del ?? []) this.confirmed.get(collection)?.delete(id);
  }
}
