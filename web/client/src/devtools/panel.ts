import type { Client } from "../client.js";
import { button, h, mark, say } from "./dom.js";
import { entries } from "./entries.js";
import { overview } from "./overview.js";
import { queue } from "./queue.js";
import { rejected } from "./rejected.js";
import type { Desk, Tab } from "./tab.js";
import { timeline } from "./timeline.js";
import { Watch } from "./watch.js";
import { STATES } from "./words.js";

/** The least time between two drawings that nobody has asked for, and the most, in milliseconds. */
const LEAST = 250;
const MOST = 1000;

/** The open panel: head, tabs, and when they are drawn. Out of sight it draws nothing and has no query; it only takes notes. */
export class Panel implements Desk {
  readonly node: HTMLElement;
  readonly client: Client;
  readonly watch = new Watch(() => this.soon());
  readonly #tabs: readonly Tab[];
  readonly #heads: readonly HTMLButtonElement[];
  readonly #body = h("div", { role: "tabpanel", id: "body", tabindex: "0" });
  readonly #pill = h("span", { class: "pill" });
  readonly #network: HTMLButtonElement;
  readonly #voice = h("p", { role: "status", "aria-live": "polite" });
  readonly #ends: readonly (() => void)[];
  #selected = 0;
  #seen = true;
  #ended = false;
  #state = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;
  #drawn = -Infinity;

  /** Draws nothing before a tab is selected. `close` is called when the user has had enough. */
  constructor(client: Client, close: () => void) {
    this.client = client;
    this.#tabs = [overview, entries, queue, rejected, timeline].map((make) => make(this));
    this.#heads = this.#tabs.map(({ name }, i) => button(name, () => this.select(i), { role: "tab", id: `tab${i}`, "aria-controls": "body" }));
    this.#network = button("Network", () => this.#switch(), { role: "switch" });
    const list = h("div", { role: "tablist", "aria-label": "Syncline" }, ...this.#heads);
    list.addEventListener("keydown", (event) => this.#turn(event));
    const head = h("header", {}, h("strong", {}, "Syncline"), this.#pill, this.#network, button("×", close, { "aria-label": "Close" }));
    this.node = h("section", { class: "panel", "aria-label": "Syncline devtools" }, head, list, this.#body, this.#voice);
    this.node.addEventListener("keydown", (event) => {
      // What is typed here is not meant for the application's shortcuts.
      event.stopPropagation();
      if (event.key === "Escape" && !event.isComposing) close();
    });
    this.#ends = [client.subscribe(() => this.soon()), this.#look()];
  }

  /** The index of the tab that is shown. */
  get selected(): number {
    return this.#selected;
  }

  /** Shows another tab. */
  select(index: number): void {
    if (index !== this.#selected) this.#tabs[this.#selected]?.hide?.();
    this.#selected = index;
    this.#heads.forEach((head, i) => {
      mark(head, "aria-selected", String(i === index));
      head.tabIndex = i === index ? 0 : -1;
    });
    mark(this.#body, "aria-labelledby", `tab${index}`);
    const tab = this.#tabs[index];
    if (tab !== undefined) this.#body.replaceChildren(tab.node);
    this.#body.scrollTop = 0;
    this.say("");
    this.now();
  }

  focus(): void {
    this.#heads[this.#selected]?.focus();
  }

  say(text: string): void {
    say(this.#voice, text);
  }

  soon(): void {
    this.#plan(this.#drawn + LEAST);
  }

  now(): void {
    if (!this.#awake) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drawn = performance.now();
    this.#draw();
    this.#plan(this.#drawn + MOST); // times go on, and spaces come and go without notice
  }

  /** Ends all that the panel has running. */
  end(): void {
    this.#ended = true;
    for (const end of this.#ends) end();
    this.watch.follow([]);
    this.#rest();
  }

  get #awake(): boolean {
    return this.#seen && !this.#ended && document.visibilityState === "visible";
  }

  #plan(due: number): void {
    if (!this.#awake || (this.#timer !== undefined && this.#due <= due)) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.now(), due - performance.now());
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tabs[this.#selected]?.hide?.();
  }

  /** Follows whether the panel can be seen. */
  #look(): () => void {
    const wake = (): void => {
      if (this.#awake) this.soon();
      else this.#rest();
    };
    const observer = new IntersectionObserver((entries) => {
      this.#seen = entries.at(-1)?.isIntersecting ?? this.#seen;
      wake();
    });
    observer.observe(this.node);
    document.addEventListener("visibilitychange", wake);
    return () => {
      observer.disconnect();
      document.removeEventListener("visibilitychange", wake);
    };
  }

  #draw(): void {
    const { client } = this;
    this.watch.follow(client.spaces);
    const { state } = client.status;
    say(this.#pill, STATES[state]);
    mark(this.#pill, "data-is", state);
    if (this.#state !== "" && this.#state !== state) this.say(STATES[state]);
    this.#state = state;
    mark(this.#network, "aria-checked", String(this.#online));
    this.#heads.forEach((head, i) => {
      const tab = this.#tabs[i];
      const n = tab?.count?.() ?? 0;
      if (tab !== undefined) say(head, n > 0 ? `${tab.name} ${n > 999 ? "999+" : n}` : tab.name);
    });
    this.#tabs[this.#selected]?.draw();
  }

  /** Whether a connection is had or tried. One space alone may be stopped. */
  get #online(): boolean {
    const { spaces, status } = this.client;
    return (spaces.length > 0 ? spaces : [{ status }]).some((space) => space.status.state !== "paused" && space.status.state !== "stopped");
  }

  #switch(): void {
    if (this.#online) this.client.goOffline();
    else this.client.goOnline();
    this.now();
  }

  #turn(event: KeyboardEvent): void {
    const last = this.#tabs.length - 1;
    const at = this.#selected;
    const keys: { readonly [key: string]: number } = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last };
    const to = keys[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.select(to);
    this.focus();
  }
}
