import type { Space, SpaceOptions, Status, StatusError, StorageStatus, Transport, View } from "./api.js";
import { Board } from "./board.js";
import type { Dials } from "./carrier.js";
import { Emitter } from "./emitter.js";
import { SynclineError } from "./errors.js";
import { Home } from "./home.js";
import { openIndexedDB } from "./indexeddb.js";
import { CLOSED } from "./item.js";
import { checkPath } from "./key.js";
import { Session } from "./session.js";
import { sameStatus, sumOf } from "./status.js";
import type { Store } from "./store.js";
import { platformOf, type Platform, type TabMessage } from "./tabs.js";
import { DIALS, TRANSPORTS } from "./transports.js";
import { readView, sameView } from "./view.js";

/** The version of what is in a store, and of what tabs tell each other: builds of different versions share neither. */
const FORMAT = 2;

/** Addresses of the machine that the client runs on. */
const LOCAL = /^https?:\/\/(localhost|127\.[\d.]+|\[::1\])(:|\/|$)/;

const SIGNED_OUT: StatusError = { code: "signed_out", message: "the user has signed out" };
const OUTDATED: StatusError = { code: "upgrade_required", message: "a newer version is open in another tab: reload" };

/** Options of a {@link Client}. */
export interface ClientOptions {
  /** Address of the server, `http:` or `https:`; a path is put before `/v1`. */
  readonly url: string;
  /** Who this is. The store belongs to this user: without it there is none. A server in development mode believes it. */
  readonly user?: string;
  /**
   * Gives a token before each connection. After one that the server refused it is asked again, at growing intervals,
   * and nothing is sent until it gives another one.
   */
  readonly token?: () => string | Promise<string>;
  /**
   * Where to keep what must outlive the page: `memory` for nowhere, or a function that opens a store of the given name.
   * By default IndexedDB, where there is one and a `user` is given.
   */
  readonly store?: "memory" | ((name: string) => Promise<Store>);
  /** Whether the tabs of this origin share one store and one connection; by default where the browser can. Needs a store. */
  readonly tabs?: boolean;
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

/** What the browser says of the room that this origin has, in bytes. */
export interface StorageUsage {
  readonly used: number | undefined;
  readonly quota: number | undefined;
  /** Whether the browser has promised not to remove what is stored by itself. */
  readonly persisted: boolean;
}

/** One user's data of one server in this tab: any number of spaces over one store and one connection, shared with other tabs. */
export class Client {
  readonly #session: Session;
  readonly #home: Home;
  readonly #boards = new Map<string, Board>();
  /** Spaces that only other tabs have open, while this one leads. */
  readonly #guests = new Set<Board>();
  readonly #changed = new Emitter();
  readonly #listening = new AbortController();
  #store: { readonly open: Store | undefined } | undefined;
  #paused = false;
  #closed = false;
  #status: Status;

