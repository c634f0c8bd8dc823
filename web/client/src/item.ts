import type { Mutation, MutationState, Op, Outcome } from "./api.js";
import { RejectedError, SynclineError } from "./errors.js";
import type { Prepared } from "./prepare.js";

/**
 * A mutation from its making to its end. The application sees it as
 * {@link Mutation}; only the replica calls what goes beyond that.
 */
export class Item implements Mutation {
  readonly id: number;
  readonly prepared: Prepared;
  /** The id on the wire. Changes when the replica takes a new client id. */
  wire: number;
  /** `applied` or `duplicate`, known but not yet seen in a diff. */
  outcome: Outcome | undefined;
  state: MutationState = "queued";
  #settle: { resolve(outcome: Outcome): void; reject(error: Error): void } | undefined;
  #confirmed: Promise<Outcome> | undefined;
  #end: Outcome | Error | undefined;

  constructor(id: number, wire: number, prepared: Prepared) {
    this.id = id;
    this.wire = wire;
    this.prepared = prepared;
  }

  get ops(): readonly Op[] {
    return this.prepared.ops;
  }

  get confirmed(): Promise<Outcome> {
    if (this.#confirmed === undefined) {
      this.#confirmed = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
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

  /** Nobody will learn its end. */
  abandon(): void {
    this.#finish(new SynclineError("closed", "closed before the mutation was confirmed"));
  }

  #finish(end: Outcome | Error): void {
    this.#end ??= end;
    this.#report();
  }

  #report(): void {
    if (this.#end === undefined || this.#settle === undefined) return;
    if (this.#end instanceof Error) this.#settle.reject(this.#end);
    else this.#settle.resolve(this.#end);
  }
}
