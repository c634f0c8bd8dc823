import type { CheckResult } from "./api.js";
import { SynclineError } from "./errors.js";
import type { Replica } from "./replica.js";
import { seqOf, type Checked } from "./wire.js";

/** How often the question is put again because the replica had moved on. */
const TRIES = 10;

interface Running {
  readonly promise: Promise<CheckResult>;
  readonly resolve: (result: CheckResult) => void;
  readonly reject: (error: Error) => void;
}

/** Compares a replica with what the server says of it. One comparison at a time; who asks meanwhile gets the same answer. */
export class Audit {
  readonly #replica: Replica;
  readonly #ask: () => void;
  readonly #differs: () => void;
  #running: Running | undefined;
  /** An answer for a cursor that the replica has yet to reach. */
  #answer: Checked | undefined;
  #tries = 0;

  /** `ask` sends the question; `differs` is called when the answer shows a difference. */
  constructor(replica: Replica, ask: () => void, differs: () => void) {
    this.#replica = replica;
    this.#ask = ask;
    this.#differs = differs;
  }

  start(): Promise<CheckResult> {
    if (this.#running === undefined) {
      let settle!: Omit<Running, "promise">;
      const promise = new Promise<CheckResult>((resolve, reject) => (settle = { resolve, reject }));
      this.#running = { promise, ...settle };
      this.#tries = 0;
      this.#ask();
    }
    return this.#running.promise;
  }

  /** The connection or the view is gone. */
  cancel(): void {
    this.#running?.reject(new SynclineError("not_live", "the connection ended before the answer"));
    this.#running = this.#answer = undefined;
  }

  checked(answer: Checked): void {
    this.#answer = answer;
    this.moved();
  }

  /** The replica may have reached the cursor of the answer. */
  moved(): void {
    const answer = this.#answer;
    if (answer === undefined || this.#running === undefined) return;
    const { count, sum } = this.#replica.checkSum();
    const ok = count === answer.count && sum === answer.sum;
    const ahead = seqOf(answer.at) - this.#replica.seq;
    // What agrees is right, wherever the cursors are: commits that do not concern the view may still be on their way.
    if (!ok && ahead > 0) return;
    this.#answer = undefined;
    if (!ok && ahead < 0) {
      if (++this.#tries < TRIES) this.#ask();
      else this.cancel();
      return;
    }
    this.#running.resolve({ ok, count: answer.count, sum: answer.sum });
    this.#running = undefined;
    if (!ok) this.#differs();
  }
}
