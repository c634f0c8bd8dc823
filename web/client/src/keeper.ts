import type { View } from "./api.js";
import type { Desk, Household } from "./desk.js";
import { type Item, UNSAVED } from "./item.js";
import type { Term } from "./lease.js";
import { Ledger } from "./ledger.js";
import { Mirror, type MirrorEvents } from "./mirror.js";
import type { Patch, Replica, Rows } from "./replica.js";
import type { Step } from "./step.js";
import { StoreError } from "./store.js";
import type { Confirmed } from "./sum.js";
import type { TabMessage } from "./tabs.js";
import { Deposed, type Stored, type Vault } from "./vault.js";

/** How long until a store that failed is tried again, in milliseconds. */
const MEND = 5000;
/** How often a tab looks whether the leader has filled the store, in milliseconds; it is also told. */
const LOOK = 500;

/** What a keeper tells its space. */
export interface KeeperEvents extends MirrorEvents {
  /** The replica has changed. */
  step(step: Step): void;
  /** Mutations have got their ids on the wire. */
  placed(): void;
  /** Client id or confirmed state are others now: what the server was asked is void. */
  moved(): void;
  /** What is stored of the last contact, before what is stored shows. */
  term(term: Term): void;
}

/**
 * Keeps the replica of one space and its record in a store together, and both
 * with the replicas of other tabs: mutations by its ledger, what is confirmed
 * by its mirror. Everything that touches the store runs one after the other. A
 * tab that has missed something reads the store; a store that failed is written
 * anew by the leader. Without a store mutations only get their places.
 */
export class Keeper implements Desk {
  readonly ready: Promise<void>;
  readonly replica: Replica;
  readonly house: Household;
  readonly #path: string;
  readonly #events: KeeperEvents;
  readonly #ledger: Ledger;
  readonly #mirror: Mirror;
  #vault: Vault | undefined;
  #begun = false;
  /** What came before the store was read. */
  readonly #messages: TabMessage[] = [];
  #opened = false;
  #closed = false;
  #synced: number | null = null;
  #readied!: () => void;
  #tail: Promise<void> = Promise.resolve();
  /** The store has failed, and is tried again then. */
  #broken: ReturnType<typeof setTimeout> | undefined;
  #refilling = false;
  /** The name of the store that was lost. */
  #former: string | undefined;
  #looking: ReturnType<typeof setTimeout> | undefined;
  /** Whether the store says what its first leader knew. */
  #founded = false;

  readonly spoken: () => View;

