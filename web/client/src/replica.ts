import type { Entry, Outcome, Rejected } from "./api.js";
import type { Item } from "./item.js";
import { keyOf, splitKey, type Key } from "./key.js";
import { Overlay } from "./overlay.js";
import { Parts } from "./parts.js";
import { rebased, type Prepared } from "./prepare.js";
import { Queue } from "./queue.js";
import { Refusals } from "./refusals.js";
import { Recorder, type Step } from "./step.js";
import { checkSum, type Confirmed } from "./sum.js";
import { seqOf, type DiffMessage } from "./wire.js";

/** What {@link Replica.diff} made of a diff. */
export type DiffResult =
  | { readonly kind: "applied"; readonly step: Step }
  /** A part of a whole that has not come yet, or nothing new. */
  | { readonly kind: "nothing" }
  /** Diffs are missing before this one. */
  | { readonly kind: "gap" }
  /** The sum of a reset is not what the server says. Nothing was applied. */
  | { readonly kind: "corrupt" };

/**
 * What a client holds of one space: confirmed state, the queue, and the
 * effects of the queue on top; PROTOCOL.md section 9 as code. Pure: no I/O, no
 * timer, no clock. Each event is one method, which returns a {@link Step}.
 * That is the seam for a store: it is given the step before the session sends
 * anything that the step queued.
 */
export class Replica {
  readonly #queue = new Queue();
  readonly #overlay: Overlay;
  readonly #refusals = new Refusals();
  #confirmed: Confirmed = new Map();
  #cursor: string | undefined;
  #seq = 0;
  #parts: Parts | undefined;
  #recorder: Recorder;

