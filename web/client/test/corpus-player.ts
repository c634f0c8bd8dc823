import { vi } from "vitest";
import type { Op, Reads, Rejected, Space, Tx, View } from "../src/api.js";
import type { CarrierEvents, Dial, Dials } from "../src/carrier.js";
import { Client } from "../src/client.js";
import { canonical } from "../src/value.js";
import type { Event, Recording, Refusal, Row, Sent } from "./corpus-file.js";

const COLLECTIONS = ["cards", "marks", "members", "notes", "pair", "register"] as const;

/** What clients send, as far as it is looked at. */
interface Message {
  readonly t: string;
  readonly client?: string;
  readonly acked?: number;
  readonly cursor?: string;
  readonly view?: View;
  readonly was?: View;
  readonly muts?: readonly { readonly id: number; readonly ops: readonly Op[]; readonly reads?: unknown }[];
}

/** A message that was sent, with the view of an `open`, or one mutation of a push. */
export interface Seen {
  readonly sent: Sent;
  readonly view?: View | undefined;
}

/** The state of a client, in the terms of the file. */
export interface Shown {
  readonly rows: readonly Row[];
  readonly pending: readonly number[];
  readonly rejected: readonly Refusal[];
  readonly live: boolean;
}

/** A client that is fed with a recording: its API on one side, a carrier on the other. Timers must be fake. */
export class Player {
  /** What must not be, whatever the recording says. */
  readonly faults: string[] = [];
  readonly #client: Client;
  readonly #space: Space;
  readonly #pushed: number;
  /** The end of the connection that is being made or used. */
  #carrier: CarrierEvents | undefined;
  /** Lets the client say hello: it waits for a token until a connection begins in the recording, too. */
  #greet: () => void = () => undefined;
  #made = 0;
  /** Numbers of mutations by their operations, and what they read. */
  readonly #numbers = new Map<string, number>();
  readonly #reads = new Map<number, string>();
  readonly #ids = new Map<string, number>();
  #id = 0;
  #seen: Seen[] = [];

