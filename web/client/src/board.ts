import type {
  Cast, CheckResult, Doc, Entry, Json, LiveQuery, MutateOptions, Mutation, Op, OpOptions, Presence, Query, Rejected, Space, SpaceOptions,
  Status, SyncState, Tx, UpdateOps, View,
} from "./api.js";
import { Channel } from "./channel.js";
import { Emitter } from "./emitter.js";
import { SynclineError } from "./errors.js";
import { checkCollection } from "./key.js";
import { Live } from "./live.js";
import { prepare } from "./prepare.js";
import { checkSize, Peers } from "./presence.js";
import { Replica } from "./replica.js";
import { parseSelector } from "./selector.js";
import type { Session } from "./session.js";
import { sameStatus } from "./status.js";
import type { Step } from "./step.js";
import { Transaction } from "./transaction.js";
import { canonical } from "./value.js";

/** A space: the replica with its live queries on one side, the channel to the server on the other. */
export class Board implements Space {
  readonly path: string;
  readonly presence: Presence;
  readonly #session: Session;
  readonly #replica = new Replica();
  readonly #channel: Channel;
  readonly #queries = new Set<Live>();
  readonly #changed = new Emitter();
  readonly #casts = new Emitter<[Cast]>();
  readonly #left: () => void;
  #closed = false;
  #pending: readonly Mutation[] | undefined;
  #rejected: readonly Rejected[] | undefined;
  #status: Status = { state: "connecting", lastSynced: null, pending: 0, rejected: 0, transport: null };

  /** `left` is called when the application closes the space. Throws as {@link readView}. */
  constructor(path: string, options: SpaceOptions, session: Session, left: () => void) {
    this.path = path;
    this.#session = session;
    this.#left = left;
    const peers = new Peers(() => this.#channel.present(), () => session.limits.presence);
    this.presence = peers;
    this.#channel = new Channel(path, readView(options.view), options.presence === true, session, this.#replica, peers, {
      step: (step) => this.#take(step),
      status: () => this.#refresh(),
      cast: ({ session, user = "", topic, data = null }) => this.#casts.emit({ session, user, topic, data }),
    });
  }

  /** What the session and the client talk to. */
  get channel(): Channel {
    return this.#channel;
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
    const tx = new Transaction(this.#replica, options);
    fn(tx);
    return this.#mutate(tx.ops, tx.reads);
  }

  get(collection: string, id: string): Entry | undefined {
    return this.#replica.get(collection, id);
  }

  query(query: Query): LiveQuery {
    const live = new Live(query, () => this.#replica.entries(query.in), (closed) => this.#queries.delete(closed));
    this.#queries.add(live);
    return live;
  }

  get pending(): readonly Mutation[] {
    return (this.#pending ??= [...this.#replica.queue.items()]);
  }

  get rejected(): readonly Rejected[] {
    return (this.#rejected ??= this.#replica.rejected());
  }

  retry(id: number): Mutation {
    this.#open();
    return this.#queued(this.#replica.retry(id));
  }

  discard(id: number): void {
    this.#take(this.#replica.discard(id));
  }

  get view(): View {
    return this.#channel.view;
  }

  setView(view: View): void {
    this.#open();
    const read = readView(view);
    if (!sameView(read, this.view)) this.#channel.setView(read);
  }

  get status(): Status {
    return this.#status;
  }

  subscribe(fn: () => void): () => void {
    return this.#changed.subscribe(fn);
  }

  cast(topic: string, data: Json): void {
    this.#channel.cast(topic, checkSize(canonical(data), this.#session.limits.presence));
  }

  onCast(fn: (cast: Cast) => void): () => void {
    return this.#casts.subscribe(fn);
  }

  check(): Promise<CheckResult> {
    return this.#channel.check();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#left();
    this.#channel.end();
    for (const item of this.#replica.queue.items()) item.abandon();
    this.#refresh();
    for (const live of this.#queries) live.close();
    this.#casts.clear();
    this.#changed.clear();
  }

  #open(): void {
    if (this.#closed) throw new SynclineError("closed", "the space was closed");
  }

  #mutate(ops: readonly Op[], reads?: Parameters<typeof prepare>[1]): Mutation {
    this.#open();
    return this.#queued(this.#replica.mutate(prepare(ops, reads, this.#session.limits)));
  }

  #queued({ item, step }: ReturnType<Replica["mutate"]>): Mutation {
    this.#channel.pump();
    this.#take(step);
    return item;
  }

  /** Brings queries and status up to date with the replica, and then tells the application. */
  #take(step: Step): void {
    const lists = step.queued.length + step.applied.length + step.rejected.length + step.forgotten.length > 0;
    if (lists) this.#pending = this.#rejected = undefined;
    const changed = step.reset || step.changes.length > 0 ? [...this.#queries].filter((live) => live.update(step)) : [];
    this.#refresh(lists);
    for (const live of changed) live.notify();
  }

  #refresh(lists = false): void {
    const status = this.#current();
    if (sameStatus(status, this.#status)) {
      if (lists) this.#changed.emit();
      return;
    }
    this.#status = status;
    this.#changed.emit();
  }

  #current(): Status {
    const error = this.#session.error ?? this.#channel.error;
    return {
      state: this.#closed ? "stopped" : this.#state(),
      lastSynced: this.#channel.synced,
      pending: this.#replica.queue.size,
      rejected: this.#replica.rejectedCount,
      transport: this.#session.transport,
      ...(error && { error }),
    };
  }

  #state(): SyncState {
    if (this.#channel.phase === "stopped") return "stopped";
    if (this.#session.state !== "connected") return this.#session.state;
    return this.#channel.phase === "live" ? "live" : "syncing";
  }
}

/** A private copy of the application's view, in its normal form. Throws `bad_name`, and ValueError for a selector. */
export function readView(view: View): View {
  if (!Array.isArray(view) || view.length > 32) throw new SynclineError("bad_name", "a view is a list of at most 32 parts");
  return (view as View).map(({ in: collection, where }) => {
    checkCollection(collection);
    if (where === undefined) return { in: collection };
    return { in: collection, where: JSON.parse(parseSelector(where).toString()) as NonNullable<typeof where> };
  });
}

/** Whether two views from {@link readView} are the same. */
export function sameView(a: View, b: View): boolean {
  return canonical(a) === canonical(b);
}
