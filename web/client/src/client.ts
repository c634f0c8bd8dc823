import type { Space, SpaceOptions, Status, Transport } from "./api.js";
import { Board, readView, sameView } from "./board.js";
import type { Dials } from "./carrier.js";
import { Emitter } from "./emitter.js";
import { SynclineError } from "./errors.js";
import { checkPath } from "./key.js";
import { Session } from "./session.js";
import { sameStatus, sumOf } from "./status.js";
import { DIALS, TRANSPORTS } from "./transports.js";

/** Options of a {@link Client}. */
export interface ClientOptions {
  /** Address of the server, `http:` or `https:`; a path is put before `/v1`. */
  readonly url: string;
  /** Who this is, for a server in development mode. */
  readonly user?: string;
  /** Gives a fresh token before each connection. */
  readonly token?: () => string | Promise<string>;
  /** Name and version of the application, told to the server. */
  readonly agent?: string;
  /** The WebSocket class, where the platform has none (Node 20: that of the package `ws`). */
  readonly WebSocket?: typeof WebSocket;
  readonly fetch?: typeof fetch;
  /** The carriers to use, in order of preference. */
  readonly transports?: readonly Transport[];
  /** A number in [0, 1), for the jitter of delays. */
  readonly random?: () => number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** A connection to one server, shared by any number of spaces. It is made when there is a space. */
export class Client {
  readonly #session: Session;
  readonly #boards = new Map<string, Board>();
  readonly #changed = new Emitter();
  readonly #unlisten: () => void;
  #offline = false;
  #closed = false;
  #status: Status;

  /** `dials` are the carriers there are; tests bring their own. */
  constructor(options: ClientOptions, dials: Dials = DIALS) {
    const platform = {
      url: options.url.replace(/\/+$/, ""),
      fetch: options.fetch ?? globalThis.fetch?.bind(globalThis),
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
    };
    this.#session = new Session({
      platform,
      dials,
      transports: (options.transports ?? TRANSPORTS).filter((name) => dials[name].works(platform)),
      user: options.user,
      token: options.token,
      agent: options.agent,
      random: options.random ?? Math.random,
      now: options.now ?? Date.now,
    });
    this.#status = this.#current();
    this.#unlisten = this.#listen();
  }

  /** The space at `path`; the same object for the same path. Throws `view_differs` if it is open with another view, `bad_name`, `closed`. */
  space(path: string, options: SpaceOptions): Space {
    if (this.#closed) throw new SynclineError("closed", "the client was closed");
    checkPath(path);
    const there = this.#boards.get(path);
    if (there !== undefined) {
      if (!sameView(there.view, readView(options.view))) throw new SynclineError("view_differs", `${path} is open with another view: use setView`);
      return there;
    }
    const board = new Board(path, options, this.#session, () => {
      this.#boards.delete(path);
      this.#session.remove(board.channel);
      this.#refresh();
    });
    this.#boards.set(path, board);
    board.subscribe(() => this.#refresh());
    this.#session.add(board.channel);
    board.channel.refresh();
    this.#refresh();
    return board;
  }

  /** The state of all spaces together. */
  get status(): Status {
    return this.#status;
  }

  /** Calls `fn` after each change of {@link status}. */
  subscribe(fn: () => void): () => void {
    return this.#changed.subscribe(fn);
  }

  /** Closes the connection and makes none until {@link goOnline}; reads and writes go on. */
  goOffline(): void {
    if (this.#closed) return;
    this.#offline = true;
    this.#session.stop("offline");
    this.#refresh();
  }

  /** Connects now; also after `stopped`. */
  goOnline(): void {
    if (this.#closed) return;
    this.#offline = false;
    for (const board of this.#boards.values()) board.channel.revive();
    this.#session.start();
    this.#refresh();
  }

  /** Ends everything; what is queued is lost, and the promises of it reject with `closed`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unlisten();
    this.#session.stop("stopped");
    for (const board of this.#boards.values()) board.close();
    this.#refresh();
    this.#changed.clear();
  }

  #refresh(): void {
    const status = this.#current();
    if (sameStatus(status, this.#status)) return;
    this.#status = status;
    this.#changed.emit();
  }

  #current(): Status {
    const { state, error, transport } = this.#session;
    const base: Status = {
      state: state === "connected" ? "live" : state,
      lastSynced: null,
      pending: 0,
      rejected: 0,
      transport,
      ...(error && { error }),
    };
    return sumOf(base, [...this.#boards.values()].map((board) => board.status));
  }

  /** Follows the browser: its network comes and goes, its pages sleep and wake. */
  #listen(): () => void {
    if (typeof globalThis.addEventListener !== "function" || typeof document === "undefined") return () => undefined;
    const online = (): void => {
      if (!this.#offline) this.#session.start();
    };
    const offline = (): void => {
      if (!this.#offline) this.#session.stop("offline");
    };
    const visible = (): void => {
      if (document.visibilityState === "visible" && this.#session.state !== "stopped") online();
    };
    addEventListener("online", online);
    addEventListener("offline", offline);
    document.addEventListener("visibilitychange", visible);
    return () => {
      removeEventListener("online", online);
      removeEventListener("offline", offline);
      document.removeEventListener("visibilitychange", visible);
    };
  }
}
