import type { Queue } from "./queue.js";
import type { Session } from "./session.js";
import { utf8Length } from "./value.js";

/** Sends the queue of one space: in order, in few messages, no more than the server takes. */
export class Pusher {
  readonly #space: string;
  readonly #session: Session;
  readonly #queue: Queue;
  /** Called with the size of a mutation that no message can hold. */
  readonly #tooLarge: (bytes: number) => void;
  #ready = false;
  #planned = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the server takes something again, in milliseconds since 1970. */
  #until = 0;

  constructor(space: string, session: Session, queue: Queue, tooLarge: (bytes: number) => void) {
    this.#space = space;
    this.#session = session;
    this.#queue = queue;
    this.#tooLarge = tooLarge;
  }

  /** The server takes mutations from here on; all open ones from `from` on are sent. */
  start(from: number): void {
    this.#ready = true;
    this.#queue.rewind(from);
    this.pump();
  }

  /** The server takes nothing until the next {@link start}. */
  stop(): void {
    this.#ready = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Another connection: what was asked for on the last one no longer counts. */
  reset(): void {
    this.stop();
    this.#until = 0;
  }

  /** Sends from `from` on again, after a delay in milliseconds, or a longer one that was asked for before. */
  again(from: number, delay: number): void {
    this.#queue.rewind(from);
    this.#until = Math.max(this.#until, this.#session.now() + delay);
    this.pump();
  }

  /** Sends what can be sent, at the end of this turn: mutations made together travel together. */
  pump(): void {
    if (this.#planned || !this.#ready || this.#timer !== undefined) return;
    const wait = this.#until - this.#session.now();
    if (wait > 0) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.pump();
      }, wait);
      return;
    }
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      if (this.#ready && this.#timer === undefined) this.#send();
    });
  }

  #send(): void {
    const { message: limit } = this.#session.limits;
    const head = `{"t":"push","space":${JSON.stringify(this.#space)},"muts":[`;
    let room = this.#session.room();
    let texts: string[] = [];
    let size = head.length + 2;
    const flush = (): void => {
      if (texts.length > 0) this.#session.send(`${head}${texts.join(",")}]}`);
      texts = [];
      size = head.length + 2;
    };
    for (const item of this.#queue.unsent()) {
      if (room-- <= 0) break;
      const text = `{"id":${item.wire},${item.prepared.body}}`;
      const bytes = utf8Length(text) + 1;
      if (size + bytes > limit) flush();
      if (size + bytes > limit) {
        this.#ready = false;
        this.#tooLarge(bytes);
        return;
      }
      texts.push(text);
      size += bytes;
      this.#queue.sent(item);
    }
    flush();
  }
}
