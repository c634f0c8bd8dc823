import type { Transport } from "./api.js";
import type { Carrier, Dial, Failure, Platform } from "./carrier.js";
import { SynclineError } from "./errors.js";
import { decode, type ErrorMessage, type ServerMessage, type Welcome } from "./wire.js";

/** Milliseconds: for a welcome, of silence before a ping, for its answer. */
const WELCOME = 10_000;
const SILENCE = 25_000;
const ANSWER = 10_000;

/** What a link tells its session. `welcome` comes once for each hello, `down` once, and nothing after it or after {@link Link.close}. */
export interface LinkEvents {
  welcome(link: Link, message: Welcome, first: boolean): void;
  message(link: Link, message: ServerMessage): void;
  down(link: Link, failure: Failure): void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** One attempt at a session: hello, welcome, pings, until it ends. */
export class Link {
  readonly transport: Transport;
  /** When the pings were sent that have no answer yet. */
  readonly asked: number[] = [];
  readonly #carrier: Carrier;
  readonly #events: LinkEvents;
  #outbox: string[] = [];
  #flushing = false;
  /** Whether a hello waits for its answer. */
  #greeting = false;
  #welcomed = false;
  #over = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pinged = false;

  constructor(transport: Transport, dial: Dial, platform: Platform, events: LinkEvents) {
    this.transport = transport;
    this.#events = events;
    this.#carrier = dial(platform, {
      messages: (text) => this.#receive(text),
      alive: () => this.#heard(),
      closed: (failure) => this.#down(failure),
    });
    this.#timer = setTimeout(() => this.#down({ code: "connection", message: "no welcome" }), WELCOME);
  }

  get welcomed(): boolean {
    return this.#welcomed;
  }

  hello(message: string): void {
    this.#greeting = true;
    this.send(message);
  }

  /** Sends a message; those of one turn travel together. */
  send(message: string): void {
    if (this.#over) return;
    this.#outbox.push(message);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      const messages = this.#outbox;
      this.#outbox = [];
      if (!this.#over) this.#carrier.send(messages);
    });
  }

  /** Asks for a sign of life. */
  ping(): void {
    if (this.#over || !this.#welcomed || this.#pinged) return;
    this.#pinged = true;
    this.asked.push(this.#events.now());
    this.send('{"t":"ping"}');
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#down({ code: "connection", message: "no answer to a ping" }), ANSWER);
  }

  close(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#carrier.close();
  }

  #heard(): void {
    if (this.#over || !this.#welcomed) return;
    this.#pinged = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.ping(), SILENCE);
  }

  #receive(text: string): void {
    for (const line of text.split("\n")) {
      if (this.#over) return;
      if (line === "" || line === "\r") continue;
      try {
        const message = decode(line);
        if (message !== undefined) this.#take(message);
      } catch (error) {
        const { code, message } = error instanceof SynclineError ? error : { code: "bad_frame", message: String(error) };
        this.#down({ code, message });
        return;
      }
    }
    this.#heard();
  }

  #take(message: ServerMessage): void {
    if (message.t === "welcome") {
      if (!this.#greeting) throw new SynclineError("bad_frame", "a welcome to no hello");
      this.#greeting = false;
      const first = !this.#welcomed;
      this.#welcomed = true;
      if (first) this.#carrier.session(message.session);
      this.#events.welcome(this, message, first);
    } else if (message.t === "ping") {
      this.send('{"t":"pong"}');
    } else if (message.t === "error" && (message.fatal === true || !this.#welcomed)) {
      this.#down(message satisfies ErrorMessage);
    } else if (!this.#welcomed) {
      throw new SynclineError("bad_frame", `${message.t} before welcome`);
    } else {
      this.#events.message(this, message);
    }
  }

  #down(failure: Failure): void {
    if (this.#over) return;
    this.close();
    this.#events.down(this, failure);
  }
}
