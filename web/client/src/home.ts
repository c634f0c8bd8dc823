import type { StorageStatus } from "./api.js";
import type { Household } from "./desk.js";
import { StoreError, type Store } from "./store.js";
import { Tabs, type Platform, type TabMessage } from "./tabs.js";
import { EPOCH } from "./vault.js";

/** How long until a store that could not be written is tried again, in milliseconds. */
const RETRY = 1000;

/** What a home tells its client. */
export interface HomeEvents {
  /** The store is open; undefined: there is none. Also when another one has taken the place of one that was lost. */
  opened(store: Store | undefined): void;
  /** This tab leads from now on: the connection is its business. */
  lead(): void;
  follow(): void;
  message(message: TabMessage, from: string): void;
  /** A tab that was heard of has gone. */
  gone(tab: string): void;
  /** The storage status is another one. */
  changed(): void;
}

/** Options of a {@link Home}. */
export interface HomeOptions {
  /** Names store, lock and channel. */
  readonly name: string;
  /** Opens the store; undefined: everything is kept in memory. */
  readonly open: (() => Promise<Store>) | undefined;
  /** How the tabs that use the store find each other; undefined: there is only this one. */
  readonly platform: Platform | undefined;
  /** Remembers, outside of the store, how much was unsent. */
  readonly witness: Storage | undefined;
  readonly now: () => number;
}

/** Where a client lives: its store, the other tabs that use it, and which of them leads. */
export class Home implements Household {
  /** Names this tab. */
  readonly tab = crypto.randomUUID();
  readonly #options: HomeOptions;
  readonly #events: HomeEvents;
  #store: Store | undefined;
  #tabs: Tabs | undefined;
  #epoch: number | undefined;
  #storage: StorageStatus = { kind: "memory", message: "the store is being opened" };
  #healed: StorageStatus | undefined;
  #closed = false;
  /** Whether the browser was asked to keep the store. */
  #asked = false;
  /** Mutations that are queued, by space. */
  readonly #counts = new Map<string, number>();

  constructor(options: HomeOptions, events: HomeEvents) {
    this.#options = options;
    this.#events = events;
    if (options.open === undefined) this.#storage = { kind: "memory" };
  }

  get epoch(): number | undefined {
    return this.#epoch;
  }

  get storage(): StorageStatus {
    return this.#storage;
  }