  /** `dials` are the carriers there are, `browser` is how tabs find each other; tests bring their own. */
  constructor(options: ClientOptions, dials: Dials = DIALS, browser: Platform | undefined = platformOf(globalThis)) {
    const url = options.url.replace(/\/+$/, "");
    const platform = { url, fetch: options.fetch ?? globalThis.fetch?.bind(globalThis), WebSocket: options.WebSocket ?? globalThis.WebSocket };
    const now = options.now ?? Date.now;
    this.#session = new Session({
      platform,
      dials,
      transports: (options.transports ?? TRANSPORTS).filter((name) => dials[name].works(platform)),
      user: options.user,
      token: options.token,
      agent: options.agent,
      random: options.random ?? Math.random,
      now,
    });
    const open = opener(options);
    const name = `syncline/${FORMAT}/${url}/${options.user ?? ""}`;
    this.#home = new Home(
      {
        name,
        open: open && (() => open(name)),
        platform: options.tabs === false ? undefined : browser,
        witness: witness(),
        now,
      },
      {
        opened: (store) => {
          this.#store = { open: store };
          for (const board of this.#all()) board.begin(store);
        },
        lead: () => {
          for (const board of this.#all()) void board.lead();
        },
        follow: () => this.#follow(),
        message: (message, from) => this.#message(message, from),
        gone: (tab) => {
          for (const board of this.#all()) board.gone(tab);
          this.#sweep();
        },
        changed: () => this.#refresh(true),
      },
    );
    // Of a server on this machine the browser's word says nothing.
    if (globalThis.navigator?.onLine === false && !LOCAL.test(url)) this.#session.stop("offline");
    this.#status = this.#current();
    this.#listen();
    void this.#home.start();
  }

  /** The space at `path`; the same object for the same path. Throws `view_differs` if it is open with another view, `bad_name`, `closed`. */
  space(path: string, options: SpaceOptions): Space {
    if (this.#closed) {
      const { code, message } = this.#session.error ?? CLOSED;
      throw new SynclineError(code, message);
    }
    checkPath(path);
    const there = this.#boards.get(path);
    if (there !== undefined) {
      if (!sameView(there.view, readView(options.view))) throw new SynclineError("view_differs", `${path} is open with another view: use setView`);
      return there;
    }
    for (const guest of this.#guests) if (guest.path === path) this.#end(guest);
    const board = this.#make(path, options, () => {
      this.#boards.delete(path);
      this.#refresh();
      this.#home.post({ t: "leads" }); // tabs that want it say so again
    });
    this.#boards.set(path, board);
    board.subscribe(() => this.#refresh());
    this.#start(board);
    this.#refresh();
    return board;
  }

  /** The spaces that are open in this tab. */
  get spaces(): readonly Space[] {
    return [...this.#boards.values()];
  }

  /** The state of all spaces together. */
  get status(): Status {
    return this.#status;
  }

  /** Whether this tab is the one that has the connection. */
  get leading(): boolean {
    return this.#home.epoch !== undefined;
  }

  /** Calls `fn` after each change of {@link status} or {@link spaces}. */
  subscribe(fn: () => void): () => void {
    return this.#changed.subscribe(fn);
  }

  /** Closes the connection of all tabs and makes none until {@link goOnline}; reads and writes go on. */
  goOffline(): void {
    this.#network(true);
  }

  /** Connects now; also after `stopped`. */
  goOnline(): void {
    this.#network(false);
  }

  #network(paused: boolean): void {
    this.#home.post({ t: "network", paused });
    this.#pause(paused);
  }

  /** How much is stored. Rejects with `unavailable` where nobody knows. */
  async usage(): Promise<StorageUsage> {
    const storage = globalThis.navigator?.storage;
    if (storage?.estimate === undefined) throw new SynclineError("unavailable", "this platform does not tell how much is stored");
    const [{ usage, quota }, persisted] = await Promise.all([storage.estimate(), storage.persisted()]);
    return { used: usage, quota, persisted };
  }

  /**
   * Ends everything, in all tabs, and removes what is stored of this user:
   * entries, the rejected list and what was not sent yet. With `keep` it stays,
   * for when this user comes back. Status then says `signed_out`.
   */
  async signOut(options: { readonly keep?: boolean } = {}): Promise<void> {
    if (this.#closed) return;
    this.#home.post({ t: "signed_out" });
    await this.#shut(SIGNED_OUT, options.keep !== true);
  }

  /** Ends the work of this tab. What is stored stays; without a store what is queued is lost, and the promises of it reject with `closed`. */
  close(): void {
    void this.#shut();
    for (const board of this.#all()) board.close(); // also what an outdated tab still shows
  }

  async #shut(error?: StatusError, wipe = false): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#listening.abort();
    const ends = [...this.#all()].map((board) => (error === OUTDATED ? board.retire(error) : board.close()));
    this.#session.stop("stopped", error);
    this.#refresh(true);
    this.#changed.clear();
    await Promise.all(ends);
    await (wipe ? this.#home.destroy() : this.#home.close());
  }

  *#all(): Iterable<Board> {
    yield* [...this.#boards.values(), ...this.#guests];
  }

  #make(path: string, options: SpaceOptions, left: () => void): Board {
    return new Board(path, options, this.#session, this.#home, left, () => void this.#shut(OUTDATED));
  }

  #start(board: Board): void {
    if (this.#store === undefined) return;
    board.begin(this.#store.open);
    if (this.leading) void board.lead();
  }

  #end(guest: Board): void {
    this.#guests.delete(guest);
    guest.close();
  }

  /** Ends spaces that no tab wants. */
  #sweep(): void {
    for (const guest of this.#guests) if (!guest.wanted) this.#end(guest);
  }

  #follow(): void {
    if (this.#closed) return;
    for (const guest of this.#guests) this.#end(guest);
    for (const board of this.#all()) board.follow();
    this.#session.rest();
  }

  #message(message: TabMessage, from: string): void {
    const { t, path } = message;
    if (this.#closed) return;
    switch (t) {
      case "hello":
        if (this.leading) {
          this.#home.post({ t: "leads" });
          if (this.#paused) this.#home.post({ t: "network", paused: true });
        }
        return;
      case "leads":
        if (!this.leading) for (const board of this.#boards.values()) board.want();
        return;
      case "network":
        this.#pause(message["paused"] === true);
        return;
      case "signed_out":
        void this.#shut(SIGNED_OUT);
        return;
    }
    const boards = [...this.#all()].filter((board) => board.path === path);
    for (const board of boards) board.message(message, from);
    if (boards.length === 0 && t === "want" && this.leading) this.#host(path as string, message, from);
    this.#sweep();
  }

  /** Opens a space for another tab. */
  #host(path: string, message: TabMessage, from: string): void {
    let guest: Board;
    try {
      checkPath(path);
      guest = this.#make(path, { view: message["view"] as View }, () => undefined);
    } catch {
      return; // not what a tab of ours says
    }
    guest.gone(this.#home.tab); // it is for other tabs only
    this.#guests.add(guest);
    this.#start(guest);
    guest.message(message, from);
  }

  #pause(paused: boolean): void {
    if (this.#closed) return;
    this.#paused = paused;
    if (paused) {
      this.#session.stop("paused");
    } else {
      for (const board of this.#all()) board.channel.revive();
      this.#session.start();
    }
    this.#refresh();
  }

  #refresh(boards = false): void {
    if (boards) for (const board of this.#all()) board.channel.refresh();
    const status = this.#current();
    if (sameStatus(status, this.#status)) return;
    this.#status = status;
    this.#changed.emit();
  }

  #current(): Status {
    const { state, error, transport } = this.#session;
    const storage: StorageStatus = this.#home.storage;
    const base: Status = { state: state === "connected" ? "live" : state, lastSynced: null, pending: 0, rejected: 0, transport, storage, ...(error && { error }) };
    return sumOf(base, [...this.#boards.values()].map((board) => board.status));
  }

  /** Follows the browser: its network comes and goes, its pages sleep and wake. */
  #listen(): void {
    const until = { signal: this.#listening.signal };
    const online = (): void => {
      if (!this.#paused) this.#session.start();
    };
    const offline = (): void => {
      if (!this.#paused) this.#session.stop("offline");
    };
    const visible = (): void => {
      for (const board of this.#all()) board.look();
      if (document.visibilityState === "visible" && this.#session.state !== "stopped") online();
    };
    globalThis.addEventListener?.("online", online, until);
    globalThis.addEventListener?.("offline", offline, until);
    globalThis.document?.addEventListener("visibilitychange", visible, until);
  }
}

/** How to open the store; undefined if there is to be none. */
function opener({ store, user }: ClientOptions): ((name: string) => Promise<Store>) | undefined {
  if (typeof store === "function") return store;
  if (store === "memory" || user === undefined || typeof indexedDB === "undefined") return undefined;
  return (name) => openIndexedDB(name);
}

/** Where to note what a removed store had; some browsers refuse even to be asked. */
function witness(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}
