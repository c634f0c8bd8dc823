/** How often a visible tab asks for the leader, in milliseconds, and how many questions in a row may stay unanswered. */
const PING = 300;
const PATIENCE = 4;

/** A message between tabs. Names and meanings are home.ts's and relay.ts's; those that a build does not know it passes over. */
export interface TabMessage {
  readonly t: string;
  readonly [name: string]: unknown;
}

/** What the platform has to have for several tabs to share a store. */
export interface Platform {
  readonly locks: LockManager;
  readonly BroadcastChannel: typeof BroadcastChannel;
  /** Whether this tab may take the lead from one that does not answer: false while its own timers may be late. */
  readonly awake: () => boolean;
}

/** What happens between tabs. */
export interface TabEvents {
  /** This tab leads from now on, until {@link follow}. */
  lead(): void;
  /** Another tab has taken the lead. */
  follow(): void;
  message(message: TabMessage, from: string): void;
  /** A tab has gone; only the leader is told, and only of tabs that it has heard of. */
  gone(tab: string): void;
}

/** The tabs of this origin, if the platform can tell them of each other. */
export function platformOf(scope: typeof globalThis): Platform | undefined {
  const { navigator, BroadcastChannel } = scope;
  if (navigator?.locks === undefined || BroadcastChannel === undefined) return undefined;
  return { locks: navigator.locks, BroadcastChannel, awake: () => scope.document === undefined || scope.document.visibilityState === "visible" };
}

/**
 * The tabs that share one store, and which of them leads. The leader holds a
 * Web Lock, which the browser gives to the next tab when it ends, however it
 * ends. A leader that is frozen holds it all the same: so visible tabs ask for
 * a sign of life, and take the lock away from one that gives none for
 * PING × PATIENCE milliseconds. Answers come from an event, not from a timer,
 * which browsers delay in hidden tabs. The old leader may wake and not know yet:
 * the epoch in the store (vault.ts) is what keeps it from writing.
 */
export class Tabs {
  readonly id: string;
  readonly #name: string;
  readonly #platform: Platform;
  readonly #events: TabEvents;
  readonly #channel: BroadcastChannel;
  readonly #ended = new AbortController();
  /** Ends the wait for the lock. */
  #waiting = new AbortController();
  #release: (() => void) | undefined;
  #unanswered = 0;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Tabs that are being watched. */
  readonly #watched = new Set<string>();

  /** `name` is what the tabs have in common, `id` names this one. */
  constructor(name: string, id: string, platform: Platform, events: TabEvents) {
    this.id = id;
    this.#name = name;
    this.#platform = platform;
    this.#events = events;
    this.#channel = new platform.BroadcastChannel(name);
    this.#channel.onmessage = ({ data }: MessageEvent<unknown>) => this.#take(data);
    // Held as long as this tab lives, so that others learn when it does not.
    this.#hold(`${name}!${this.id}`, {}, () => new Promise((resolve) => this.#ended.signal.addEventListener("abort", resolve)));
    this.#queue();
    this.#timer = setInterval(() => this.#ask(), PING);
  }

  get leading(): boolean {
    return this.#release !== undefined;
  }

  post(message: TabMessage): void {
    if (!this.#ended.signal.aborted) this.#channel.postMessage({ from: this.id, ...message });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#ended.abort();
    this.#waiting.abort();
    this.#release?.();
    this.#release = undefined;
    this.#channel.close();
  }

  /** Waits for the lead. */
  #queue(): void {
    this.#waiting = new AbortController();
    this.#hold(this.#name, { signal: this.#waiting.signal }, () => this.#lead());
  }

  #lead(): Promise<void> {
    return new Promise((resolve) => {
      this.#release = resolve;
      this.#events.lead();
    });
  }

  #hold(name: string, options: LockOptions, held: () => Promise<unknown>): void {
    this.#platform.locks.request(name, options, held).catch(() => {
      // Not got, because this tab stopped waiting; or stolen, after it was got.
      if (this.#release === undefined || name !== this.#name || this.#ended.signal.aborted) return;
      this.#release = undefined;
      this.#events.follow();
      this.#queue();
    });
  }

  #ask(): void {
    if (this.leading || !this.#platform.awake()) {
      this.#unanswered = 0;
      return;
    }
    if (this.#unanswered++ < PATIENCE) {
      this.post({ t: "ping" });
      return;
    }
    this.#unanswered = 0;
    this.#waiting.abort();
    this.#hold(this.#name, { steal: true }, () => this.#lead());
  }

  #take(data: unknown): void {
    const { t, from } = data as Partial<TabMessage> & { from?: unknown };
    if (typeof t !== "string" || typeof from !== "string") return;
    if (t === "ping") {
      if (this.leading) this.post({ t: "pong" });
    } else if (t === "pong") {
      this.#unanswered = 0;
    } else {
      if (this.leading) this.#watch(from);
      this.#events.message(data as TabMessage, from);
    }
  }

  #watch(tab: string): void {
    if (this.#watched.has(tab)) return;
    this.#watched.add(tab);
    this.#hold(`${this.#name}!${tab}`, { mode: "shared", signal: this.#ended.signal }, () => {
      this.#watched.delete(tab);
      if (this.leading) this.#events.gone(tab);
      return Promise.resolve();
    });
  }
}