  constructor(path: string, replica: Replica, house: Household, spoken: () => View, events: KeeperEvents) {
    this.spoken = spoken;
    this.#path = path;
    this.replica = replica;
    this.house = house;
    this.#events = events;
    this.#ledger = new Ledger(this, () => events.placed());
    this.#mirror = new Mirror(this, events);
    this.ready = new Promise((resolve) => (this.#readied = resolve));
  }

  get vault(): Vault | undefined {
    return this.#vault;
  }

  get refilling(): boolean {
    return this.#refilling;
  }

  /** The client id under which the queue is sent. */
  get client(): string {
    return this.replica.client;
  }

  /** When the store last heard from the server, when it was last read; milliseconds since 1970. */
  get synced(): number | null {
    return this.#synced;
  }

  /** The view that the replica's cursor was made with. */
  get view(): View {
    return this.#mirror.view;
  }

  /** Whether what is in the store of a collection is in memory. */
  loaded(collection: string): boolean {
    return this.#opened && this.replica.loaded(collection);
  }

  /**
   * Begins, with a store or without; or goes on, where the store was lost, with
   * one that was opened anew. If that is another one, and empty, the leader
   * fills it and notes there what it knows of; then the others store again what
   * it did not. So it is for whoever leads until that is done, and for a tab
   * that hears of all this much later.
   */
  open(vault: Vault | undefined): void {
    if (vault !== undefined && this.#begun) {
      if (!this.#refilling) this.#former = this.#vault?.name;
      this.#refilling = true;
      this.#founded = false;
    }
    this.#begun = true;
    this.#vault = vault;
    if (vault !== undefined) {
      void this.run(() => (this.#refilling ? this.mend() : this.resync()));
      return;
    }
    this.#open();
    this.#ledger.place();
  }

  close(): void {
    this.#closed = true;
    this.#ledger.close();
    this.#mirror.close();
    clearTimeout(this.#broken);
    clearTimeout(this.#looking);
    this.#readied();
  }

  /** Closes, and resolves when what was made here is stored; again, if the store was lost and is another one now. Rejects if it cannot be. */
  async retire(): Promise<void> {
    while (this.#refilling && !this.#closed) await new Promise((resolve) => setTimeout(resolve, LOOK));
    this.close();
    await this.#tail;
    await this.#ledger.save();
  }

  /** A mutation was made here; `retried` was taken off the rejected list for it. */
  queued(item: Item, retried?: string): void {
    const first = this.#ledger.queued(item, retried);
    if (!this.#opened) return;
    if (this.#vault === undefined) this.#ledger.place();
    else if (first) void this.run(() => this.#ledger.save());
  }

  discarded(id: string): void {
    this.post("discarded", { id });
    void this.run(async () => this.#vault?.discard(id));
  }

  /** Stores when there was contact last; only the leader does. */
  keep(term: Term): void {
    const { epoch } = this.house;
    if (epoch !== undefined) void this.run(async () => this.#vault?.keep(epoch, term));
  }

  /** The application wants to see a collection. */
  need(collection: string): void {
    const first = this.#mirror.need(collection);
    if (first && this.#opened && !this.replica.loaded(collection)) void this.run(() => this.#mirror.read(collection));
  }

  /** Resolves when all these are in memory. */
  async needAll(collections: Iterable<string>): Promise<void> {
    await this.ready;
    for (const collection of collections) this.need(collection);
    await this.run(() => Promise.resolve());
  }

  /**
   * The leader's replica has made this step. With `rows`, which leave nothing out unless it replaced confirmed state, it comes from the
   * server, and `view` is what the cursor was made with. Without, confirmed state is what the store has, or nothing may be seen any more.
   */
  record(step: Step, view: View, rows?: Rows): void {
    const change = rows ?? { put: [], del: [] };
    if (this.#vault === undefined) return;
    if (rows !== undefined) this.#mirror.view = view;
    const forgotten = this.replica.cursor === undefined && this.replica.whole?.size === 0; // or else it is only distrusted
    const reset = step.reset && (rows !== undefined || forgotten);
    // What another tab has made and nobody has seen stored may have left the queue here: of its end nothing is known.
    const applied = step.applied.filter(({ order }) => order < UNSAVED);
    const rejected = step.rejected.map(({ id }) => id);
    for (const { id } of [...applied, ...step.rejected]) this.#ledger.finished(id);
    if (this.#broken !== undefined || this.house.epoch === undefined) return; // all is written anew later
    if (applied.length + rejected.length + change.put.length + change.del.length === 0 && change.drop === undefined && !reset && this.replica.scope === this.#mirror.scope) return;
    if (this.#note(change, this.house.now(), reset ? this.replica.whole : undefined, rejected, applied)) void this.run(() => this.#mirror.flush());
  }

  /** Notes what is to be written, of the rejected list all or what is named; true if nothing was to be before. */
  #note(rows: Rows, at: number, reset: Confirmed | undefined, rejected?: readonly string[], applied: readonly Item[] = []): boolean {
    const { cursor, scope, leases } = this.replica;
    return this.#mirror.record({
      patch: {
        cursor,
        scope,
        leases,
        ...rows,
        applied: applied.map((item) => [item.id, item.outcome ?? { id: item.wire, outcome: "duplicate" }]),
        rejected: this.#ledger.rejected(rejected),
      },
      view: this.#mirror.view,
      left: [...applied, ...(rejected ?? []).map((id) => this.replica.refused(id))].map(({ order }) => order).filter((order) => order < UNSAVED),
      at,
      reset,
    });
  }

  /** The queue was renumbered for a new client id; without `fresh`, put back under the old one. Undefined if that is done already. */
  rewrite(fresh: boolean): Promise<void> | undefined {
    this.#ledger.renumbered(fresh);
    return this.#vault === undefined ? undefined : this.run(() => this.#ledger.rewrite());
  }

  /** This tab leads now, with a new epoch: resolves when what it has is what the store has. Undefined if that is so already. */
  lead(): Promise<void> | undefined {
    this.#mirror.drop();
    if (this.#vault === undefined) return undefined;
    return this.run(async () => {
      if (this.#refilling) return this.mend();
      await this.resync();
      await this.#found(this.#vault);
      this.#mirror.clean(); // what the leader before this one did not come to
    });
  }

  /** Another tab leads now. What was not written here it will hear from the server. */
  follow(): void {
    this.#mirror.drop();
    void this.run(() => (this.#refilling ? this.mend() : this.resync()));
  }

  message(message: TabMessage): void {
    if (!this.#opened) {
      this.#messages.push(message);
      return;
    }
    const leading = this.house.epoch !== undefined;
    const { store } = message;
    // Places, ids and revs are those of one store, of which this tab may not know the name yet. A build that does not name it cannot be asked.
    const ours = store === undefined || store === this.#vault?.name;
    switch (message.t) {
      case "made":
        this.#ledger.made(message["id"], message["body"], message["retried"]);
        break;
      case "saved":
        if (ours) this.#ledger.saved(message["client"], message["stored"] as Stored[]);
        else void this.run(() => this.resync());
        break;
      case "discarded":
        this.step(this.replica.discard(String(message["id"]), true));
        break;
      case "patch":
        if (!leading) void this.run(() => this.#absorb(ours, message["rev"] as number, message["patch"] as Patch, message["view"] as View));
        break;
      case "stale": // the leader has done something that is not told row by row
        if (!leading) void this.run(() => this.resync());
        break;
      case "refilled":
        if (this.#refilling) void this.run(() => this.mend());
        break;
      case "damaged":
        if (leading) void this.run(() => this.repair());
    }
  }

  step(step: Step): void {
    this.#events.step(step);
  }

  post(t: string, members: { readonly [name: string]: unknown } = {}): void {
    this.house.post({ t, path: this.#path, store: this.#vault?.name, ...members });
  }

  run(task: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(async () => {
      if (this.#closed) return;
      try {
        await task();
      } catch (error) {
        this.#failed(error as Error);
      }
    });
    this.#tail = done;
    return done;
  }

  async resync(): Promise<void> {
    const vault = this.#vault;
    if (vault === undefined || this.#refilling) return;
    for (;;) {
      const seen = await this.#mirror.look(vault, this.#opened);
      this.#ledger.listen();
      const pending = await vault.pending();
      if (seen === undefined || (await this.#mirror.held(vault)).rev !== seen.held.rev) continue; // another tab was quicker
      if (this.#closed) return;
      const differs = !this.#opened || this.#mirror.differs(seen.held);
      this.#founded = pending.known !== undefined;
      this.#synced = pending.synced;
      const moved = this.#ledger.requeue(pending) || differs;
      if (pending.term) this.#events.term(pending.term);
      if (differs) this.#mirror.restore(seen.held, seen.entries, pending.leases);
      if (moved) this.#events.moved();
      break;
    }
    if (!this.#opened) this.#open();
    await this.#mirror.readNeeded();
    await this.#ledger.save();
  }

  async mend(): Promise<void> {
    clearTimeout(this.#broken);
    this.#broken = undefined;
    const vault = this.#vault;
    if (vault === undefined) return;
    if (this.#refilling) await this.#refill(vault);
    else if (this.house.epoch === undefined) await this.resync();
    else await this.#writeAll(vault, this.house.epoch);
    if (this.#refilling) return;
    await this.#found(vault);
    await this.#ledger.save();
    this.house.trouble(undefined);
  }

  async repair(): Promise<void> {
    if (this.replica.cursor === undefined || this.replica.whole === undefined) this.doubt();
    else await this.mend();
  }

  doubt(): void {
    this.replica.distrust();
    if (this.house.epoch !== undefined) this.#events.moved();
  }

  /** Writes what is in memory in place of what is stored. What is not in memory the server has to send again. */
  async #writeAll(vault: Vault, epoch: number): Promise<void> {
    this.#mirror.drop();
    await vault.reset(epoch); // which makes room, if that is what was missing
    this.#mirror.rev = 0;
    await this.#ledger.rewrite();
    const reset = this.replica.cursor === undefined ? undefined : this.replica.whole;
    if (reset === undefined) this.replica.abandon();
    this.#note({ put: [], del: [] }, this.#synced ?? this.house.now(), reset);
    await this.#mirror.flush();
    if (reset !== undefined) return;
    this.#events.moved();
    this.#events.loaded();
  }

  #failed(error: Error): void {
    this.#mirror.drop();
    if (error instanceof Deposed) return this.house.deposed();
    this.house.trouble(error);
    if (!this.#opened) this.#open(); // what is there cannot be read: go on with what the server has
    if (error instanceof StoreError && (error.code === "lost" || error.code === "closed")) return; // there will be another store
    this.#broken ??= setTimeout(() => void this.run(() => this.mend()), MEND);
  }

  /** Fills the store that has taken the place of a lost one, or looks what its leader has put there. */
  async #refill(vault: Vault): Promise<void> {
    clearTimeout(this.#looking);
    const { epoch } = this.house;
    if (epoch === undefined) this.#looking = setTimeout(() => this.#refilling && void this.run(() => this.mend()), LOOK);
    const pending = await vault.pending();
    const same = pending.count.store === this.#former; // it was closed, not removed
    if (!same && pending.known === undefined) {
      if (epoch === undefined) return; // its leader has not come yet
      this.#ledger.emptied();
      await this.#writeAll(vault, epoch);
      await this.#found(vault);
      if (vault !== this.#vault) return; // lost again meanwhile
      this.#refilling = false;
      this.post("refilled");
      return;
    }
    if (vault !== this.#vault) return;
    if (!same) this.#ledger.reclaim(pending);
    this.#refilling = false;
    await this.resync();
  }

  /** As the first leader of a store, notes what is known. */
  async #found(vault: Vault | undefined): Promise<void> {
    const { epoch } = this.house;
    if (vault === undefined || epoch === undefined || this.#founded) return;
    await vault.found(epoch, this.#ledger.known);
    this.#founded = vault === this.#vault;
  }

  async #absorb(ours: boolean, rev: number, patch: Patch, view: View): Promise<void> {
    for (const [id] of patch.applied) this.#ledger.finished(id);
    for (const { id } of patch.rejected) this.#ledger.finished(id);
    if (this.#refilling || !ours || !this.#mirror.absorb(rev, patch, view)) await this.resync();
  }

  #open(): void {
    this.#opened = true;
    this.#readied();
    this.#events.loaded();
    for (const message of this.#messages.splice(0)) this.message(message);
  }
}
