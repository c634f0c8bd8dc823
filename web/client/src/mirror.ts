import type { Entry, View } from "./api.js";
import type { Held, ReadOptions } from "./archive.js";
import type { Desk } from "./desk.js";
import { coverOf } from "./drop.js";
import { SynclineError } from "./errors.js";
import type { Leases } from "./lease.js";
import type { Patch, Rows } from "./replica.js";
import type { Confirmed } from "./sum.js";
import type { Record, Vault } from "./vault.js";
import { alike, others } from "./view.js";

/** How long what may not be seen any more stays in the store's log, in milliseconds. */
const CLEAN = 2000;

/** Rows that went past memory while a collection was read, and the rev that they lead to; undefined while it is not written. */
interface Passed {
  readonly patch: Patch;
  rev: number | undefined;
}

/** What is in the store at the versions that are spoken. The cursor is undefined if that is nothing. */
type Base = Held & { readonly view: View };

/** What a mirror tells its space. */
export interface MirrorEvents {
  /** What is loaded has changed. */
  loaded(): void;
  /** Another tab has written what is in the store now, with this view. */
  written(view: View): void;
  /** Whether all entries of a collection are looked at for what shows. */
  whole(collection: string): boolean;
}

/**
 * What is confirmed of one space, in memory and in the store. The leader writes
 * what the server's messages made, several at a time, and then tells the other
 * tabs: a patch, numbered by its rev. Collections are read when somebody wants
 * to see them; what goes past memory meanwhile is added before they are shown.
 */
export class Mirror {
  readonly #desk: Desk;
  readonly #events: MirrorEvents;
  /** The view that the replica's cursor was made with. */
  view: View = [];
  /** The scope that is in the store, or about to be. */
  scope: string | undefined;
  /** How far the store has got. */
  rev = 0;
  /** The leader's steps that are not written yet. */
  #records: Record[] = [];
  readonly #needed = new Set<string>();
  #reading = 0;
  #cleaning: ReturnType<typeof setTimeout> | undefined;
  #passed: Passed[] = [];
  /** Collections that the store has at other versions than are spoken: drops, to be written with the next step. */
  #others: View = [];
  #installs: { readonly rev: number; readonly collection: string; readonly entries: Map<string, Entry> }[] = [];

  constructor(desk: Desk, events: MirrorEvents) {
    this.#desk = desk;
    this.#events = events;
  }

  /** Somebody wants to see a collection; true for the first time. */
  need(collection: string): boolean {
    const first = !this.#needed.has(collection);
    this.#needed.add(collection);
    return first;
  }

  /** Forgets what is not written. */
  drop(): void {
    this.#records = [];
  }

  /** Something has happened in the leader's replica; true if there is something to {@link flush} that was not before. */
  record(record: Record): boolean {
    this.#pass(record.patch, undefined);
    this.scope = record.patch.scope;
    return this.#records.push(record) === 1;
  }

  /** Writes the leader's steps as one, and tells the other tabs. */
  async flush(): Promise<void> {
    const { vault, house, replica } = this.#desk;
    const { epoch } = house;
    const records = this.#records.splice(0);
    const last = records.at(-1);
    if (vault === undefined || epoch === undefined || last === undefined) return;
    // Confirmed state has followed what came after a reset.
    const reset = records.some((record) => record.reset !== undefined) ? replica.whole : undefined;
    const patch: Patch = {
      cursor: last.patch.cursor,
      scope: last.patch.scope,
      leases: last.patch.leases,
      ...(reset === undefined ? merge(this.#others, records.map((record) => record.patch)) : { put: [], del: [] }),
      applied: records.flatMap((record) => record.patch.applied),
      rejected: records.flatMap((record) => record.patch.rejected),
    };
    const { view } = last;
    const rev = this.rev + 1;
    await vault.commit(epoch, rev, {
      patch, view, reset, left: records.flatMap(({ left }) => left), at: last.at,
    });
    this.#others = [];
    this.rev = rev;
    for (const passed of this.#passed) passed.rev ??= rev;
    this.#install();
    if (reset !== undefined) this.#desk.post("stale");
    else this.#desk.post("patch", { rev, patch, view });
    await this.#fold(vault, epoch);
    // What was put may be an entry with a field less, which may not be seen any more.
    if (patch.put.length + patch.del.length > 0 || patch.drop !== undefined) this.clean();
  }

  /** The leader's store is soon to hold nothing of entries and fields that are gone, where rules say what may be seen. */
  clean(): void {
    const { vault, house } = this.#desk;
    if (this.scope === undefined || vault === undefined || this.#cleaning !== undefined) return;
    this.#cleaning = setTimeout(() => {
      this.#cleaning = undefined;
      void this.#desk.run(async () => {
        if (house.epoch !== undefined && vault === this.#desk.vault) await this.#fold(vault, house.epoch, true);
      });
    }, CLEAN);
  }

  async #fold(vault: Vault, epoch: number, all = false): Promise<void> {
    try {
      await vault.fold(epoch, all);
    } catch (error) {
      this.#damage(error);
      await this.#desk.repair();
    }
  }

