import type { CheckResult, StatusError, View } from "./api.js";
import { Audit } from "./audit.js";
import { SynclineError } from "./errors.js";
import type { Peers } from "./presence.js";
import { Pusher } from "./pusher.js";
import type { Replica, Rows } from "./replica.js";
import type { Member, Session } from "./session.js";
import type { Step } from "./step.js";
import { alike, others, sameView } from "./view.js";
import { seqOf, type Ack, type CastMessage, type DiffMessage, type ErrorMessage, type Opened, type SpaceMessage } from "./wire.js";

const FORBIDDEN: StatusError = { code: "forbidden", message: "you may not see this space; what was here of it is removed" };

/** What a channel tells its space. */
export interface ChannelEvents {
  /** The replica has changed, confirmed rows of it so. */
  step(step: Step, rows?: Rows): void;
  /** The phase or the error may have changed. */
  status(): void;
  cast(message: CastMessage): void;
  /** What is held is what may be seen, by an answer of the server's to what it was asked then. */
  contact(asked: number): void;
}

/** Under which client id the queue is sent. */
export interface Identity {
  readonly client: string;
  /** The view that the replica's cursor was made with, if it comes from a store. */
  readonly view: View;
  /** The queue has other ids now, under a new client id if `fresh`. Undefined, or resolves when that is stored. */
  rewrite(fresh: boolean): Promise<void> | undefined;
}

/** `down`: no connection; `opening`: the server has not answered `open`; `stopped`: an error that does not pass by itself. */
export type Phase = "down" | "opening" | "syncing" | "live" | "stopped";

/** The conversation about one space over the session's connections. It feeds the replica and sends its queue. */
export class Channel implements Member {
  readonly path: string;
  readonly #session: Session;
  readonly #replica: Replica;
  readonly #peers: Peers;
  #presence: boolean;
  readonly #identity: Identity;
  readonly #events: ChannelEvents;
  readonly #pusher: Pusher;
  readonly #audit: Audit;
  #view: View;
  /** The view that the replica's cursor was made with. */
  #was: View | undefined;
  #viewID: string | undefined;
  #phase: Phase = "down";
  #error: StatusError | undefined;
  /** How many `open` the server has yet to answer. What comes until the last answer belongs to an older one. */
  #unanswered = 0;
  /** The commit up to which catching up goes. */
  #head = 0;
  #forked = false;
  /** The server has said that a reset comes: until it is there no other diff fits. */
  #due = false;
  /** The wire id to push from, once the reset after a fork is applied. */
  #next = 1;
  /** Failures in a row without progress. */
  #trouble = 0;
  #reopen: ReturnType<typeof setTimeout> | undefined;
  #synced: number | null = null;
  /** When the last `open` was sent. */
  #asked = 0;

