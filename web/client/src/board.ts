import type {
  Cast, CheckResult, Doc, Entry, Json, LiveQuery, MutateOptions, Mutation, Op, OpOptions, Presence, Query, QueryStatus, Rejected, Space,
  SpaceEvent, SpaceOptions, Status, StatusError, Tx, UpdateOps, View,
} from "./api.js";
import { Channel } from "./channel.js";
import { Emitter } from "./emitter.js";
import { SynclineError } from "./errors.js";
import type { Home } from "./home.js";
import { CLOSED } from "./item.js";
import { Keeper } from "./keeper.js";
import { Lease, shortest } from "./lease.js";
import { Live } from "./live.js";
import { Orders } from "./orders.js";
import type { Ground, Player } from "./player.js";
import { prepare, prepareCall } from "./prepare.js";
import { checkSize, Peers } from "./presence.js";
import { Relay } from "./relay.js";
import { Replica, type Rows } from "./replica.js";
import type { Session } from "./session.js";
import { sameStatus, type Standing } from "./status.js";
import type { Step } from "./step.js";
import type { Store } from "./store.js";
import type { TabMessage } from "./tabs.js";
import { Transaction } from "./transaction.js";
import { canonical } from "./value.js";
import { Vault } from "./vault.js";
import { ahead, readView, sameView, versionsOf } from "./view.js";

/** How often it is looked what has run out, in milliseconds: the device may have slept. */
const BEAT = 1000;
const START: Standing = { state: "connecting", lastSynced: null, transport: null };

/**
 * A space in this tab: the replica with its live queries, the keeper of it on
 * the side of the store, and, in the tab that leads, the channel to the server.
 */
export class Board implements Space {
  readonly path: string;
  readonly presence: Presence;
  readonly #session: Session;
  readonly #home: Home;
  readonly #mutators: Player | undefined;
  readonly #replica: Replica;
  readonly #keeper: Keeper;
  readonly #channel: Channel;
  readonly #relay: Relay;
  readonly #lease = new Lease();
  readonly #queries = new Set<Live>();
  readonly #orders: Orders;
  readonly #changed = new Emitter();
  readonly #events = new Emitter<[SpaceEvent]>();
  readonly #casts = new Emitter<[Cast]>();
  readonly #left: () => void;
  #view: View;
  /** Why nothing is made here any more. */
  #end: StatusError | undefined;
  #attached = false;
  #pending: readonly Mutation[] | undefined;
  #rejected: readonly Rejected[] | undefined;
  #status: Status;
  #beat: ReturnType<typeof setTimeout> | undefined;

