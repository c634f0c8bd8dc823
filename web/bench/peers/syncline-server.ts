/** A Syncline server in the page, behind the WebSocket class: it knows one space, and sends it whole in the parts that the real one makes. */
import { checkSum } from "../../client/src/sum.js";
import type { Row } from "./peer.js";

export const SPACE = "bench/rows";
export const COLLECTION = "rows";
/** Rows of a message: the server's parts are of about 64 KiB. */
const PART = 500;
const VIEW = "v";

/** The messages of a reset. */
function reset(rows: readonly Row[]): string[] {
  const entries = new Map(rows.map(({ id, ...value }, i) => [id, { collection: COLLECTION, id, version: i + 1, value, state: "confirmed" as const }]));
  const all = [...entries.values()];
  const messages: string[] = [];
  for (let from = 0; from < all.length; from += PART) {
    const put = all.slice(from, from + PART).map(({ id, version, value }) => [COLLECTION, id, version, value]);
    const last = from + PART >= all.length;
    messages.push(JSON.stringify({
      t: "diff", space: SPACE, view: VIEW, from: "0", to: `${all.length}-x`, put,
      ...(from === 0 && { reset: true }),
      ...(last ? checkSum(new Map([[COLLECTION, entries]])) : { more: true }),
    }));
  }
  return messages;
}

/** A WebSocket class whose server holds these rows. */
export function serverOf(rows: readonly Row[]): typeof WebSocket {
  const messages = reset(rows);
  const opened = JSON.stringify({ t: "opened", space: SPACE, view: VIEW, head: `${rows.length}-x`, last: 0, resume: "reset", reason: "new" });

  return class extends EventTarget {
    static readonly OPEN = 1;
    readonly readyState = 1;
    /** Each message is a task of its own, as with a real socket. */
    readonly #wire = new MessageChannel();

    constructor() {
      super();
      this.#wire.port1.onmessage = ({ data }) => this.dispatchEvent(new MessageEvent("message", { data }));
      queueMicrotask(() => this.dispatchEvent(new Event("open")));
    }

    send(text: string): void {
      for (const line of text.split("\n")) {
        const { t } = JSON.parse(line) as { t: string };
        if (t === "hello") this.#tell(JSON.stringify({ t: "welcome", v: 1, session: "s", user: "bench", time: 1 }));
        if (t === "open") for (const message of [opened, ...messages]) this.#tell(message);
      }
    }

    close(): void {
      this.#wire.port1.close();
    }

    #tell(message: string): void {
      this.#wire.port2.postMessage(message);
    }
  } as unknown as typeof WebSocket;
}
