import type { Json, Op, Reads, View } from "./api.js";
import type { Desk } from "./desk.js";
import { type Item, UNSAVED } from "./item.js";
import { prepare, prepareCall, type Prepared } from "./prepare.js";
import type { Count, Pending, Stored, StoredRejection, Vault } from "./vault.js";
import { others, type Versions } from "./view.js";

/** How long a mutation that another tab has stored may be unknown here before the store is asked, in milliseconds. */
const HOLE = 400;
/** How long another tab may take to store what it has made, in milliseconds; at most twice. */
const DOUBT = 5000;
/** How many mutations that are done with are remembered, so that late news of them change nothing. */
const DONE = 2000;
const NOLIMITS = { entry: Infinity, mutation: Infinity, ops: Infinity };

/**
 * The mutations of one space and their record in the store. One is shown here
 * and told to the other tabs at once, then stored, which gives it its place and
 * its id on the wire, and told again with these. Ids are taken note of in their
 * order: what is stored behind one that is not known here yet has to wait.
 */
export class Ledger {
  readonly #desk: Desk;
  /** Called when mutations have got their ids. */
  readonly #placed: () => void;
  #order = 0;
  /** To be stored. */
  #unsaved: Item[] = [];
  #retried: string[] = [];
  #rewriting = false;
  /** Stored, but something before it is not known here yet; by wire id. */
  readonly #early = new Map<number, Stored>();
  #hole: ReturnType<typeof setTimeout> | undefined;
  /** What the store has up to this wire id is known here. */
  #numbered = 0;
  /** What other tabs have said to be stored since {@link listen}; undefined while the store is not being read. */
  #news: { readonly client: unknown; readonly stored: readonly Stored[] }[] | undefined;
  readonly #done = new Set<string>();
  /** Made in another tab, and perhaps not stored: new ones, and those that were new a while ago. */
  readonly #strange = new Set<string>();
  #doubted = new Set<string>();
  #doubt: ReturnType<typeof setTimeout> | undefined;

  constructor(desk: Desk, placed: () => void) {
    this.#desk = desk;
    this.#placed = placed;
    desk.replica.client = desk.house.newClient();
  }

