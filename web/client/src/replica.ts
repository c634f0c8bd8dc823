import type { Call, Entry, Outcome, Rejected, View } from "./api.js";
import { coverOf } from "./drop.js";
import { Item, UNSAVED } from "./item.js";
import { keyOf, splitKey, type Key } from "./key.js";
import type { Leases } from "./lease.js";
import { Overlay } from "./overlay.js";
import { Parts } from "./parts.js";
import type { Play } from "./player.js";
import { rebased, type Prepared } from "./prepare.js";
import { Queue } from "./queue.js";
import { Refusals } from "./refusals.js";
import { Recorder, type Step } from "./step.js";
import { checkSum, type Confirmed } from "./sum.js";
import type { StoredRejection } from "./vault.js";
import { seqOf, type Del, type DiffMessage, type Put } from "./wire.js";

/** What {@link Replica.diff} made of a diff. */
export type DiffResult =
  | { readonly kind: "applied"; readonly step: Step; readonly drop?: View | undefined; readonly put: readonly Put[]; readonly del: readonly Del[] }
  /** A part of a whole that has not come yet, or nothing new. */
  | { readonly kind: "nothing" }
  /** Diffs are missing before this one. */
  | { readonly kind: "gap" }
  /** The sum of a reset is not what the server says. Nothing was applied. */
  | { readonly kind: "corrupt" };

/** What the server says of what may be seen, and for how long. */
export interface Told {
  readonly scope?: string | undefined;
  readonly leases?: Leases | undefined;
}

/** A collection as shown. */
export interface Shown {
  readonly confirmed: ReadonlyMap<string, Entry>;
  /** By id what shows in place of what is confirmed; undefined: nothing. */
  readonly instead: ReadonlyMap<string, Entry | undefined>;
}

/** Confirmed rows that have changed. */
export interface Rows {
  /** Comes before `put` and `del`. */
  readonly drop?: View | undefined;
  readonly put: readonly Put[];
  readonly del: readonly Del[];
}

/** What a leader tells of a step: what another replica of the same store needs to follow it. */
export interface Patch extends Told, Rows {
  readonly cursor: string | undefined;
  /** Left the queue because confirmed state holds them. */
  readonly applied: readonly (readonly [id: string, outcome: Outcome])[];
  /** Left the queue for the rejected list. */
  readonly rejected: readonly StoredRejection[];
}

/**
 * What a client holds of one space: confirmed state, the queue, and the
 * effects of the queue on top; PROTOCOL.md section 9 as code. Pure: no I/O, no
 * timer, no clock. Each event is one method, which returns a {@link Step}.
 * That is the seam for a store: a mutation gets its id on the wire, without
 * which it is not sent, when it is {@link place}d, which is when it is stored.
 *
 * Collections can be on the disk only (`unloaded`): they show nothing, and
 * what is confirmed in them goes past memory, until they are {@link install}ed.
 */
export class Replica {
  readonly #queue = new Queue();
  readonly #overlay: Overlay;
  readonly #refusals = new Refusals();
  #confirmed: Confirmed = new Map();
  #unloaded = new Set<string>();
  #serial = 0;
  #cursor: string | undefined;
  #held: Told = {};
  #hidden: ReadonlySet<string> = new Set();
  #seq = 0;
  #parts: Parts | undefined;
  #recorder: Recorder;
  /** What may be seen by what the server said last; {@link scope} and {@link leases} once the cursor is there. */
  told: Told = {};
  /** The client id under which the queue is sent. */
  client = "";