  /** `left` is called when the application closes the space, `outdated` when a newer version of the program has it in another tab. Throws as {@link readView} and {@link Orders}. */
  constructor(path: string, options: SpaceOptions, session: Session, home: Home, left: () => void, outdated: () => void) {
    this.path = path;
    this.#session = session;
    this.#home = home;
    this.#left = left;
    this.#view = readView(options.view);
    const { mutators } = options;
    const ground: Ground = {
      path,
      get user() {
        return session.user;
      },
      get: (collection, id) => (this.#need(collection), this.#replica.get(collection, id)),
      entries: (collection) => (this.#need(collection), this.#replica.entries(collection)),
    };
    this.#mutators = mutators;
    this.#replica = new Replica((call, seed) => mutators?.play(call, seed, ground));
    this.#orders = new Orders((collection) => this.#replica.shown(collection), options.indexes);
    const peers = new Peers(() => (this.#attached ? this.#channel.present() : this.#relay.say()), () => session.limits.presence);
    this.presence = peers;
    this.#keeper = new Keeper(path, this.#replica, home, () => this.#channel.view, {
      step: (step) => this.#take(step),
      placed: () => this.#channel.pump(),
      moved: () => this.#channel.restart(),
      loaded: () => this.#refresh(),
      written: (view) => this.#relay.meet(view),
      whole: (collection) => [...this.#queries].some((live) => live.collection === collection && live.exhaustive),
      term: (term) => this.#lease.load(term),
    });
    this.#channel = new Channel(path, this.#view, options.presence === true, session, this.#replica, peers, this.#keeper, {
      step: (step, rows) => this.#take(step, rows),
      status: () => this.#refresh(),
      contact: (asked) => {
        this.#seen(asked);
        this.#relay.seen(asked);
      },
      cast: ({ session: from, user = "", topic, data = null }) => {
        const cast = { session: from, user, topic, data };
        this.#casts.emit(cast);
        this.#relay.heard(cast);
      },
    });
    this.#relay = new Relay(path, home, peers, this.#channel, {
      standing: () => this.#standing(),
      changed: () => this.#refresh(),
      hear: (cast) => this.#casts.emit(cast),
      outdated,
      contact: () => this.#lease.seen,
      seen: (asked) => this.#seen(asked),
    });
    this.#relay.want(home.tab, this.#view, options.presence === true);
    this.#status = this.#current(START);
  }

  /** What the session talks to. */
  get channel(): Channel {
    return this.#channel;
  }

  get ready(): Promise<void> {
    return this.#keeper.ready;
  }

  put(collection: string, id: string, value: Doc, options?: OpOptions): Mutation {
    return this.#mutate([{ op: "put", in: collection, id, value, ...options }]);
  }

  patch(collection: string, id: string, patch: UpdateOps, options?: OpOptions): Mutation {
    return this.#mutate([{ op: "patch", in: collection, id, patch, ...options }]);
  }

  delete(collection: string, id: string, options?: OpOptions): Mutation {
    return this.#mutate([{ op: "delete", in: collection, id, ...options }]);
  }

  mutate(fn: (tx: Tx) => void, options?: MutateOptions): Mutation {
    this.look();
    const tx = new Transaction(this.#replica, (collection) => this.#need(collection) && this.#channel.holds(collection), options);
    fn(tx);
    return this.#mutate(tx.ops, tx.reads);
  }

  call(name: string, args?: Json): Mutation {
    this.#open();
    this.#mutators?.check(name, args);
    return this.#queued(this.#replica.mutate(prepareCall(name, args, this.#home.now(), this.#session.limits), crypto.randomUUID()));
  }

  get(collection: string, id: string): Entry | undefined {
    this.look();
    this.#need(collection);
    return this.#replica.get(collection, id);
  }

  query(query: Query): LiveQuery {
    this.look();
    const live = new Live(query, this.#orders, (closed) => this.#queries.delete(closed), () => this.look());
    this.#queries.add(live);
    this.#need(query.in);
    live.stand(this.#queryStatus(live), this.#status.lastSynced);
    return live;
  }

  get pending(): readonly Mutation[] {
    const { queue } = this.#replica;
    if (this.#pending?.length !== queue.size) this.#pending = [...queue.items()]; // also what was put back
    return this.#pending;
  }

  get rejected(): readonly Rejected[] {
    return (this.#rejected ??= this.#replica.rejected());
  }

  retry(id: string): Mutation {
    this.#open();
    return this.#queued(this.#replica.retry(id, crypto.randomUUID()), id);
  }

  discard(id: string): void {
    this.#take(this.#replica.discard(id));
    this.#keeper.discarded(id);
  }

  get view(): View {
    return this.#view;
  }

  setView(view: View): void {
    this.#open();
    const read = readView(view);
    if (sameView(read, this.#view)) return;
    if (ahead(this.#view, read) !== 0) throw new SynclineError("bad_name", "an open space stays at its versions");
    this.#view = read;
    this.#relay.want(this.#home.tab, read);
    this.#refresh();
  }

  get status(): Status {
    return this.#status;
  }

  subscribe(fn: () => void): () => void {
    return this.#changed.subscribe(fn);
  }

  onEvent(fn: (event: SpaceEvent) => void): () => void {
    return this.#events.subscribe(fn);
  }

  cast(topic: string, data: Json): void {
    const text = checkSize(canonical(data), this.#session.limits.presence);
    if (this.#attached) this.#channel.cast(topic, text);
    else this.#relay.cast(topic, text);
  }

  onCast(fn: (cast: Cast) => void): () => void {
    return this.#casts.subscribe(fn);
  }

  async check(): Promise<CheckResult> {
    if (this.#home.epoch === undefined) return this.#relay.check();
    await this.#keeper.needAll(this.#view.map((part) => part.in));
    return this.#channel.check();
  }

  /** Refuses what is made from now on, and follows nothing; what shows stays, for as long as it may. Resolves when what was made is stored, if it can be. */
  async retire(why: StatusError): Promise<void> {
    this.#end = why;
    this.#detach();
    this.#refresh();
    await this.#keeper.retire().catch(() => undefined); // what could not be stored says so itself
    this.#abandon();
  }

  close(): void {
    if (this.#end === CLOSED) return;
    this.#end = CLOSED;
    clearTimeout(this.#beat);
    this.#detach();
    this.#relay.leave(this.#home.tab);
    this.#left();
    this.#keeper.close();
    this.#abandon();
    this.#refresh();
    for (const live of this.#queries) live.close();
    this.#casts.clear();
    this.#events.clear();
    this.#changed.clear();
  }

  #abandon(): void {
    for (const item of this.#replica.queue.items()) item.abandon(this.#end);
  }

  /** There is a store, or none. */
  begin(store: Store | undefined): void {
    this.#keeper.open(store && new Vault(store, this.path, () => this.#home.newClient()));
  }

  /** This tab leads: its store and connection are this space's, too. */
  async lead(): Promise<void> {
    const { epoch } = this.#home;
    const same = this.#keeper.lead();
    if (same !== undefined) await same;
    if (this.#end || this.#attached || epoch === undefined || epoch !== this.#home.epoch) return;
    this.#attached = true;
    this.#channel.restart(); // another leader may have had another view
    this.#session.add(this.#channel);
    this.#refresh();
  }

  /** Another tab leads. */
  follow(): void {
    this.#detach();
    this.#keeper.follow();
    this.#relay.follow();
    this.#refresh();
  }

  #detach(): void {
    if (this.#attached) this.#session.remove(this.#channel);
    this.#attached = false;
    this.#channel.end();
    this.#channel.revive();
  }

  /** Whether a tab still wants the space. */
  get wanted(): boolean {
    return this.#relay.wanted;
  }

  /** Tells a leader again what this tab wants. */
  want(): void {
    this.#relay.want(this.#home.tab, this.#view);
  }

  /** A tab has gone, or does not want the space. */
  gone(tab: string): void {
    this.#relay.leave(tab);
  }

  message(message: TabMessage, from: string): void {
    this.look();
    if (!this.#relay.message(message, from)) this.#keeper.message(message);
  }

  /** Hides what may not be shown any longer. To be called before anything shows. */
  look(): void {
    const step = this.#lapse();
    if (step !== undefined) this.#show(step);
  }

  /** Makes what the replica hides follow from the leases; the step of that, if it is other than before. */
  #lapse(): Step | undefined {
    const { leases } = this.#replica;
    if (leases === undefined && this.#lease.hidden.length === 0) return undefined; // this runs on each look
    return this.#lease.pass(this.#home.now(), leases) ? this.#replica.hide(this.#lease.hidden) : undefined;
  }

  /** Looks now and then, as long as there is a lease. */
  #tick(): void {
    clearTimeout(this.#beat);
    this.#beat = undefined;
    this.look();
    const { leases } = this.#replica;
    if (leases === undefined || this.#end === CLOSED) return;
    if (this.#attached && this.#lease.asks(leases)) this.#session.ask();
    if (this.#lease.due(leases)) this.#keeper.keep(this.#lease.term);
    this.#beat = setTimeout(() => this.#tick(), Math.min(BEAT, shortest(leases) / 4));
  }

  /** The server has answered what it, or the tab that leads, was asked then. */
  #seen(asked: number): void {
    this.#lease.contact(asked, this.#home.now());
    this.look();
  }

  #need(collection: string): boolean {
    this.#keeper.need(collection);
    return this.#keeper.loaded(collection);
  }

  #open(): void {
    if (this.#end) throw new SynclineError(this.#end.code, this.#end.message);
  }

  #mutate(ops: readonly Op[], reads?: Parameters<typeof prepare>[1]): Mutation {
    this.#open();
    const prepared = prepare(ops, reads, this.#session.limits, versionsOf(this.#view));
    for (const op of ops) this.#need(op.in);
    return this.#queued(this.#replica.mutate(prepared, crypto.randomUUID()));
  }

  #queued({ item, step }: ReturnType<Replica["mutate"]>, retried?: string): Mutation {
    this.#keeper.queued(item, retried);
    this.#take(step);
    return item;
  }

  /** Brings queries and status up to date with the replica, and then tells the application. A channel's step has rows. */
  #take(step: Step, rows?: Rows): void {
    if (this.#attached) this.#keeper.record(step, this.#channel.made, rows);
    const lists = step.queued.length + step.applied.length + step.rejected.length + step.forgotten.length > 0;
    if (lists) {
      this.#pending = this.#rejected = undefined;
      this.#home.unsent(this.path, this.#replica.queue.size);
    }
    this.#show(this.#lapse() ?? step, lists); // what is hidden or shown again is computed anew, with the step in it
    if (this.#replica.leases && this.#beat === undefined) this.#tick();
    if (this.#events.used) this.#report(step, rows);
  }

  #show(step: Step, lists = false): void {
    this.#orders.take(step);
    const changed = step.reset || step.changes.length > 0 ? [...this.#queries].filter((live) => live.update(step)) : [];
    this.#refresh(lists);
    for (const live of changed) live.notify();
  }

  #report(step: Step, rows: Rows | undefined): void {
    const at = this.#home.now();
    for (const mutation of step.queued) this.#events.emit({ kind: "queued", at, mutation, changes: step.changes });
    for (const mutation of step.applied) this.#events.emit({ kind: "applied", at, mutation });
    for (const rejected of step.rejected) this.#events.emit({ kind: "rejected", at, rejected });
    if (rows === undefined && !step.reset) return;
    const { drop, put = [], del = [] } = rows ?? {};
    const removed = drop === undefined ? del.length : step.changes.filter(({ after }) => after === undefined).length;
    this.#events.emit({ kind: "commit", at, seq: this.#replica.seq, changed: put.length, removed, reset: step.reset });
  }

  #refresh(lists = false): void {
    const status = this.#current(this.#standing());
    const same = sameStatus(status, this.#status);
    if (!same) this.#status = status;
    if (!same || lists) this.#changed.emit();
    if (!same && !this.#end) this.#relay.tell(); // how it ends here is no business of others
    for (const live of this.#queries) if (live.stand(this.#queryStatus(live), this.#status.lastSynced)) live.notify();
  }

  /** How this tab, or the one that leads, stands to the server. */
  #standing(): Standing {
    if (this.#end) return { ...START, state: "stopped", ...(this.#end !== CLOSED && { error: this.#end }) };
    const { synced } = this.#keeper;
    if (!this.#attached) {
      const told = this.#relay.standing ?? START;
      return { ...told, lastSynced: told.lastSynced ?? synced };
    }
    const error = this.#session.error ?? this.#channel.error;
    const { phase } = this.#channel;
    const { state: session } = this.#session;
    const state = phase === "stopped" ? phase : session !== "connected" ? session : phase === "live" ? phase : "syncing";
    return { state, lastSynced: this.#channel.synced ?? synced, transport: this.#session.transport, ...(error && { error }) };
  }

  #current(standing: Standing): Status {
    const { hidden } = this.#lease;
    return { ...standing, ...(hidden.length > 0 && { expired: hidden }), pending: this.#replica.queue.size, rejected: this.#replica.rejectedCount, storage: this.#home.storage };
  }

  #queryStatus(live: Live): QueryStatus {
    if (this.#replica.hides(live.collection)) return "expired";
    if (!this.#keeper.loaded(live.collection)) return "loading";
    const { state } = this.#status;
    if (state === "live") return "live";
    return state === "syncing" || state === "connecting" ? "stale" : "offline";
  }
}