  /** 128 random bits. */
  newClient(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (c) => ({ "+": "-", "/": "_" })[c] ?? "");
  }

  now(): number {
    return this.#options.now();
  }

  /** Opens the store; must be called once. */
  async start(): Promise<void> {
    const { open } = this.#options;
    if (open !== undefined) {
      try {
        this.#store = await open();
      } catch (error) {
        this.#tell({ kind: "memory", message: (error as Error).message });
      }
      if (this.#closed) {
        await this.#store?.close();
        return;
      }
    }
    const store = this.#store;
    if (store === undefined) {
      this.#epoch = 0;
      this.#events.opened(undefined);
      this.#events.lead();
      return;
    }
    store.onLost((error) => void this.#lost(error));
    const remembered = await this.#remembered(store);
    if (store === this.#store) { // else it was lost meanwhile, and there is another one
      this.#healed = remembered;
      this.trouble(undefined);
      this.#events.opened(store);
    }
    if (this.#closed) return;
    const { platform, name } = this.#options;
    if (platform === undefined) await this.#claim();
    else this.#tabs = new Tabs(name, this.tab, platform, {
      lead: () => void this.#claim(),
      follow: () => this.#follow(),
      message: (message, from) => this.#events.message(message, from),
      gone: (tab) => this.#events.gone(tab),
    });
    this.post({ t: "hello" });
  }

  post(message: TabMessage): void {
    this.#tabs?.post(message);
  }

  trouble(error: Error | undefined): void {
    if (error === undefined) this.#tell(this.#healed ?? { kind: "disk" });
    else if (error instanceof StoreError) {
      // Of a store that is lost it is told once, by itself; calls to it may fail after there is another one.
      if (error.code !== "lost" && error.code !== "closed") this.#tell({ kind: error.code === "full" ? "full" : "lost", message: error.message });
    }
    else this.#tell((this.#healed = { kind: "disk", message: error.message }));
  }

  /** Takes note of how many mutations are unsent, for the case that the browser removes the store. */
  unsent(path: string, count: number): void {
    this.#counts.set(path, count);
    if (this.#store === undefined || this.#closed) return;
    if (count > 0) this.#persist(this.#store);
    try {
      this.#options.witness?.setItem(this.#options.name, String([...this.#counts.values()].reduce((sum, n) => sum + n, 0)));
    } catch {
      // It is only a witness.
    }
  }

  /** Asks the browser, once and only when there is something to lose, not to remove the store by itself. Some ask the user. */
  #persist({ kind }: Store): void {
    if (this.#asked || kind !== "indexeddb") return;
    this.#asked = true;
    // Workers have no such method. What it says shows in `usage`.
    void globalThis.navigator?.storage?.persist?.().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#epoch = undefined;
    this.#tabs?.close();
    await this.#store?.close();
  }

  /** Removes the store for good. The other tabs have to be told before. */
  async destroy(): Promise<void> {
    this.#closed = true;
    await this.#store?.destroy();
    this.#options.witness?.removeItem(this.#options.name);
    this.#tabs?.close();
  }

  /** Becomes the leader: in the store, too, so that an older one can write no more. */
  async #claim(): Promise<void> {
    const store = this.#store;
    let epoch = 0;
    try {
      await store?.update([EPOCH], ([last]) => {
        epoch = Number(last ?? 0) + 1;
        return { put: [[EPOCH, String(epoch)]] };
      });
    } catch (error) {
      this.trouble(error as Error);
      // A store that is lost is opened anew, and then claimed.
      if (store === this.#store) setTimeout(() => void (this.#mayLead() && this.#epoch === undefined && this.#claim()), RETRY);
      return;
    }
    if (!this.#mayLead() || store !== this.#store) return;
    if (this.#storage.kind !== "disk") this.trouble(undefined);
    this.#epoch = epoch;
    this.#events.lead();
    this.post({ t: "leads" });
  }

  /** If this tab has the lead all the same, it was claimed late: by one that had frozen on the way, and that claims nothing more. */
  deposed(): void {
    if (this.#epoch === undefined || !this.#mayLead()) return;
    this.#epoch = undefined;
    void this.#claim();
  }

  #mayLead(): boolean {
    return !this.#closed && (this.#options.platform === undefined || this.#tabs?.leading === true);
  }

  #follow(): void {
    this.#epoch = undefined;
    this.#events.follow();
  }

  /** The browser has removed the store underneath. */
  async #lost(error: StoreError): Promise<void> {
    if (this.#closed) return;
    this.#tell({ kind: "lost", message: error.message });
    try {
      const store = await this.#options.open?.();
      if (store === undefined || this.#closed) return;
      this.#store = store;
      store.onLost((again) => void this.#lost(again));
      this.#healed = { kind: "disk", message: `${error.message}; it was made anew` };
      this.#epoch = undefined;
      if (this.#mayLead()) await this.#claim();
      this.#events.opened(store);
      this.trouble(undefined);
    } catch (failed) {
      this.#tell({ kind: "memory", message: (failed as Error).message });
      setTimeout(() => void this.#lost(error), RETRY * 5);
    }
  }

  /** What the browser or the witness says of a store that is empty. */
  async #remembered(store: Store): Promise<StorageStatus | undefined> {
    const { witness, name } = this.#options;
    const unsent = witness?.getItem(name) ?? undefined;
    if (unsent === undefined && store.wiped === undefined) return undefined;
    try {
      const [epoch] = await store.get([EPOCH]);
      if (epoch !== undefined) return undefined;
    } catch {
      return undefined;
    }
    witness?.removeItem(name);
    const lost = Number(unsent) || 0;
    const why = store.wiped === undefined ? "" : `, since it found it damaged (${store.wiped})`;
    return { kind: "disk", message: `the browser has removed what was stored${why}; it is fetched again`, ...(lost > 0 && { lost }) };
  }

  #tell(storage: StorageStatus): void {
    this.#storage = storage;
    this.#events.changed();
  }
}
