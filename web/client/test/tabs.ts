/** Clients in the tabs of one fake browser, over one disk and one fake server. */
import { vi } from "vitest";
import type { Doc, LiveQuery, Space, SpaceOptions } from "../src/api.js";
import { Client, type ClientOptions } from "../src/client.js";
import { MemoryDisk, MemoryStore } from "../src/memory.js";
import type { Store } from "../src/store.js";
import { FakeBrowser, FakeTab } from "./browser.js";
import type { FakeServer } from "./fake.js";
import { VIEW } from "./harness.js";

const never = new Promise<never>(() => undefined);

/** One tab with a client in it. */
export class Tab {
  readonly client: Client;
  readonly space: Space;
  /** All cards, maintained since the beginning. */
  readonly query: LiveQuery;
  readonly #browser: FakeBrowser;
  readonly #tab: FakeTab;
  readonly #links: () => FakeServer["links"];
  #closed = false;

  constructor(browser: FakeBrowser, server: FakeServer, disk: MemoryDisk, options: Partial<ClientOptions & SpaceOptions> = {}) {
    this.#browser = browser;
    const tab = new FakeTab(browser);
    this.#tab = tab;
    const mine: FakeServer["links"] = [];
    this.#links = () => mine;
    const dials = server.dials();
    const own = Object.fromEntries(
      Object.entries(dials).map(([name, { works, dial }]) => [
        name,
        {
          works,
          dial: (platform: Parameters<typeof dial>[0], events: Parameters<typeof dial>[1]) => {
            const carrier = dial(platform, {
              messages: (text) => tab.run(() => events.messages(text)),
              alive: () => tab.run(() => events.alive()),
              closed: (failure) => tab.run(() => events.closed(failure)),
            });
            mine.push(server.last);
            return { ...carrier, send: (messages: readonly string[]) => (tab.dead || tab.frozen ? undefined : carrier.send(messages)) };
          },
        },
      ]),
    ) as typeof dials;
    const store = async (): Promise<Store> => fenced(new MemoryStore(disk), tab, () => 10 * browser.delay());
    this.client = new Client({ url: "http://fake", user: "ada", random: () => 0.5, now: () => Date.now(), store, ...options }, own, tab.platform);
    this.space = this.client.space("demo/board", { view: options.view ?? VIEW, presence: options.presence ?? false, ...(options.mutators && { mutators: options.mutators }) });
    this.query = this.space.query({ in: "cards" });
  }

  /** The version of the cards that its program speaks. */
  get v(): number {
    return this.space.view.find((part) => part.in === "cards")?.v ?? 1;
  }

  /** Whether it has learnt of a newer version of its program. */
  get outdated(): boolean {
    return this.space.status.error?.code === "upgrade_required";
  }

  /** What is shown of the cards, by key. */
  get cards(): Record<string, Doc> {
    return Object.fromEntries(this.query.rows.map(({ id, value }) => [`cards/${id}`, value]));
  }

  get alive(): boolean {
    return !this.#tab.dead && !this.#closed;
  }

  set visible(visible: boolean) {
    this.#tab.visible = visible;
  }

  get frozen(): boolean {
    return this.#tab.frozen;
  }

  /** Closes the client, as a page that is left. */
  close(): void {
    this.client.close();
    this.#browser.tabs.delete(this.#tab);
    this.#closed = true;
  }

  /** As if the process of the page were killed. */
  kill(): void {
    this.#browser.kill(this.#tab);
    for (const link of this.#links()) link.leave();
  }

  /** As if the process were stopped. The server notices nothing. */
  freeze(): void {
    this.#tab.freeze();
  }

  thaw(): void {
    this.#tab.thaw();
  }
}

/** A store that a dead tab gets no answer from, and a frozen one gets it late. Of a loss it hears after `delay` milliseconds. */
function fenced(store: Store, tab: FakeTab, delay: () => number): Store {
  const late = async <T>(call: () => Promise<T>): Promise<T> => {
    if (tab.dead) return never;
    const result = await call().then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error;
      },
    );
    await new Promise<void>((resolve) => tab.run(resolve));
    return result();
  };
  return {
    kind: store.kind,
    get: (keys) => late(() => store.get(keys)),
    range: (from, to) => late(() => store.range(from, to)),
    update: (keys, decide, options) => late(() => store.update(keys, decide, options)),
    onLost: (fn) => store.onLost((error) => {
      const wait = delay();
      if (wait === 0) tab.run(() => fn(error));
      else setTimeout(() => tab.run(() => fn(error)), wait);
    }),
    close: () => store.close(),
    destroy: () => store.destroy(),
  };
}

/** Lets everything happen that needs no time to pass. */
export async function rest(rounds = 40): Promise<void> {
  for (let i = 0; i < rounds; i++) await vi.advanceTimersByTimeAsync(0);
}