  constructor({ view, pushed }: Recording) {
    this.#pushed = pushed;
    const options = {
      url: "http://fake",
      user: "ada",
      transports: ["websocket" as const],
      // No pause after a failure, and what the server asks for to the millisecond: as in the simulator.
      random: () => 0,
      token: () => new Promise<string>((resolve) => (this.#greet = () => resolve("token"))),
    };
    this.#client = new Client(options, this.#dials());
    this.#space = this.#client.space("sim/one", { view });
  }

  /** Lets happen what the event says, and what follows from it at once. */
  async play(event: Event): Promise<void> {
    const later = Math.floor(event.at) - Date.now();
    if (later > 0) await vi.advanceTimersByTimeAsync(later);
    if (event.on) await this.#connect();
    else if (event.off) this.#cut();
    else if (event.frame !== undefined) this.#carrier?.messages(JSON.stringify(event.frame));
    else if (event.mutate !== undefined) this.#mutate(event.mutate);
    else if (event.retry !== undefined) this.#retry(event.retry, event.reads);
    else if (event.discard !== undefined) this.#space.discard(this.#refused(event.discard).id);
    else if (event.view !== undefined) this.#space.setView(event.view);
    await settle();
  }

  /** What was sent since the last call. */
  take(): Seen[] {
    return this.#seen.splice(0);
  }

  shown(): Shown {
    const rows: Row[] = [];
    for (const collection of COLLECTIONS) {
      const query = this.#space.query({ in: collection });
      for (const entry of query.rows) {
        if (this.#space.get(collection, entry.id) !== entry) this.faults.push(`query and get differ on ${collection}/${entry.id}`);
        rows.push([collection, entry.id, entry.state === "pending" ? 0 : entry.version, entry.state, canonical(entry.value)]);
      }
      query.close();
    }
    const { pending, rejected, status } = this.#space;
    if (status.pending !== pending.length || status.rejected !== rejected.length) this.faults.push("the status counts other mutations than there are");
    return {
      rows,
      pending: pending.map(({ ops }) => this.#number(ops)),
      rejected: rejected.map(({ ops, outcome }) => [this.#number(ops), outcome.id, outcome.code ?? ""]),
      live: status.state === "live",
    };
  }

  close(): void {
    this.#client.close();
  }

  async #connect(): Promise<void> {
    if (this.#space.status.state === "stopped") this.#client.goOnline();
    await settle();
    this.#greet();
    await settle();
    this.#carrier?.messages(JSON.stringify({ t: "welcome", v: 1, session: "s", user: "ada", time: 1, limits: { pushed: this.#pushed } }));
  }

  #cut(): void {
    const carrier = this.#carrier;
    this.#carrier = undefined;
    carrier?.closed({ code: "connection", message: "cut" });
  }

  #dials(): Dials {
    const dial: Dial = (_, events) => {
      this.#carrier = events;
      return {
        send: (messages) => messages.forEach((text) => this.#note(text)),
        session: () => undefined,
        close: () => {
          if (this.#carrier === events) this.#carrier = undefined;
        },
      };
    };
    const one = { dial, works: () => true };
    return { websocket: one, sse: one, stream: one, longpoll: one, poll: one };
  }

  #note(text: string): void {
    const { t, client = "", acked = 0, cursor = "", view, was, muts = [] } = JSON.parse(text) as Message;
    if (t === "open") {
      if (!this.#ids.has(client)) this.#ids.set(client, this.#ids.size + 1);
      this.#id = this.#ids.get(client) ?? 0;
      this.#seen.push({ sent: was === undefined ? ["open", this.#id, acked, cursor] : ["open", this.#id, acked, cursor, was], view });
    }
    for (const { id, ops, reads } of muts) {
      const n = this.#number(ops);
      this.#seen.push({ sent: ["push", this.#id, id, n] });
      const got = reads === undefined ? "" : canonical(reads);
      const want = this.#reads.get(n) ?? "";
      if (got !== want) this.faults.push(`mutation ${n} was sent with the reads ${got}, not ${want}`);
      // The server tells mutations apart by these bytes.
      for (const op of ops) {
        const bytes = op.op === "put" ? canonical(op.value) : op.op === "patch" ? canonical(op.patch) : "";
        if (!text.includes(bytes)) this.faults.push(`mutation ${n} was not sent in canonical form`);
      }
    }
  }

  #mutate({ ops, reads }: NonNullable<Event["mutate"]>): void {
    this.#count(ops, reads);
    const run = (tx: Tx): void => {
      for (const [collection, id] of reads?.keys ?? []) tx.get(collection, id);
      for (const part of reads?.where ?? []) tx.query(part);
      for (const op of ops) {
        const options = op.if === undefined ? {} : { if: op.if };
        if (op.op === "put") tx.put(op.in, op.id, op.value, options);
        else if (op.op === "patch") tx.patch(op.in, op.id, op.patch, options);
        else tx.delete(op.in, op.id, options);
      }
    };
    this.#space.mutate(run, { serializable: reads !== undefined });
  }

  #retry(n: number, reads: Reads | undefined): void {
    const { id, ops } = this.#refused(n);
    this.#count(ops, reads);
    this.#space.retry(id);
  }

  #refused(n: number): Rejected {
    const found = this.#space.rejected.find(({ ops }) => this.#number(ops) === n);
    if (found === undefined) throw new Error(`mutation ${n} is not on the rejected list`);
    return found;
  }

  #count(ops: readonly Op[], reads: Reads | undefined): void {
    this.#numbers.set(canonical(ops), ++this.#made);
    if (reads !== undefined) this.#reads.set(this.#made, canonical(reads));
  }

  /** The number of the last mutation that was made of these operations: each has one that no other has. */
  #number(ops: readonly Op[]): number {
    return this.#numbers.get(canonical(ops)) ?? 0;
  }
}

/** Lets everything happen that needs no time to pass. */
async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await vi.advanceTimersByTimeAsync(0);
}
