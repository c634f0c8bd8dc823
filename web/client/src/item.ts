import type { Call, Mutation, MutationState, Op, Outcome, StatusError } from "./api.js";
import { RejectedError, SynclineError } from "./errors.js";
import type { Key } from "./key.js";
import type { Play } from "./player.js";
import type { Prepared } from "./prepare.js";

/** Orders from here on are those of mutations that are not in the store yet: behind all that are. */
export const UNSAVED = 2 ** 40;

/** Why nothing more is made, and nothing to be learnt of what was, if there is no other reason. */
export const CLOSED: StatusError = { code: "closed", message: "the space was closed" };

/**
 * A mutation from its making to its end. The application sees it as
 * {@link Mutation}; only the replica calls what goes beyond that.
 */
export class Item implements Mutation {
  readonly id: string;
  readonly prepared: Prepared;
  readonly mine: boolean;
  /** Its place in the queue, in the space and for good once it is saved. Places are ascending, not without gaps. */
  order: number;
  /** The id on the wire, 0 while there is none. Changes when the replica takes a new client id. */
  wire = 0;
  /** `applied` or `duplicate`, known but not yet seen in a diff. */
  outcome: Outcome | undefined;
  state: MutationState = "queued";
  /** What the call did when it was last played; undefined for what is none, or was not. */
  played: Play | undefined;
  readonly saved: Promise<void>;
  /** It is in the store, or could not be put there. */
  stored!: (error?: Error) => void;
  #settle: ((end: Outcome | Error) => void) | undefined;
  #confirmed: Promise<Outcome> | undefined;
  #end: Outcome | Error | undefined;

  constructor(id: string, order: number, prepared: Prepared, mine: boolean) {
    this.id = id;
    this.order = order;
    this.prepared = prepared;
    this.mine = mine;
    this.saved = new Promise((resolve, reject) => (this.stored = (error) => (error ? reject(error) : resolve())));
    this.saved.catch(() => undefined); // as with confirmed
  }

  get ops(): readonly Op[] {
    return this.played?.ops ?? this.prepared.ops;
  }

  get call(): Call | undefined {
    return this.prepared.call;
  }

  /** The entries that it names, or, as a call, has changed. */
  get keys(): Iterable<Key> {
    return this.played?.made.keys() ?? this.prepared.steps.map((step) => step.key);
  }

  /** How it is stored. */
  get body(): string {
    return this.prepared.stored ?? this.prepared.body;
  }

  get confirmed(): Promise<Outcome> {
    if (this.#confirmed === undefined) {
      this.#confirmed = new Promise((resolve, reject) => (this.#settle = (end) => (end instanceof Error ? reject(end) : resolve(end))));
      this.#confirmed.catch(() => undefined); // a look at it is no promise to handle it
      this.#report();
    }
    return this.#confirmed;
  }

  /** Confirmed state holds it. */
  apply(outcome: Outcome): void {
    this.state = "applied";
    this.#finish(outcome);
  }

  /** The server refused it. */
  refuse(outcome: Outcome): void {
    this.state = "rejected";
    this.#finish(new RejectedError(outcome));
  }

  /** Nobody will learn its end here. */
  abandon({ code, message } = CLOSED): void {
    const error = new SynclineError(code, message);
    this.stored(error);
    this.#finish(error);
  }

  #finish(end: Outcome | Error): void {
    this.#end ??= end;
    this.#report();
  }

  #report(): void {
    if (this.#end !== undefined) this.#settle?.(this.#end);
  }
}