  close(): void {
    clearTimeout(this.#hole);
    clearTimeout(this.#doubt);
  }

  /** A mutation was made here; `retried` was taken off the rejected list for it. True if there is something to {@link save} that was not before. */
  queued(item: Item, retried: string | undefined): boolean {
    this.#unsaved.push(item);
    if (retried !== undefined) this.#retried.push(retried);
    this.#desk.post("made", { id: item.id, body: item.body, retried });
    return this.#unsaved.length === 1;
  }

  /** Another tab has made a mutation. */
  made(id: unknown, body: unknown, retried: unknown): void {
    if (typeof id !== "string" || typeof body !== "string" || this.#done.has(id)) return;
    if (typeof retried === "string") this.#desk.step(this.#desk.replica.discard(retried, true));
    this.#desk.step(this.#desk.replica.adopt(id, read(body, this.#desk.spoken())));
    this.#strange.add(id);
    this.#doubt ??= setTimeout(() => this.#disown(), DOUBT);
  }

  /** Gives places where nothing is stored. */
  place(): void {
    this.#desk.step(this.#desk.replica.place(this.#unsaved.splice(0).map((item) => [item, ++this.#order])));
    this.#retried = [];
    this.#placed();
  }

  /** Stores what is not stored yet. */
  async save(): Promise<void> {
    const { vault, replica, refilling } = this.#desk;
    if (vault === undefined || refilling) return;
    const items = this.#unsaved.filter((item) => item.order >= UNSAVED && replica.queue.get(item.id) === item);
    this.#unsaved = [];
    const retried = this.#retried.splice(0);
    if (items.length === 0) return;
    let saved: Awaited<ReturnType<Vault["save"]>>;
    try {
      saved = await vault.save(items.map((item) => ({ id: item.id, body: item.body })), retried);
    } catch (error) {
      for (const item of items) item.stored(error as Error);
      this.#unsaved.unshift(...items);
      this.#retried.unshift(...retried);
      throw error;
    }
    for (const item of items) item.stored();
    this.#desk.post("saved", saved);
    if (saved.client === replica.client) {
      this.#known(saved.stored);
    } else if (!this.#rewriting) {
      for (const item of saved.stored) this.#early.set(item.wire, item);
      await this.#desk.resync();
    }
  }

  /** Another tab has stored mutations. Those under another client id were overtaken by a {@link rewrite}, which tells of them. */
  saved(client: unknown, stored: readonly Stored[]): void {
    this.#news?.push({ client, stored });
    if (client === this.#desk.replica.client) this.#known(stored);
  }

  /** Places those before which nothing is unknown. */
  #known(stored: readonly Stored[]): void {
    const { replica } = this.#desk;
    const { queue } = replica;
    for (const item of stored) if (item.wire > queue.wire) this.#early.set(item.wire, item);
    let placed = false;
    for (;;) {
      const row = this.#row();
      this.#adopt(row);
      placed ||= row.length > 0;
      const next = this.#early.get(queue.wire + 1);
      if (next === undefined || !this.#done.has(next.id)) break;
      this.#early.delete(next.wire);
      queue.skip((this.#numbered = next.wire));
    }
    clearTimeout(this.#hole);
    this.#hole = this.#early.size === 0 ? undefined : setTimeout(() => void this.#desk.run(() => this.#desk.resync()), HOLE);
    if (placed) this.#placed();
  }

  /** Takes what is to be placed next: what follows on the last wire id without a gap, up to something that is done with, or has its place already. */
  #row(): Stored[] {
    const { queue } = this.#desk.replica;
    const row: Stored[] = [];
    for (let wire = queue.wire + 1; ; wire++) {
      const next = this.#early.get(wire);
      if (next === undefined || this.#done.has(next.id) || (queue.get(next.id)?.order ?? UNSAVED) < UNSAVED) return row;
      this.#early.delete(wire);
      row.push(next);
      this.#numbered = wire;
    }
  }

  /** Places what is stored, in this order, and shows of it what does not show yet. */
  #adopt(stored: readonly Stored[]): void {
    const { replica } = this.#desk;
    const rows: [Item, number][] = [];
    for (const { id, order, body } of stored) {
      this.#desk.step(replica.adopt(id, read(body, this.#desk.spoken())));
      const item = replica.queue.get(id);
      if (item !== undefined && item.order >= UNSAVED) rows.push([item, order]);
    }
    if (rows.length > 0) this.#desk.step(replica.place(rows));
  }

  /** From now on the store is read, for {@link requeue}: what others store meanwhile may not be in what is read. */
  listen(): void {
    this.#news = [];
  }

  /** Makes the queue and the rejected list what the store has. True if that is sent under another client id than before. */
  requeue({ count, queue, rejected }: Pending): boolean {
    const { replica } = this.#desk;
    const renamed = replica.client !== count.client;
    replica.client = count.client;
    this.#numbered = count.wire;
    // The leader may be done with what was stored before this tab has looked: it is in the store, or done with.
    for (const { id, order } of this.#early.values()) {
      const item = replica.queue.get(id);
      if (item !== undefined) this.#desk.step(replica.keep(item, order));
    }
    this.#early.clear();
    for (const { id, body, outcome, at } of rejected) this.#desk.step(replica.adoptRejected(id, read(body, this.#desk.spoken()), outcome, at));
    const there = new Set(rejected.map(({ id }) => id));
    for (const { id } of replica.rejected()) if (!there.has(id)) this.#desk.step(replica.discard(id, true));
    const newer = (this.#news ?? []).flatMap(({ client, stored }) => (client === count.client ? stored : [])).filter(({ wire }) => wire > count.wire);
    this.#desk.step(replica.requeue(queue.map((item) => ({ ...item, prepared: read(item.body, this.#desk.spoken()) })), count.wire, new Set(newer.map(({ id }) => id))));
    this.#news = undefined;
    this.#known(newer);
    this.#placed();
    return renamed;
  }

  /** A mutation is done with: news of it that come late must not bring it back. */
  finished(id: string): void {
    this.#done.add(id);
    if (this.#done.size <= DONE) return;
    for (const oldest of this.#done) {
      this.#done.delete(oldest);
      return;
    }
  }

  /** The mutations that this tab knows to be done with, and those that are stored. */
  get known(): readonly string[] {
    return [...this.#done, ...[...this.#desk.replica.queue.items()].filter(({ order }) => order < UNSAVED).map(({ id }) => id)];
  }

  /** The queue was renumbered, under a new client id if `fresh`: {@link rewrite} must follow. */
  renumbered(fresh: boolean): void {
    const { replica, house } = this.#desk;
    if (fresh) replica.client = house.newClient();
    this.#rewriting = true;
    this.#desk.step(replica.replay()); // ids that calls make follow from those on the wire
  }

  /** The store is another one: it knows of nothing, but for what tabs that were opened since have put there. */
  emptied(): void {
    this.#numbered = 0;
  }

  /** Makes the store's queue what this one is, the leader's. */
  async rewrite(): Promise<void> {
    this.#rewriting = false;
    const { vault, house, replica } = this.#desk;
    if (vault === undefined || house.epoch === undefined) return;
    for (;;) {
      const { count, queue } = await vault.pending();
      // What other tabs have stored and this one has not heard of; all else is here, or done with.
      this.#adopt(queue.filter(({ id, wire }) => wire > this.#numbered && !this.#done.has(id)));
      this.#numbered = count.wire;
      if (await this.#write(vault, house.epoch, count)) break;
    }
    this.#numbered = replica.queue.wire;
    this.#desk.post("stale");
    this.#placed(); // also what was found there
  }

  #write(vault: Vault, epoch: number, count: Count): Promise<boolean> {
    const { queue, client } = this.#desk.replica;
    const items = [...queue.items()]
      .filter(({ order }) => order < UNSAVED)
      .map((item) => ({ id: item.id, order: item.order, wire: item.outcome === undefined ? item.wire : 0, body: item.body }));
    return vault.rewrite(epoch, count, client, queue.wire, items);
  }

  /** The leader has filled another store; what it cannot have known of must be stored again. */
  reclaim({ known = [], queue }: Pending): void {
    const there = new Set([...known, ...queue.map(({ id }) => id), ...this.#done]);
    for (const item of this.#desk.replica.queue.items()) {
      if (!item.mine || item.order >= UNSAVED || there.has(item.id)) continue;
      this.#desk.step(this.#desk.replica.displace(item));
      this.#unsaved.push(item);
    }
  }

  /** The rejected list, or these of it, as it is stored. */
  rejected(ids?: readonly string[]): StoredRejection[] {
    const { replica } = this.#desk;
    const of = ids && new Set(ids);
    return replica.rejected().filter(({ id }) => of?.has(id) ?? true).map(({ id, outcome, at }) => ({ id, outcome, at, body: replica.refused(id).body }));
  }

  /** Takes out what another tab has made and not stored: it is gone. If it is only slow, it will tell again. */
  #disown(): void {
    const old = this.#doubted;
    this.#doubted = new Set(this.#strange);
    this.#strange.clear();
    for (const id of old) {
      const item = this.#desk.replica.queue.get(id);
      if (item !== undefined && item.order >= UNSAVED) this.#desk.step(this.#desk.replica.disown(item));
    }
    this.#doubt = this.#doubted.size === 0 ? undefined : setTimeout(() => this.#disown(), DOUBT);
  }
}

/** A mutation from its wire form; it was checked when it was made. */
function read(body: string, spoken: View): Prepared {
  const { ops, reads, call, args, now, v = {} } = JSON.parse(`{${body}}`) as { ops: Op[]; reads?: Reads; call?: string; args?: Json; now: number; v?: Versions };
  if (call !== undefined) return prepareCall(call, args, now, NOLIMITS);
  const prepared = prepare(ops, reads, NOLIMITS, v);
  // What was made at another version is sent as it is, and cannot be shown.
  return others(ops.map(({ in: name }) => ({ in: name, v: v[name] ?? 1 })), spoken).length === 0 ? prepared : { ...prepared, steps: [] };
}