  constructor(
    path: string, view: View, presence: boolean, session: Session, replica: Replica, peers: Peers, identity: Identity, events: ChannelEvents,
  ) {
    this.path = path;
    this.#view = view;
    this.#presence = presence;
    this.#session = session;
    this.#replica = replica;
    this.#peers = peers;
    this.#identity = identity;
    this.#events = events;
    this.#pusher = new Pusher(path, session, replica.queue, (bytes) =>
      this.#stop({ code: "too_large", message: `a mutation of ${bytes} bytes is over the server's limit of a message` }),
    );
    this.#audit = new Audit(replica, () => this.#send("check"), () => this.#refetch());
  }

  get phase(): Phase {
    return this.#phase;
  }

  get error(): StatusError | undefined {
    return this.#error;
  }

  /** When the replica was last known to be up to date, in milliseconds since 1970. */
  get synced(): number | null {
    return this.#synced;
  }

  get inFlight(): number {
    return this.#replica.queue.inFlight;
  }

  get idle(): boolean {
    return this.#phase === "down";
  }

  get view(): View {
    return this.#view;
  }

  /** The view that the replica's cursor was made with; without parts, nothing is held that could be built upon. */
  get made(): View {
    return this.#was ?? this.#identity.view;
  }

  /** Whether what is wanted of a collection has come, as far as anything has. */
  holds(collection: string): boolean {
    const has = (view: View): boolean => view.some((part) => part.in === collection);
    return this.#replica.seq === 0 || has(this.made) || !has(this.#view);
  }

  /** The view that is wanted from now on, and whether to be told of others' presence. */
  setView(view: View, presence: boolean): void {
    if (presence === this.#presence && sameView(view, this.#view)) return;
    const drop = others(this.made, view);
    this.#view = view;
    this.#presence = presence;
    if (drop.length > 0) {
      this.#was = alike(this.made, view);
      const rows = { drop, put: [], del: [] };
      this.#events.step(this.#replica.absorb({ cursor: undefined, ...rows, applied: [], rejected: [] }), rows);
    }
    if (this.#phase !== "down" && this.#phase !== "stopped") this.#open();
  }

  begin(): void {
    if (this.#phase !== "stopped") this.#open();
  }

  end(): void {
    if (this.#phase === "live") this.#synced = this.#session.heard;
    if (this.#phase !== "stopped") this.#phase = "down";
    this.#quiet();
    this.#pusher.reset();
    this.#replica.queue.rewind();
    this.#peers.end();
  }

  contact(asked: number): void {
    if (this.#phase === "live") this.#events.contact(asked);
  }

  refresh(): void {
    this.#events.status();
  }

  /** Forgets an error that stopped the space. */
  revive(): void {
    if (this.#phase !== "stopped") return;
    this.#phase = "down";
    this.#error = undefined;
  }

  /** The next token is another one: what was forbidden may be allowed. */
  renewed(): void {
    if (this.#error === FORBIDDEN) this.revive();
  }

  pump(): void {
    this.#pusher.pump();
  }

  /** Sends what presence has to say, at once if the space is open. */
  present(): void {
    if (this.#phase !== "syncing" && this.#phase !== "live") return;
    const state = this.#peers.take();
    if (state !== undefined) this.#send("presence", `,"state":${state}`);
  }

  cast(topic: string, data: string): void {
    if (this.#phase === "syncing" || this.#phase === "live") this.#send("cast", `,"topic":${JSON.stringify(topic)},"data":${data}`);
  }

  check(): Promise<CheckResult> {
    if (this.#phase !== "live") return Promise.reject(new SynclineError("not_live", "there is no connection to ask"));
    return this.#audit.start();
  }

  message(message: SpaceMessage): void {
    const forbidden = message.t === "error" && message.code === FORBIDDEN.code;
    if (this.#phase === "down" || (this.#phase === "stopped" && !forbidden)) return;
    switch (message.t) {
      case "opened":
        if (this.#reopen !== undefined && this.#unanswered === 0) return; // another `open` is about to follow
        this.#unanswered = Math.max(0, this.#unanswered - 1);
        if (this.#unanswered === 0) this.#opened(message);
        break;
      case "error":
        this.#failed(message);
        break;
      case "cast":
        this.#events.cast(message);
        break;
      case "present":
        this.#peers.present(message);
        break;
      default: {
        if (this.#phase === "opening") return; // the answer to the last `open` will cover it
        if (message.t === "ack") this.#ack(message);
        else if (message.view !== this.#viewID) return;
        else if (message.t === "diff") this.#diff(message);
        else this.#audit.checked(message);
      }
    }
  }

  #send(type: string, members = ""): void {
    this.#session.send(`{"t":"${type}","space":${JSON.stringify(this.path)}${members}}`);
  }

  /** The cursor to open with. */
  #cursor(): string | undefined {
    return this.#view.length > 0 && this.made.length > 0 ? this.#replica.cursor : undefined;
  }

  #open(): void {
    this.#quiet(this.#unanswered + 1);
    this.#phase = "opening";
    this.#asked = this.#session.now();
    const { queue, scope } = this.#replica;
    const cursor = this.#cursor();
    this.#session.send(
      JSON.stringify({
        t: "open",
        space: this.path,
        client: this.#identity.client,
        acked: queue.acked,
        ...(this.#view.length > 0 && { view: this.#view, drops: true }),
        cursor,
        ...(cursor && { was: sameView(this.made, this.#view) ? undefined : this.made, scope: scope || undefined }),
        presence: this.#presence || undefined,
      }),
    );
    this.#events.status();
  }

  /** Ends what goes on under the present `open`. */
  #quiet(unanswered = 0): void {
    this.#unanswered = unanswered;
    this.#due = false;
    clearTimeout(this.#reopen);
    this.#reopen = undefined;
    this.#pusher.stop();
    this.#audit.cancel();
    this.#replica.interrupt();
  }

  #opened(message: Opened): void {
    const { queue } = this.#replica;
    clearTimeout(this.#reopen);
    this.#reopen = undefined;
    if (message.from !== this.#cursor()) {
      // It answers an `open` that was delivered twice: what follows does not fit what is held now.
      this.#openLater(this.#patience());
      return;
    }
    this.#phase = "syncing";
    this.#viewID = message.view;
    this.#head = seqOf(message.head ?? "0");
    this.#forked ||= message.reason === "forked";
    this.#due ||= message.resume === "reset";
    this.#replica.told = { scope: message.scope, leases: message.leases };
    if (message.last > queue.wire) {
      queue.renumber(); // somebody else has used this id
      this.#rekey();
      return;
    }
    if (message.last < queue.acked) {
      if (!this.#replica.restore(message.last)) {
        this.#rekey();
        return;
      }
      void this.#identity.rewrite(false);
    }
    const viewless = this.#view.length === 0;
    const current = viewless || message.resume === undefined || message.resume === "current";
    this.#take(this.#replica.outcomes(message.outcomes, this.#session.now(), { hold: !current, viewless }));
    this.#peers.begin(message.self);
    this.present();
    this.#next = Math.min(message.last, queue.acked) + 1;
    if (!this.#forked) this.#pusher.start(this.#next); // else after the reset
    if (current) {
      this.#was = this.#view;
      const step = this.#replica.current(message.resume === "current");
      this.#confirmed();
      this.#take(step);
      this.#reached();
    }
    this.#events.status();
  }

  #ack({ outcomes }: Ack): void {
    this.#take(this.#replica.outcomes(outcomes, this.#session.now(), { viewless: this.#view.length === 0 }));
    const upgrade = outcomes.find(({ outcome }) => outcome === "upgrade_required");
    if (upgrade !== undefined) {
      this.#pusher.stop();
      this.#replica.queue.rewind(upgrade.id);
      this.#error = { code: "upgrade_required", message: upgrade.message ?? "this client is too old for the data" };
      this.#events.status();
      return;
    }
    const { acked } = this.#replica.queue;
    const retry = outcomes.find(({ outcome, id }) => outcome === "retry_after" && id > acked);
    if (retry !== undefined) this.#pusher.again(retry.id, this.#patience(retry.retryMs));
    else this.#pusher.pump();
  }

  #diff(diff: DiffMessage): void {
    const result = this.#replica.diff(diff, this.#forked, this.#due);
    switch (result.kind) {
      case "applied":
        this.#due = false;
        this.#progress();
        this.#was = this.#view;
        if (this.#replica.seq >= this.#head) this.#confirmed();
        this.#events.step(result.step, result);
        if (this.#forked && !this.#rejoin()) break;
        if (this.#replica.seq >= this.#head) this.#reached();
        this.#audit.moved();
        this.#events.status();
        break;
      case "gap":
        this.#openLater(this.#patience());
        break;
      case "corrupt":
        this.#refetch();
        break;
      case "nothing":
    }
  }

  /** The other history is here: refuses what was read from the old one. False if that takes a new client id. */
  #rejoin(): boolean {
    this.#forked = false;
    const step = this.#replica.forsake(this.#session.now());
    this.#take(step);
    if (step.rejected.length === 0) {
      this.#pusher.start(this.#next);
      return true;
    }
    this.#replica.queue.renumber();
    this.#rekey();
    return false;
  }

  /** Once for each `open`: before what it has brought is shown, so that it is not hidden first. */
  #confirmed(): void {
    if (this.#phase !== "live") this.#events.contact(this.#asked);
  }

  #reached(): void {
    if (this.#phase !== "live") this.#synced = this.#session.now();
    this.#phase = "live";
    this.#progress();
  }

  #progress(): void {
    this.#trouble = 0;
    if (this.#error?.code !== "upgrade_required") this.#error = undefined;
  }

  /** Hands a step on; one with outcomes is progress. */
  #take(step: Step): void {
    if (step.applied.length + step.rejected.length > 0) this.#progress();
    this.#events.step(step);
  }

  /** The replica is not what it should be: fetches everything anew. */
  #refetch(): void {
    this.#replica.distrust();
    this.#error = { code: "integrity", message: "the replica differed from the server and is fetched anew" };
    this.#openLater(this.#patience());
  }

  /** Milliseconds to wait after a failure; the first one in a row costs nothing unless the server says so. */
  #patience(retryMs?: number): number {
    const n = this.#trouble++;
    return n === 0 && retryMs === undefined ? 0 : this.#session.delay(n, retryMs);
  }

  #openLater(delay: number, stored?: Promise<void>): void {
    this.#quiet();
    this.#phase = "opening";
    const reopen = setTimeout(() => {
      if (stored === undefined) this.#open();
      else void stored.then(() => this.#reopen === reopen && this.#open());
    }, delay);
    this.#reopen = reopen;
    this.#events.status();
  }

  /** Pushes nothing for a while. What was refused may also be the `open` under way: asks again if there is no answer by then. */
  #hold(delay: number): void {
    this.#pusher.again(this.#replica.queue.acked + 1, delay);
    if (this.#phase !== "opening" || this.#unanswered === 0) return;
    clearTimeout(this.#reopen);
    this.#reopen = setTimeout(() => {
      this.#unanswered = 0;
      this.#open();
    }, delay);
  }

  #rekey(): void {
    this.#openLater(this.#patience(), this.#identity.rewrite(true));
  }

  /** Confirmed state is another one than what the server was told of. */
  restart(): void {
    this.#was = undefined;
    if (this.#error === FORBIDDEN) this.#events.step(this.#replica.forget()); // the store was being read
    else if (this.#phase !== "down" && this.#phase !== "stopped") this.#openLater(0);
  }

  #stop(error: StatusError): void {
    this.#quiet();
    this.#phase = "stopped";
    this.#error = error;
    this.#peers.end();
    this.#events.status();
  }

  #failed({ code, message, expected, retryMs }: ErrorMessage): void {
    const { queue } = this.#replica;
    this.#error = { code, message };
    switch (code) {
      case "mutation_gap":
        if (this.#phase === "opening") break;
        if (expected === undefined || expected > queue.acked) this.#pusher.again(queue.acked + 1, this.#patience());
        else this.#openLater(this.#patience()); // `last` will say what the server has lost
        break;
      case "client_mismatch":
      case "client_forked":
        // Of a push from before the present `open`: the acks that came with it were passed over, too.
        if (code === "client_forked" && this.#phase === "opening") break;
        queue.renumber();
        this.#rekey();
        break;
      case "bad_cursor":
        this.#replica.distrust();
        this.#openLater(this.#patience(retryMs));
        break;
      case "rate_limited":
      case "overloaded":
      case "unavailable":
      case "shutting_down":
        this.#hold(this.#patience(retryMs ?? 250));
        break;
      case "not_open":
      case "no_client":
      case "internal":
      case "unknown_session":
      case "server_outdated":
        this.#openLater(this.#patience(retryMs));
        break;
      case FORBIDDEN.code:
        this.#stop(FORBIDDEN);
        this.#events.step(this.#replica.forget());
        return;
      default:
        this.#stop({ code, message });
        return;
    }
    this.#events.status();
  }
}
