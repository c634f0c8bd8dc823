/** The parts of a browser that tabs share, in memory: locks and channels. A tab can be killed, or frozen and thawed. */
import type { Platform } from "../src/tabs.js";

interface Waiting {
  readonly tab: FakeTab;
  readonly mode: "exclusive" | "shared";
  readonly grant: () => void;
}
interface Holding {
  readonly tab: FakeTab;
  readonly mode: "exclusive" | "shared";
  readonly steal: () => void;
}

/** One browser: what its tabs have in common. */
export class FakeBrowser {
  readonly tabs = new Set<FakeTab>();
  readonly #held = new Map<string, Holding[]>();
  readonly #queues = new Map<string, Waiting[]>();
  /** Milliseconds that a message between tabs takes; may differ for each. */
  delay: () => number = () => 0;

  request(tab: FakeTab, name: string, options: LockOptions, held: () => Promise<unknown>): Promise<unknown> {
    const { mode = "exclusive", signal, steal = false } = options;
    return new Promise((resolve, reject) => {
      if (tab.dead) return;
      if (signal?.aborted === true) return reject(new DOMException("aborted", "AbortError"));
      const queue = this.#queues.get(name) ?? [];
      this.#queues.set(name, queue);
      const waiting: Waiting = {
        tab,
        mode,
        grant: () => {
          const holding: Holding = {
            tab,
            mode,
            steal: () => tab.run(() => reject(new DOMException("stolen", "AbortError"))),
          };
          this.#held.set(name, [...(this.#held.get(name) ?? []), holding]);
          tab.run(() => {
            void held().then((value) => {
              this.#held.set(name, (this.#held.get(name) ?? []).filter((other) => other !== holding));
              this.#grant(name);
              resolve(value);
            });
          });
        },
      };
      signal?.addEventListener("abort", () => {
        const at = queue.indexOf(waiting);
        if (at < 0) return;
        queue.splice(at, 1);
        reject(new DOMException("aborted", "AbortError"));
      });
      if (steal) {
        for (const holding of this.#held.get(name) ?? []) holding.steal();
        this.#held.set(name, []);
        waiting.grant();
        return;
      }
      queue.push(waiting);
      this.#grant(name);
    });
  }

  #grant(name: string): void {
    const queue = this.#queues.get(name) ?? [];
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      const held = this.#held.get(name) ?? [];
      if (held.length > 0 && (next.mode === "exclusive" || held.some(({ mode }) => mode === "exclusive"))) return;
      queue.shift();
      next.grant();
    }
  }

  /** Ends a tab as a crash does: nothing of it runs any more, its locks are free. */
  kill(tab: FakeTab): void {
    tab.dead = true;
    this.tabs.delete(tab);
    for (const [name, queue] of this.#queues) {
      this.#queues.set(name, queue.filter((waiting) => waiting.tab !== tab));
      this.#held.set(name, (this.#held.get(name) ?? []).filter((holding) => holding.tab !== tab));
      this.#grant(name);
    }
  }
}

/** One tab: {@link FakeTab.platform} is its side of the browser. */
export class FakeTab {
  readonly platform: Platform;
  dead = false;
  visible = true;
  #frozen: (() => void)[] | undefined;
  readonly #browser: FakeBrowser;
  readonly #channels = new Set<FakeChannel>();
  /** When what this tab posted last reaches a channel, in milliseconds since 1970. */
  readonly #arrival = new Map<FakeChannel, number>();

  constructor(browser: FakeBrowser) {
    this.#browser = browser;
    browser.tabs.add(this);
    const tab = this;
    this.platform = {
      locks: { request: (name: string, options: LockOptions, held: () => Promise<unknown>) => browser.request(this, name, options, held) } as LockManager,
      BroadcastChannel: class extends FakeChannel {
        constructor(name: string) {
          super(name, tab);
          tab.#channels.add(this);
        }
      } as unknown as typeof BroadcastChannel,
      awake: () => this.visible,
    };
  }

  /** Runs something in this tab, later if it is frozen, never if it is dead. */
  run(task: () => void): void {
    if (this.dead) return;
    if (this.#frozen === undefined) queueMicrotask(task);
    else this.#frozen.push(task);
  }

  get frozen(): boolean {
    return this.#frozen !== undefined;
  }

  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const tasks = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const task of tasks) this.run(task);
  }

  /** Delivers what another tab has posted. */
  post(name: string, data: unknown): void {
    const text = JSON.stringify(data);
    for (const tab of this.#browser.tabs) {
      for (const channel of tab.#channels) {
        if (channel.name !== name || (tab === this)) continue;
        const deliver = (): void => tab.run(() => channel.onmessage?.({ data: JSON.parse(text) as unknown } as MessageEvent));
        // A channel may be late, but it keeps the order in which one page has posted.
        const at = Math.max(Date.now() + this.#browser.delay(), this.#arrival.get(channel) ?? 0);
        this.#arrival.set(channel, at);
        if (at <= Date.now()) deliver();
        else setTimeout(deliver, at - Date.now());
      }
    }
  }

  leave(channel: FakeChannel): void {
    this.#channels.delete(channel);
  }
}

class FakeChannel {
  onmessage: ((event: MessageEvent) => void) | null = null;
  readonly name: string;
  readonly #tab: FakeTab;

  constructor(name: string, tab: FakeTab) {
    this.name = name;
    this.#tab = tab;
  }

  postMessage(data: unknown): void {
    if (!this.#tab.dead && !this.#tab.frozen) this.#tab.post(this.name, data);
  }

  close(): void {
    this.#tab.leave(this);
  }
}
