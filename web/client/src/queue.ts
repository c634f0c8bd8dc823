import type { Outcome } from "./api.js";
import type { Item } from "./item.js";

/** How many acknowledged mutations are kept for a server that lost history. */
const KEPT = 1000;

/**
 * The mutations that are not done with, and their ids on the wire. A mutation
 * is *open* from when it has an id until it has an outcome, and *queued* from
 * its making until it is also confirmed or refused.
 */
export class Queue {
  /** By id; in order once it is asked for. */
  #queued = new Map<string, Item>();
  #sorted = true;
  /** Without outcome, by wire id, in order. */
  #open = new Map<number, Item>();
  /** With an outcome that is not confirmed yet. */
  readonly #waiting = new Set<Item>();
  /** Acknowledged and no longer queued, by wire id. */
  #kept = new Map<number, Item>();
  /** The highest wire id given. */
  #wire = 0;
  /** The highest wire id that was sent on the present connection. */
  #sent = 0;

  get size(): number {
    return this.#queued.size;
  }

  /** In order. */
  items(): IterableIterator<Item> {
    if (!this.#sorted) this.#sort();
    return this.#queued.values();
  }

  get(id: string): Item | undefined {
    return this.#queued.get(id);
  }

  waiting(): IterableIterator<Item> {
    return this.#waiting.values();
  }

  /** The highest wire id given. */
  get wire(): number {
    return this.#wire;
  }

  /** All mutations up to this wire id have an outcome. */
  get acked(): number {
    for (const wire of this.#open.keys()) return wire - 1;
    return this.#wire;
  }

  /** The number of mutations sent that wait for an outcome. */
  get inFlight(): number {
    return Math.max(0, this.#sent - this.acked);
  }

  /** Adds a mutation that has no id on the wire yet. */
  add(item: Item): void {
    this.#queued.set(item.id, item);
    this.#sorted = false;
  }

  /** Gives a queued mutation its place and the next id on the wire; or none, if it has an outcome that nobody here has seen. */
  assign(item: Item, order: number, answered = false): void {
    item.order = order;
    this.#sorted = false;
    if (answered) {
      item.wire = 0;
      item.outcome = { id: 0, outcome: "duplicate" };
      this.#waiting.add(item);
      return;
    }
    item.outcome = undefined;
    item.wire = ++this.#wire;
    this.#open.set(item.wire, item);
  }

  /** The id on the wire of a queued mutation, or the one that it gets if it is stored next after those before it. */
  expected(item: Item): number {
    if (item.wire > 0) return item.wire;
    let before = 1;
    for (const { wire, order, outcome } of this.#queued.values()) if (wire === 0 && outcome === undefined && order < item.order) before++;
    return this.#wire + before;
  }

  /** Takes note that the wire ids up to `wire` have been given to mutations that are done with. */
  skip(wire: number): void {
    this.#wire = Math.max(this.#wire, wire);
  }

  /** Takes note of a final outcome; undefined if no mutation waits for it. */
  answer(outcome: Outcome): Item | undefined {
    const item = this.#open.get(outcome.id);
    if (item === undefined) return undefined;
    this.#open.delete(outcome.id);
    this.#waiting.add(item);
    item.outcome = outcome;
    return item;
  }

  /** Takes out a mutation that will have no outcome from the server. */
  withdraw(item: Item): void {
    this.#open.delete(item.wire);
    this.#sorted = false;
  }

  /** Takes a mutation out that is done with. */
  remove(item: Item): void {
    this.#queued.delete(item.id);
    this.#waiting.delete(item);
    if (this.#open.get(item.wire) === item) this.#open.delete(item.wire);
    if (item.wire === 0) return;
    this.#kept.set(item.wire, item);
    if (this.#kept.size <= KEPT) return;
    for (const wire of this.#kept.keys()) {
      this.#kept.delete(wire);
      break;
    }
  }

  /** Open mutations that were not sent yet, in order. */
  *unsent(): IterableIterator<Item> {
    for (let wire = Math.max(this.#sent, this.acked) + 1; wire <= this.#wire; wire++) {
      const item = this.#open.get(wire);
      if (item !== undefined) yield item;
    }
  }

  sent(item: Item): void {
    item.state = "sent";
    this.#sent = item.wire;
  }

  /** Everything open from this wire id on is to be sent again. */
  rewind(from = 0): void {
    this.#sent = Math.min(this.#sent, Math.max(0, from - 1));
    for (const item of this.#open.values()) {
      if (item.wire >= from) item.state = "queued";
    }
  }

  /**
   * The server's history of this client ends at `last`, below what it had
   * acknowledged. Puts the acknowledged mutations above it back before the
   * queue and returns them. False if not all of them are there, or one of them
   * was refused (to offer it again would decide anew what the user has seen
   * decided): then {@link renumber} is left.
   */
  restore(last: number): { whole: boolean; back: Item[] } {
    const lost = new Map<number, Item>();
    for (const [wire, item] of this.#kept) if (wire > last) lost.set(wire, item);
    for (const item of this.#waiting) if (item.wire > last) lost.set(item.wire, item);
    let complete = true;
    for (let wire = last + 1; wire <= this.acked; wire++) complete &&= lost.has(wire);
    const refused = [...lost.values()].some((item) => item.state === "rejected" || item.state === "discarded");
    // Those still queued must be sent again in any case.
    const back = [...lost.values()]
      .filter((item) => this.#queued.has(item.id) || (complete && item.state === "applied"))
      .sort((a, b) => a.order - b.order);
    for (const item of back) {
      this.#kept.delete(item.wire);
      this.#waiting.delete(item);
      item.outcome = undefined;
      item.state = "queued";
      this.#queued.set(item.id, item);
      this.#open.set(item.wire, item);
    }
    this.#open = new Map([...this.#open].sort(([a], [b]) => a - b));
    this.#sorted = false;
    this.#sent = last;
    return { whole: complete && !refused, back };
  }

  /** Gives what is open the ids 1, 2, 3, …, for a new client id. */
  renumber(): void {
    const open = [...this.#open.values()].sort((a, b) => a.order - b.order);
    this.#open.clear();
    this.#kept.clear();
    this.#wire = this.#sent = 0;
    for (const item of open) {
      this.assign(item, item.order);
      item.state = "queued";
    }
  }

  /** Forgets all ids on the wire: {@link assign} gives others. */
  unnumber(): void {
    this.#open.clear();
    this.#waiting.clear();
    this.#kept.clear();
    this.#wire = this.#sent = 0;
  }

  #sort(): void {
    this.#sorted = true;
    let last = 0;
    for (const { order } of this.#queued.values()) {
      if (order < last) {
        this.#queued = new Map([...this.#queued].sort(([, a], [, b]) => a.order - b.order));
        return;
      }
      last = order;
    }
  }
}
