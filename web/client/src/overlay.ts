import type { Doc, Entry } from "./api.js";
import { equal } from "./compare.js";
import type { Item } from "./item.js";
import { splitKey, type Key } from "./key.js";
import type { Play } from "./player.js";

/** What the overlay stands on. */
export interface Base {
  /** The confirmed entry. */
  confirmed(key: Key): Entry | undefined;
  /** Called before the shown entry of a key may change. */
  touching(key: Key): void;
  /** Runs a call on what is shown now; undefined: nobody here can. */
  play(item: Item): Play | undefined;
}

/**
 * The effects of the queue on top of confirmed state. A mutation added at the
 * end costs its operations. When something below changes, the mutations that
 * depend on it are replayed: those that touch a changed key, those that touch
 * a key that these touch, and so on. Others cannot see the difference. What a
 * call touches it says only by running: with one in the queue, all is replayed.
 */
export class Overlay {
  readonly #base: Base;
  /** The queued mutations that name a key, whether they take effect or not, in queue order. */
  readonly #users = new Map<Key, Item[]>();
  /** What those that take effect made of a key; undefined: it is deleted. */
  readonly #shown = new Map<Key, Entry | undefined>();
  readonly #calls = new Set<Item>();
  /** The next {@link rebase} is of all. */
  #all = false;

  constructor(base: Base) {
    this.#base = base;
  }

  /** Whether there are calls. */
  get calls(): boolean {
    return this.#calls.size > 0;
  }

  /** Whether what a queued mutation does depends on the key. */
  names(key: Key): boolean {
    if (this.#users.has(key)) return true;
    for (const { played } of this.#calls) if (played?.touched.has(key) || played?.touched.has(splitKey(key)[0])) return true;
    return false;
  }

  /** Whether the queue decides what the key shows. */
  covers(key: Key): boolean {
    return this.#shown.has(key);
  }

  get(key: Key): Entry | undefined {
    return this.#shown.get(key);
  }

  /** What the queue decides. */
  keys(): IterableIterator<Key> {
    return this.#shown.keys();
  }

  /** Adds a mutation to the end of the queue and applies it. */
  push(item: Item): void {
    const all = this.#all;
    this.insert(item);
    this.#all = all;
    this.#run(item);
  }

  /** Adds a mutation at its place in the queue without applying it: {@link rebase} must follow. */
  insert(item: Item): void {
    if (item.call) {
      this.#calls.add(item);
      this.#all = true;
    }
    for (const key of keysOf(item)) {
      const users = this.#users.get(key);
      if (users === undefined) this.#users.set(key, [item]);
      else users.splice(placeOf(item, users), 0, item);
    }
  }

  /** Gives a mutation another place; true if it now stands before one that it stood behind, or the other way round, and {@link rebase} of its keys must follow. */
  move(item: Item, order: number): boolean {
    const before = item.order;
    item.order = order;
    const passed = (other: Item): boolean => other !== item && other.order < before !== other.order < order;
    let moved = [...this.#calls].some(passed) || (item.call !== undefined && [...this.#users.values()].some((users) => users.some(passed)));
    this.#all ||= moved;
    for (const key of keysOf(item)) {
      const users = this.#users.get(key);
      if (!users?.some(passed)) continue;
      moved = true;
      users.sort((a, b) => a.order - b.order);
    }
    return moved;
  }

  /** Takes a mutation out without undoing it: {@link rebase} of its keys must follow. */
  remove(item: Item): void {
    this.#calls.delete(item);
    for (const key of keysOf(item)) {
      const users = this.#users.get(key);
      if (users === undefined) continue;
      const at = users.indexOf(item);
      if (at >= 0) users.splice(at, 1);
      if (users.length === 0) this.#users.delete(key);
    }
  }

  /** Replays all mutations that depend on the keys, and takes back what removed ones did to them. */
  rebase(changed: Iterable<Key>): void {
    const keys = new Set(changed);
    const items = new Set<Item>();
    if (this.#all || (keys.size > 0 && this.calls)) {
      for (const key of [...this.#shown.keys(), ...this.#users.keys()]) keys.add(key);
      for (const item of this.#calls) items.add(item);
      this.#all = false;
    }
    for (const key of keys) { // grows while it is walked
      for (const item of this.#users.get(key) ?? []) {
        if (items.has(item)) continue;
        items.add(item);
        for (const step of item.prepared.steps) keys.add(step.key);
      }
    }
    const before = new Map<Key, Entry>();
    for (const key of keys) {
      this.#base.touching(key);
      const entry = this.#shown.get(key);
      if (entry !== undefined) before.set(key, entry);
      this.#shown.delete(key);
    }
    for (const item of [...items].sort((a, b) => a.order - b.order)) this.#run(item, before);
  }

  /** Replays the whole queue: after a reset. */
  rebaseAll(): void {
    this.#all = true;
    this.rebase([]);
  }

  /** Applies a mutation whole or, if one of its operations does not fit, not at all. */
  #run(item: Item, before?: ReadonlyMap<Key, Entry>): void {
    if (item.call) item.played = this.#base.play(item);
    const made = new Map(item.played?.made);
    for (const step of item.prepared.steps) {
      const { key } = step;
      const known = made.has(key) || this.#shown.has(key);
      if (step.if !== undefined && (known || step.if !== (this.#base.confirmed(key)?.version ?? 0))) return;
      const value = made.has(key) ? made.get(key) : this.#value(key);
      try {
        const next = step.run(value);
        // To delete nothing is no touch.
        if (known || value !== undefined || next !== undefined) made.set(key, next);
      } catch {
        return; // the server decides
      }
    }
    for (const [key, value] of made) {
      this.#base.touching(key);
      this.#shown.set(key, value === undefined ? undefined : this.#entry(key, value, before?.get(key) ?? this.#shown.get(key)));
    }
  }

  #value(key: Key): Doc | undefined {
    return (this.#shown.has(key) ? this.#shown.get(key) : this.#base.confirmed(key))?.value;
  }

  #entry(key: Key, value: Doc, before: Entry | undefined): Entry {
    const version = this.#base.confirmed(key)?.version ?? 0;
    if (before !== undefined && before.version === version && equal(before.value, value)) return before;
    const [collection, id] = splitKey(key);
    return { collection, id, value, version, state: "pending" };
  }
}

function keysOf(item: Item): Set<Key> {
  return new Set(item.prepared.steps.map((step) => step.key));
}

/** Where an item belongs in a list by order; nearly always the end. */
function placeOf(item: Item, users: readonly Item[]): number {
  let at = users.length;
  while (at > 0 && (users[at - 1]?.order ?? 0) > item.order) at--;
  return at;
}