  constructor() {
    this.#recorder = this.#record();
    this.#overlay = new Overlay({
      confirmed: (key) => this.#at(key),
      touching: (key) => this.#recorder.touching(key),
    });
  }

  /** How far confirmed state has got; undefined if it holds nothing. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** The number of the cursor's commit. */
  get seq(): number {
    return this.#seq;
  }

  get queue(): Queue {
    return this.#queue;
  }

  rejected(): Rejected[] {
    return this.#refusals.all();
  }

  get rejectedCount(): number {
    return this.#refusals.size;
  }

  /** The entry as shown. */
  get(collection: string, id: string): Entry | undefined {
    return this.#look(keyOf(collection, id));
  }

  /** All entries of a collection as shown, in no order. */
  *entries(collection: string): IterableIterator<Entry> {
    const prefix = collection + "/";
    // No key is made for an entry that nothing but the server has touched: this runs over whole collections.
    const covered = new Set<string>();
    for (const [key] of this.#overlay.shown()) if (key.startsWith(prefix)) covered.add(key.slice(prefix.length));
    const marked = this.#refusals.size > 0;
    for (const entry of this.#confirmed.get(collection)?.values() ?? []) {
      if (covered.size > 0 && covered.has(entry.id)) continue;
      yield marked ? this.#refusals.mark(prefix + entry.id, entry) : entry;
    }
    for (const id of covered) {
      const entry = this.#overlay.get(prefix + id);
      if (entry !== undefined) yield entry;
    }
  }

  /** The number of confirmed entries and their check sum. */
  checkSum(): { count: number; sum: string } {
    return checkSum(this.#confirmed);
  }

  /** Queues a mutation and shows its effect. */
  mutate(prepared: Prepared): { item: Item; step: Step } {
    const recorder = this.#record();
    const item = this.#push(prepared);
    return { item, step: recorder.finish() };
  }

  /**
   * Takes final outcomes (others have no effect here). `hold` says that a diff
   * is on its way which a `duplicate` without seq should wait for; `viewless`
   * that none will ever come. `at` is the time, for the rejected list.
   */
  outcomes(outcomes: readonly Outcome[], at: number, mode: { hold?: boolean; viewless?: boolean } = {}): Step {
    const recorder = this.#record();
    const changed: Key[] = [];
    for (const outcome of outcomes) {
      if (outcome.outcome === "retry_after" || outcome.outcome === "upgrade_required") continue;
      const item = this.#queue.answer(outcome);
      if (item === undefined) continue;
      if (outcome.outcome === "rejected" || outcome.outcome === "quarantined") {
        this.#refuse(item, outcome, at);
      } else if (mode.viewless || (outcome.seq === undefined ? !mode.hold : outcome.seq <= this.#seq)) {
        this.#settle(item, outcome);
      } else {
        continue;
      }
      changed.push(...item.prepared.steps.map((step) => step.key));
    }
    this.#overlay.rebase(changed);
    return recorder.finish();
  }

  /** Takes a diff of the view that is open. `forked`: versions of before it mean nothing. */
  diff(diff: DiffMessage, forked = false): DiffResult {
    if (this.#parts?.endedBy(diff)) this.#parts = undefined;
    const parts = (this.#parts ??= new Parts(diff, forked ? new Map() : this.#confirmed));
    if (!parts.reset) {
      if (seqOf(diff.from) > this.#seq || this.#cursor === undefined) return this.#drop("gap");
      if (seqOf(diff.to) < this.#seq) return this.#drop("nothing");
    }
    parts.add(diff);
    if (diff.more === true) return { kind: "nothing" };
    this.#parts = undefined;
    if (parts.reset && diff.sum !== undefined) {
      const { count, sum } = checkSum(parts.confirmed);
      if (sum !== diff.sum || (diff.count !== undefined && count !== diff.count)) return { kind: "corrupt" };
    }
    const recorder = this.#record();
    this.#cursor = diff.to;
    this.#seq = seqOf(diff.to);
    if (parts.reset) this.#replace(parts.confirmed);
    else this.#change(parts.diffs);
    return { kind: "applied", step: recorder.finish() };
  }

  /** Forgets the parts of a diff whose end will not come. */
  interrupt(): void {
    this.#parts = undefined;
  }

  /** Forgets the cursor, so that the next diff must be a reset. What is held stays visible until then. */
  distrust(): void {
    this.#cursor = undefined;
    this.#parts = undefined;
  }

  /** Nothing was missing after all: settles what waits for a diff that will not come. */
  current(): Step {
    const recorder = this.#record();
    this.#overlay.rebase(this.#settleReached());
    return recorder.finish();
  }

  /**
   * The server's history of this client ends at `last` (PROTOCOL.md section 9,
   * rule 7). False if a new client id is needed, for which the queue has been
   * numbered then. What was put back shows when a diff or a mutation of the
   * same entries comes.
   */
  restore(last: number): boolean {
    const { whole, back } = this.#queue.restore(last);
    for (const item of back) {
      this.#overlay.remove(item);
      this.#overlay.insert(item);
    }
    if (!whole) this.#queue.renumber();
    return whole;
  }

  /**
   * The server's history is another than the one that was read from: refuses the
   * serializable mutations without outcome as stale. Any shift the ids of what
   * follows them: {@link Queue.renumber} is left then.
   */
  forsake(at: number): Step {
    const recorder = this.#record();
    const changed: Key[] = [];
    for (const item of [...this.#queue.items()]) {
      if (item.outcome !== undefined || item.prepared.reads === undefined) continue;
      const message = "the server has lost the history that this mutation was computed from";
      this.#queue.withdraw(item);
      this.#refuse(item, { id: item.wire, outcome: "rejected", code: "stale", path: "reads", message }, at);
      changed.push(...item.prepared.steps.map((step) => step.key));
    }
    this.#overlay.rebase(changed);
    return recorder.finish();
  }

  /** Queues a rejected mutation again. A serializable one then counts as computed from what is confirmed now. */
  retry(id: number): { item: Item; step: Step } {
    const recorder = this.#record();
    const { prepared } = this.#forget(id);
    const item = this.#push(rebased(prepared, this.#seq));
    return { item, step: recorder.finish() };
  }

  /** Forgets a rejected mutation. */
  discard(id: number): Step {
    const recorder = this.#record();
    this.#forget(id).state = "discarded";
    return recorder.finish();
  }

  #record(): Recorder {
    return (this.#recorder = new Recorder((key) => this.#look(key)));
  }

  #at(key: Key): Entry | undefined {
    const [collection, id] = splitKey(key);
    return this.#confirmed.get(collection)?.get(id);
  }

  #look(key: Key): Entry | undefined {
    if (this.#overlay.covers(key)) return this.#overlay.get(key);
    const entry = this.#at(key);
    return entry && this.#refusals.mark(key, entry);
  }

  #drop(kind: "gap" | "nothing"): DiffResult {
    this.#parts = undefined;
    return { kind };
  }

  #push(prepared: Prepared): Item {
    const item = this.#queue.add(prepared);
    this.#overlay.push(item);
    this.#recorder.queued.push(item);
    return item;
  }

  #replace(confirmed: Confirmed): void {
    this.#recorder.reset = true;
    this.#confirmed = confirmed;
    this.#settleReached();
    this.#overlay.rebaseAll();
  }

  #change(diffs: readonly DiffMessage[]): void {
    const changed: Key[] = [];
    for (const diff of diffs) {
      for (const [collection, id, version, value] of diff.put ?? []) {
        let entries = this.#confirmed.get(collection);
        if (entries === undefined) this.#confirmed.set(collection, (entries = new Map<string, Entry>()));
        if (entries.get(id)?.version === version) continue;
        changed.push(this.#touch(collection, id));
        entries.set(id, { collection, id, value, version, state: "confirmed" });
      }
      for (const [collection, id] of diff.del ?? []) {
        changed.push(this.#touch(collection, id));
        this.#confirmed.get(collection)?.delete(id);
      }
    }
    const named = changed.filter((key) => this.#overlay.names(key));
    this.#overlay.rebase([...named, ...this.#settleReached()]);
  }

  #touch(collection: string, id: string): Key {
    const key = keyOf(collection, id);
    this.#recorder.touching(key);
    return key;
  }

  /** Settles what the cursor has reached; returns the keys of it. */
  #settleReached(): Key[] {
    const keys: Key[] = [];
    for (const item of this.#queue.waiting()) {
      if (item.outcome === undefined || (item.outcome.seq ?? 0) > this.#seq) continue;
      this.#settle(item, item.outcome);
      keys.push(...item.prepared.steps.map((step) => step.key));
    }
    return keys;
  }

  #settle(item: Item, outcome: Outcome): void {
    this.#queue.remove(item);
    this.#overlay.remove(item);
    this.#recorder.applied.push(item);
    item.apply(outcome);
  }

  #refuse(item: Item, outcome: Outcome, at: number): void {
    for (const { key } of item.prepared.steps) this.#recorder.touching(key);
    this.#queue.remove(item);
    this.#overlay.remove(item);
    this.#recorder.rejected.push(this.#refusals.add(item, outcome, at));
    item.refuse(outcome);
  }

  #forget(id: number): Item {
    const item = this.#refusals.get(id);
    for (const { key } of item.prepared.steps) this.#recorder.touching(key);
    this.#refusals.remove(item);
    this.#recorder.forgotten.push(id);
    return item;
  }
}
