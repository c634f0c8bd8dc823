import type { Json, Peer, Presence } from "./api.js";
import { Emitter } from "./emitter.js";
import { SynclineError } from "./errors.js";
import { canonical, utf8Length } from "./value.js";
import type { Present } from "./wire.js";

const NOBODY: ReadonlyMap<string, Peer> = new Map();

/** Presence in one space. */
export class Peers implements Presence {
  readonly #changed = new Emitter();
  readonly #wanted: () => void;
  readonly #limit: () => number;
  #peers = NOBODY;
  #self: string | undefined;
  #state = "null";
  #unsaid = false;

  /** `wanted` is called when there is something to say; `limit` is its size in bytes. */
  constructor(wanted: () => void, limit: () => number) {
    this.#wanted = wanted;
    this.#limit = limit;
  }

  get peers(): ReadonlyMap<string, Peer> {
    return this.#peers;
  }

  /** Throws `too_large`, and ValueError for what is no JSON. */
  set(state: Json): void {
    const text = checkSize(canonical(state), this.#limit());
    if (text === this.#state) return;
    this.#state = text;
    this.#unsaid = true;
    this.#wanted();
  }

  /** What this session says of itself, as JSON. */
  get state(): string {
    return this.#state;
  }

  /** Shows what another tab, which has the connection, knows. */
  mirror(peers: ReadonlyMap<string, Peer>): void {
    if (peers.size + this.#peers.size === 0) return;
    this.#peers = peers;
    this.#changed.emit();
  }

  subscribe(fn: () => void): () => void {
    return this.#changed.subscribe(fn);
  }

  /** A session begins, in which this one is called `self` and nothing has been said yet. */
  begin(self: string | undefined): void {
    this.#self = self;
    this.#unsaid = this.#state !== "null";
  }

  /** What has to be said, as JSON; undefined if nothing. */
  take(): string | undefined {
    if (!this.#unsaid) return undefined;
    this.#unsaid = false;
    return this.#state;
  }

  present(message: Present): void {
    const peers = new Map(message.reset === true ? NOBODY : this.#peers);
    for (const { session, user = "", state } of message.peers) {
      if (state === null) peers.delete(session);
      else if (session !== this.#self) peers.set(session, { user, state });
    }
    this.#peers = peers;
    this.#changed.emit();
  }

  /** The session has ended: nobody is known to be there. */
  end(): void {
    if (this.#peers.size === 0) return;
    this.#peers = NOBODY;
    this.#changed.emit();
  }
}

/** Throws `too_large` for text of more bytes than a presence state or cast may have. */
export function checkSize(text: string, limit: number): string {
  if (utf8Length(text) > limit) throw new SynclineError("too_large", `over the limit presence (${limit})`);
  return text;
}