  close(): void {
    clearTimeout(this.#cleaning);
  }

  /** Does what the leader has told; false if something before it is missing, or it is in the form of other versions. */
  absorb(rev: number, patch: Patch, view: View): boolean {
    if (rev <= this.rev) return true;
    if (rev > this.rev + 1 || others(view, this.#desk.spoken()).length > 0) return false;
    this.rev = rev;
    this.view = view;
    this.scope = patch.scope;
    this.#desk.step(this.#desk.replica.absorb(patch));
    this.#pass(patch, rev);
    this.#install();
    return true;
  }

  /** Whether the replica is other than the store. */
  differs(held: Base): boolean {
    const { cursor, scope } = this.#desk.replica;
    return JSON.stringify([held.rev, held.cursor, held.scope, held.view]) !== JSON.stringify([this.rev, cursor, scope, this.view]);
  }

  /** Makes confirmed state what the store has. */
  restore(held: Base, entries: Confirmed, leases: Leases | undefined): void {
    const { replica } = this.#desk;
    this.rev = held.rev;
    this.view = held.view;
    this.scope = held.scope;
    replica.begin(held.cursor, held.collections.keys(), { scope: held.scope, leases });
    this.#desk.step(replica.install(entries));
    this.#installs = [];
  }

  /** Reads the collections that somebody wants to see and that are not in memory. */
  async readNeeded(): Promise<void> {
    for (const collection of this.#needed) await this.read(collection);
  }

  /** How far the store has got, and, if `whole` and the replica is elsewhere, the needed collections as of then. Undefined if it went on meanwhile. */
  async look(vault: Vault, whole: boolean): Promise<{ held: Base; entries: Confirmed } | undefined> {
    const held = await this.held(vault);
    const entries: Confirmed = new Map();
    for (const collection of whole && this.differs(held) ? this.#needed : []) {
      if (!held.collections.has(collection)) continue;
      const part = await this.#fetch(vault, collection);
      if (part.rev !== held.rev || this.#strange(collection, part.view)) return undefined;
      entries.set(collection, part.entries);
    }
    return { held, entries };
  }

  /**
   * How far the store has got; nothing, if it is damaged. Collections that it has in the form of other versions count as not there. They
   * stay until there is something to write: a program that speaks these may come back before.
   */
  async held(vault: Vault): Promise<Base> {
    const spoken = this.#desk.spoken();
    this.#others = [];
    try {
      const held = await vault.held();
      const { rev, view = [] } = held;
      if (this.rev > 0 && rev !== this.rev) this.#events.written(view);
      this.#others = others(view, spoken);
      const made = alike(view, spoken);
      return { ...held, view: made, cursor: made.length > 0 ? held.cursor : undefined, collections: new Map([...held.collections].filter(([name]) => !this.#others.some((part) => part.in === name))) };
    } catch (error) {
      this.#damage(error);
    }
    return this.#emptied(vault);
  }

  /** What is in the store counts for nothing, and goes if this tab leads. */
  async #emptied(vault: Vault): Promise<Base> {
    const { epoch } = this.#desk.house;
    if (epoch !== undefined) await vault.reset(epoch);
    return { rev: 0, cursor: undefined, view: [], collections: new Map() };
  }

  /** Loads a collection, the first entries of it at once. */
  async read(collection: string): Promise<void> {
    const { vault, replica } = this.#desk;
    if (vault === undefined || replica.loaded(collection)) return;
    this.#reading++;
    try {
      const { rev, view, entries } = await this.#fetch(vault, collection, (some, of) => {
        if (replica.loaded(collection) || this.#strange(collection, of)) return; // a reset was quicker
        this.#desk.step(replica.install(new Map([[collection, new Map(some.map((entry) => [entry.id, entry]))]]), true));
      });
      if (this.#strange(collection, view)) return; // another program has come to lead: what it has written is looked at when it tells of it
      this.#installs.push({ rev, collection, entries });
      this.#install();
    } catch (error) {
      if (this.#damage(error).epoch !== undefined) await this.#desk.mend(); // there is no telling what it holds
    } finally {
      if (--this.#reading === 0 && this.#installs.length === 0) this.#passed = [];
    }
  }

  /** Reads a collection. Damaged chunks of it are missing then, or wrong if only the check sum shows it; that is told once what was read is there. */
  async #fetch(vault: Vault, collection: string, first: ReadOptions["first"] = () => undefined): ReturnType<Vault["read"]> {
    let told = false;
    const damaged = (error: unknown): void => {
      if (told) return;
      told = true;
      void this.#desk.run(async () => {
        this.#damage(error);
        if (vault === this.#desk.vault) this.#desk.doubt();
      });
    };
    const part = await vault.read(collection, { first, damaged, whole: () => this.#events.whole(collection) });
    part.sound().catch(damaged);
    return part;
  }

  /** Whether what was read with this view is a collection in the form of another version. */
  #strange(collection: string, view: View = []): boolean {
    return others(view, this.#desk.spoken()).some((part) => part.in === collection);
  }

  /** Tells of damage, here and to the leader, who makes it good; throws any other error. */
  #damage(error: unknown): { readonly epoch: number | undefined } {
    if (!(error instanceof SynclineError && error.code === "damaged")) throw error;
    const { house } = this.#desk;
    house.trouble(error);
    if (house.epoch === undefined) this.#desk.post("damaged");
    return house;
  }

  #pass(patch: Patch, rev: number | undefined): void {
    if (this.#reading > 0 || this.#installs.length > 0) this.#passed.push({ patch, rev });
  }

  /** Shows collections that were read, once all else is as new as they are. */
  #install(): void {
    const ready = this.#installs.filter(({ rev }) => rev <= this.rev);
    if (ready.length === 0) return;
    this.#installs = this.#installs.filter(({ rev }) => rev > this.rev);
    const { replica } = this.#desk;
    for (const { rev, collection, entries } of ready) {
      if (replica.loaded(collection)) continue;
      const { drop, put, del } = merge([], this.#passed.filter(({ rev: own = Infinity }) => own > rev).map(({ patch }) => patch));
      if (drop !== undefined) {
        const { covers } = coverOf(drop);
        for (const [id, { value }] of entries) if (covers(collection, value)) entries.delete(id);
      }
      for (const [name, id, version, value] of put) {
        if (name === collection) entries.set(id, { collection, id, version, value, state: "confirmed" });
      }
      for (const [name, id] of del) if (name === collection) entries.delete(id);
      this.#desk.step(replica.install(new Map([[collection, entries]])));
    }
    this.#events.loaded();
  }
}

/** Drops, and then the rows of several patches as of the last. */
function merge(before: View, patches: readonly Rows[]): Rows {
  const [only] = patches;
  if (patches.length + before.length === 1 && only !== undefined) return { drop: only.drop, put: only.put, del: only.del };
  const drops = [...before];
  const rows = new Map<string, Patch["put"][number] | Patch["del"][number]>();
  for (const { drop = [], put, del } of patches) {
    drops.push(...drop);
    const { covers } = coverOf(drop);
    for (const [key, row] of drop.length > 0 ? rows : []) if (row.length === 4 && covers(row[0], row[3])) rows.set(key, [row[0], row[1]]);
    for (const row of [...put, ...del]) rows.set(row[0] + "/" + row[1], row);
  }
  const all = [...rows.values()];
  return { drop: drops.length > 0 ? drops : undefined, put: all.filter((row) => row.length === 4), del: all.filter((row) => row.length === 2) };
}
