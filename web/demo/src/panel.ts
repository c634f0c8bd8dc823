/** The panel at the side: how the window stands with the server, what waits, what was refused. */

import type { Client, Mutation, Rejected, Space } from "@syncline/client";
import { describe, reason, type TitleOf } from "./describe.js";
import { framed, h, icon } from "./dom.js";
import { ago, STATE_NAMES } from "./status.js";

/** Only so many pending writes are listed one by one. */
const LISTED = 50;

export class Panel {
  readonly element: HTMLElement;
  readonly #client: Client;
  readonly #space: Space;
  readonly #titleOf: TitleOf;
  readonly #facts = h("dl", { class: "facts" });
  readonly #error = h("p", { class: "error", role: "alert" });
  readonly #pending = h("section", { class: "queue pending" });
  readonly #rejected = h("section", { class: "queue rejected" });

  constructor(client: Client, space: Space, titleOf: TitleOf, hint: string) {
    this.#client = client;
    this.#space = space;
    this.#titleOf = titleOf;
    const second = h("a", { class: "second", href: location.pathname, target: "_blank", rel: "noopener" }, icon("window"), "Open a second window");
    this.element = h(
      "aside",
      { class: "panel", id: "panel", "aria-label": "Sync" },
      h("section", {}, h("h2", {}, "This window"), this.#facts, this.#error),
      this.#rejected,
      this.#pending,
      h("section", { class: "try" }, h("h2", {}, "Try it"), h("p", {}, hint), second),
    );
    const show = framed(() => this.#show());
    space.subscribe(show);
    setInterval(() => this.#showFacts(), 1000);
    this.#show();
  }

  /** A refused mutation in a sentence. */
  wordsFor({ ops, outcome }: Rejected): string {
    return `${describe(ops, this.#titleOf)}: ${reason(outcome)}`;
  }

  #show(): void {
    this.#showFacts();
    const { pending, rejected } = this.#space;
    const online = this.#space.status.state !== "paused";
    this.#pending.replaceChildren(
      h("h2", {}, "Pending ", h("span", { class: "number" }, String(pending.length))),
      pending.length === 0
        ? h("p", { class: "none" }, online ? "Everything has reached the server." : "Nothing yet. What you change now waits here.")
        : h("ol", {}, ...pending.slice(0, LISTED).map((mutation) => this.#pendingItem(mutation))),
    );
    this.#rejected.hidden = rejected.length === 0;
    this.#rejected.replaceChildren(
      h("h2", {}, "Refused ", h("span", { class: "number" }, String(rejected.length))),
      h("ol", {}, ...rejected.map((one) => this.#rejectedItem(one))),
    );
  }

  #showFacts(): void {
    const { state, transport, lastSynced, error } = this.#space.status;
    const synced = state === "live" ? "now" : ago(lastSynced, Date.now());
    const facts = [["State", STATE_NAMES[state]], ["Transport", transport ?? "none"], ["Last synced", synced]] as const;
    const text = facts.flat().join("\n");
    if (this.#facts.dataset["text"] !== text) {
      this.#facts.dataset["text"] = text;
      this.#facts.replaceChildren(...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
    }
    this.#error.hidden = error === undefined || state === "live" || state === "paused";
    this.#error.textContent = error === undefined ? "" : `${error.message} (${error.code})`;
    if (state === "stopped" && !this.#error.hidden) this.#error.append(" ", h("button", { onclick: () => this.#client.goOnline() }, "Reconnect"));
  }

  #pendingItem({ ops, state }: Mutation): HTMLElement {
    return h("li", { "data-state": state }, h("span", { class: "what" }, describe(ops, this.#titleOf)), h("span", { class: "mutation-state" }, state));
  }

  #rejectedItem(rejected: Rejected): HTMLElement {
    const { id, ops, outcome } = rejected;
    return h(
      "li",
      { "data-code": outcome.code ?? outcome.outcome },
      h("span", { class: "what" }, describe(ops, this.#titleOf)),
      h("span", { class: "why" }, reason(outcome), " ", h("code", {}, outcome.code ?? outcome.outcome)),
      h("span", { class: "choices" },
        h("button", { class: "retry", onclick: () => this.#space.retry(id) }, "Retry"),
        h("button", { class: "discard", onclick: () => this.#space.discard(id) }, "Discard")),
    );
  }
}