  /** `play` runs calls; without it they show nothing. */
  constructor(play?: (call: Call, seed: string) => Play | undefined) {
    this.#recorder = this.#record();
    this.#overlay = new Overlay({
      confirmed: (key) => this.#at(key),
      touching: (key) => this.#recorder.touching(key),
      play: (item) => item.prepared.call && play?.(item.prepared.call, this.#seed(item)),
    });
  }

  /** How far confirmed state has got; undefined if it holds nothing. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** What could be seen when the cursor was reached, by the server's name; undefined if it has none. */
  get scope(): string | undefined {
    return this.#held.scope;
  }

  /** How long what is held may be shown without contact; undefined: for ever. */
  get leases(): Leases | undefined {
    return this.#held.leases;
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

  /** Whether nothing of the collection shows, whatever there is of it. */
  hides(collection: string): boolean {
    return this.#hidden.has(collection);
  }

  /** Shows nothing of these collections from now on, but of all others. What is held, queued and settled stays the same. */
  hide(collections: Iterable<string>): Step {
    const recorder = this.#record();
    recorder.reset = true;
    this.#hidden = new Set(collections);
    if (this.#overlay.calls) this.#overlay.rebaseAll(); // they may have read what is hidden now
    return recorder.finish();
  }

  /** All entries of a collection as shown, in no order. */
  entries(collection: string): Iterable<Entry> {
    const { confirmed, instead } = this.shown(collection);
    return instead.size > 0 ? mixed(confirmed, instead) : confirmed.values();
  }

  /** A collection as shown: its parts, until the next change. */
  shown(collection: string): Shown {
    const instead = new Map<string, Entry | undefined>();
    const confirmed = this.#confirmed.get(collection);
    if (this.hides(collection)) return { confirmed: new Map(), instead };
    // No key is made for an entry that nothing but the server has touched: there are too many.
    for (const key of [...this.#refusals.keys(), ...this.#overlay.keys()]) {
      const [name, id] = splitKey(key);
      if (name === collection) instead.set(id, this.#look(key));
    }
    return { confirmed: confirmed ?? new Map<string, Entry>(), instead };
  }

  /** The number of confirmed entries and their check sum. */
  checkSum(): { count: number; sum: string } {
    return checkSum(this.#confirmed);
  }

  /** Whether the collection is in memory. */
  loaded(collection: string): boolean {
    return !this.#unloaded.has(collection);
  }

  /** What is on the disk: how far it has got, and its collections, none of which is in memory. */
  begin(cursor: string | undefined, collections: Iterable<string>, held: Told = {}): void {
    this.#cursor = cursor;
    this.#held = held;
    this.#seq = seqOf(cursor ?? "0");
    this.#confirmed = new Map();
    this.#unloaded = new Set(collections);
  }

  /** What is on the disk only is gone: the next diff must be a reset. */
  abandon(): void {
    this.#unloaded.clear();
    this.distrust();
  }

  /** The confirmed entries of collections, all of them unless `some`: then more is to follow. */
  install(entries: ReadonlyMap<string, Map<string, Entry>>, some = false): Step {
    const recorder = this.#record();
    recorder.reset = true;
    for (const [collection, map] of entries) {
      this.#confirmed.set(collection, map);
      if (!some) this.#unloaded.delete(collection);
    }
    this.#overlay.rebaseAll();
    return recorder.finish();
  }

  /** Queues a mutation and shows its effect. It is not sent before it is {@link place}d. */
  mutate(prepared: Prepared, id: string): { item: Item; step: Step } {
    const recorder = this.#record();
    const item = this.#push(new Item(id, UNSAVED + ++this.#serial, prepared, true));
    return { item, step: recorder.finish() };
  }

  /** Shows a mutation of another tab, at the end of the queue. One that is there already has no effect. */
  adopt(id: string, prepared: Prepared): Step {
    const recorder = this.#record();
    if (this.#queue.get(id) === undefined) this.#push(new Item(id, UNSAVED + ++this.#serial, prepared, false));
    return recorder.finish();
  }

  /**
   * Queued mutations are stored: they get their places and, in this order, the next ids on the wire. Those of one step cost one replay,
   * however many there are.
   */
  place(items: readonly (readonly [item: Item, order: number])[]): Step {
    const recorder = this.#record();
    const moved: Key[] = [];
    for (const [item, order] of items) {
      if (this.#overlay.move(item, order)) moved.push(...item.keys);
      this.#queue.assign(item, order);
      item.stored();
    }
    this.#overlay.rebase(moved);
    // Another tab was quicker: the id is not the one that was expected.
    if (items.some(([item]) => item.played && item.played.seed !== this.#seed(item))) this.#overlay.rebaseAll();
    return recorder.finish();
  }

  /** A queued mutation is stored and has its place, but its id on the wire is not known here: {@link requeue} must follow. */
  keep(item: Item, order: number): Step {
    const recorder = this.#record();
    this.#shift(item, order);
    return recorder.finish();
  }

  /** What was stored is not stored any more: the mutation goes to the end of the queue, without an id on the wire. */
  displace(item: Item): Step {
    const recorder = this.#record();
    this.#queue.withdraw(item);
    item.wire = 0;
    this.#shift(item, UNSAVED + ++this.#serial);
    return recorder.finish();
  }

  /** Takes out a mutation that was never stored, and will not be. */
  disown(item: Item): Step {
    const recorder = this.#record();
    this.#queue.remove(item);
    this.#overlay.remove(item);
    this.#overlay.rebase(item.keys);
    item.abandon();
    return recorder.finish();
  }

  /** Does what another replica of the same store has done. */
  absorb(patch: Patch): Step {
    const recorder = this.#record();
    if (patch.cursor !== undefined) {
      this.#cursor = patch.cursor;
      this.#held = { scope: patch.scope, leases: patch.leases };
      this.#seq = seqOf(patch.cursor);
    }
    const keys: Key[] = this.#change([patch], recorder);
    for (const [id, outcome] of patch.applied) {
      const item = this.#queue.get(id);
      if (item === undefined) continue;
      keys.push(...item.keys);
      this.#settle(item, outcome);
    }
    for (const { id, outcome, at } of patch.rejected) {
      const item = this.#queue.get(id);
      if (item === undefined) continue;
      keys.push(...item.keys);
      this.#refuse(item, outcome, at);
    }
    this.#overlay.rebase(keys);
    return recorder.finish();
  }

  /** Puts a mutation on the rejected list, as it is in the store. */
  adoptRejected(id: string, prepared: Prepared, outcome: Outcome, at: number): Step {
    const recorder = this.#record();
    if (!this.#refusals.has(id)) {
      const item = this.#queue.get(id) ?? new Item(id, 0, prepared, false);
      this.#refuse(item, outcome, at);
      this.#overlay.rebase(item.keys);
    }
    return recorder.finish();
  }

  /**
   * Makes the queue what the store has: `stored` in order, then what was made
   * here and is not stored yet, or was only after `stored` was read (`newer`). What else
   * was queued is done with, nobody here knows how. `wire` is the last id given.
   */
  requeue(stored: readonly { readonly id: string; readonly order: number; readonly wire: number; readonly prepared: Prepared }[], wire: number, newer?: ReadonlySet<string>): Step {
    const recorder = this.#record();
    const items = [...this.#queue.items()];
    const left = new Map(items.filter((item) => (item.order < UNSAVED || !item.mine) && !newer?.has(item.id)).map((item) => [item.id, item]));
    this.#queue.unnumber();
    for (const item of items) {
      if (!newer?.has(item.id)) continue;
      item.wire = 0;
      this.#overlay.move(item, UNSAVED + ++this.#serial);
    }
    for (const { id, order, wire: own, prepared } of stored) {
      left.delete(id);
      if (this.#refusals.has(id)) continue;
      let item = this.#queue.get(id);
      if (item === undefined) {
        item = new Item(id, order, prepared, false);
        this.#queue.add(item);
        this.#overlay.insert(item);
        recorder.queued.push(item);
      } else {
        this.#overlay.move(item, order);
      }
      if (own > 0) this.#queue.skip(own - 1);
      this.#queue.assign(item, order, own === 0);
    }
    this.#queue.skip(wire);
    for (const item of left.values()) this.#settle(item, { id: item.wire, outcome: "duplicate" });
    this.#overlay.rebaseAll();
    return recorder.finish();
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
      changed.push(...item.keys);
    }
    this.#overlay.rebase(changed);
    return recorder.finish();
  }

  /** Takes a diff of the view that is open. `forked`: versions of before it mean nothing. `due`: it must be a reset. */
  diff(diff: DiffMessage, forked = false, due = false): DiffResult {
    if (this.#parts?.endedBy(diff)) this.#parts = undefined;
    if (this.#parts !== undefined && (!this.#parts.takes(diff) || diff.drop !== undefined)) return this.#drop("gap"); // the end of these is missing
    // What is distrusted may be wrong at the right version.
    const parts = (this.#parts ??= new Parts(diff, forked || this.#cursor === undefined ? new Map() : this.#confirmed));
    if (!parts.reset) {
      if (due || seqOf(diff.from) > this.#seq || this.#cursor === undefined) return this.#drop("gap");
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
    if (diff.scope) this.told = { scope: diff.scope, leases: diff.leases };
    this.#held = this.told;
    this.#cursor = diff.to;
    this.#seq = seqOf(diff.to);
    if (parts.reset) {
      this.#replace(parts.confirmed);
      return { kind: "applied", step: recorder.finish(), put: [], del: [] };
    }
    const named = this.#change(parts.diffs, recorder);
    this.#overlay.rebase([...named, ...this.#settleReached()]);
    return {
      kind: "applied",
      step: recorder.finish(),
      drop: parts.diffs[0]?.drop,
      put: parts.diffs.flatMap(({ put = [] }) => put),
      del: parts.diffs.flatMap(({ del = [] }) => del),
    };
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

  /** Nothing of the space may be seen any more: what is confirmed is gone, and no diff will come. The queue stays. */
  forget(): Step {
    const recorder = this.#record();
    this.distrust();
    this.#held = this.told = {};
    this.#seq = Infinity; // what has an outcome waits for nothing now
    this.#replace(new Map());
    this.#seq = 0;
    return recorder.finish();
  }

  /** Calls are to be shown as of other ids on the wire. */
  replay(): Step {
    const recorder = this.#record();
    if (this.#overlay.calls) this.#overlay.rebaseAll();
    return recorder.finish();
  }

  /** Nothing was missing after all: settles what waits for a diff that will not come. `held`: and what is held is what may be seen now. */
  current(held = false): Step {
    const recorder = this.#record();
    if (held) this.#held = this.told;
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
      changed.push(...item.keys);
    }
    this.#overlay.rebase(changed);
    return recorder.finish();
  }

  /** Queues a rejected mutation again, under the id `next`. A serializable one then counts as computed from what is confirmed now. */
  retry(id: string, next: string): { item: Item; step: Step } {
    const recorder = this.#record();
    const { prepared } = this.#forget(id);
    const item = this.#push(new Item(next, UNSAVED + ++this.#serial, rebased(prepared, this.#seq, this.scope), true));
    return { item, step: recorder.finish() };
  }

  /** Forgets a rejected mutation; with `known`, one that is none has no effect. Otherwise throws `unknown_id`. */
  discard(id: string, known = false): Step {
    const recorder = this.#record();
    if (!known || this.#refusals.has(id)) this.#forget(id).state = "discarded";
    return recorder.finish();
  }

  /** A rejected mutation. Throws `unknown_id`. */
  refused(id: string): Item {
    return this.#refusals.get(id);
  }

  /** Confirmed state, if all of it is in memory. */
  get whole(): Confirmed | undefined {
    return this.#unloaded.size === 0 ? this.#confirmed : undefined;
  }

  #record(): Recorder {
    return (this.#recorder = new Recorder((key) => this.#look(key)));
  }

  #at(key: Key): Entry | undefined {
    const [collection, id] = splitKey(key);
    return this.#confirmed.get(collection)?.get(id);
  }

  #look(key: Key): Entry | undefined {
    if (this.#hidden.size > 0 && this.hides(splitKey(key)[0])) return undefined;
    if (this.#overlay.covers(key)) return this.#overlay.get(key);
    const entry = this.#at(key);
    return entry && this.#refusals.mark(key, entry);
  }

  /** What a call draws its random numbers from: as long as it has no id on the wire, the one that it will have if no other tab comes before it. */
  #seed(item: Item): string {
    return `${this.client}\0${this.#queue.expected(item)}\0${item.call?.name}`;
  }

  #drop(kind: "gap" | "nothing"): DiffResult {
    this.#parts = undefined;
    return { kind };
  }

  #shift(item: Item, order: number): void {
    if (this.#overlay.move(item, order)) this.#overlay.rebase(item.keys);
  }

  #push(item: Item): Item {
    this.#queue.add(item);
    this.#overlay.push(item);
    this.#recorder.queued.push(item);
    return item;
  }

  #replace(confirmed: Confirmed): void {
    this.#recorder.reset = true;
    this.#confirmed = confirmed;
    this.#unloaded.clear();
    this.#settleReached();
    this.#overlay.rebaseAll();
  }

  /** Changes confirmed state; returns the keys that the queue names. */
  #change(diffs: readonly Rows[] | readonly DiffMessage[], recorder: Recorder): Key[] {
    const named: Key[] = [];
    /** What was dropped and not put again, by collection and id. */
    const dropped = new Map<string, Map<string, Entry>>();
    // Without queue and rejected list what is confirmed is what is shown: no key is made, nothing is looked up twice.
    const plain = this.#queue.size + this.#refusals.size + this.#hidden.size === 0;
    const change = (collection: string, id: string, before: Entry | undefined, after: Entry | undefined): void => {
      const entries = this.#confirmed.get(collection);
      if (plain) {
        if (before !== after) recorder.changes.push({ collection, id, before, after });
      } else {
        const key = keyOf(collection, id);
        recorder.touching(key);
        if (this.#overlay.names(key)) named.push(key);
      }
      if (after !== undefined) entries?.set(id, after);
      else entries?.delete(id);
    };
    const { names, covers } = coverOf(diffs[0]?.drop ?? []);
    for (const collection of names) {
      const entries = this.#confirmed.get(collection);
      if (entries === undefined || !this.loaded(collection)) continue;
      const gone = new Map([...entries].filter(([, { value }]) => covers(collection, value)));
      if (!plain) for (const id of gone.keys()) recorder.touching(keyOf(collection, id));
      for (const id of gone.keys()) entries.delete(id);
      dropped.set(collection, gone);
    }
    for (const { put = [], del = [] } of diffs) {
      for (const [collection, id, version, value] of put) {
        if (!this.loaded(collection)) continue;
        let entries = this.#confirmed.get(collection);
        if (entries === undefined) this.#confirmed.set(collection, (entries = new Map<string, Entry>()));
        const gone = dropped.get(collection);
        const before = entries.get(id) ?? gone?.get(id);
        if (before?.version !== version) change(collection, id, before, { collection, id, value, version, state: "confirmed" });
        else entries.set(id, before);
        gone?.delete(id);
      }
      for (const [collection, id] of del) {
        if (this.loaded(collection)) change(collection, id, this.#confirmed.get(collection)?.get(id), undefined);
      }
    }
    for (const [collection, gone] of dropped) for (const [id, before] of gone) change(collection, id, before, undefined);
    return named;
  }

  /** Settles what the cursor has reached; returns the keys of it. */
  #settleReached(): Key[] {
    const keys: Key[] = [];
    for (const item of this.#queue.waiting()) {
      if (item.outcome === undefined || (item.outcome.seq ?? 0) > this.#seq) continue;
      this.#settle(item, item.outcome);
      keys.push(...item.keys);
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
    for (const key of item.keys) this.#recorder.touching(key);
    this.#queue.remove(item);
    this.#overlay.remove(item);
    this.#recorder.rejected.push(this.#refusals.add(item, outcome, at));
    item.refuse(outcome);
  }

  #forget(id: string): Item {
    const item = this.#refusals.get(id);
    for (const key of item.keys) this.#recorder.touching(key);
    this.#refusals.remove(item);
    this.#recorder.forgotten.push(id);
    return item;
  }
}

function* mixed(confirmed: ReadonlyMap<string, Entry>, instead: ReadonlyMap<string, Entry | undefined>): Iterable<Entry> {
  for (const entry of confirmed.values()) if (!instead.has(entry.id)) yield entry;
  for (const entry of instead.values()) if (entry !== undefined) yield entry;
}
