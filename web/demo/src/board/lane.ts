/** One column of the board. */

import { h, icon, moveBefore } from "../dom.js";
import { type Card, type Column, COLUMN_NAMES } from "./card.js";
import type { CardView } from "./card-view.js";

export class Lane {
  readonly element: HTMLElement;
  readonly list: HTMLUListElement;
  readonly column: Column;
  readonly #count = h("span", { class: "lane-count" });
  readonly #empty = h("p", { class: "lane-empty" }, "Drop a card here");

  constructor(column: Column, create: (title: string, column: Column) => void) {
    this.column = column;
    const name = COLUMN_NAMES[column];
    this.list = h("ul", { class: "cards", "aria-label": name });
    const input = h("input", { class: "new-card", placeholder: "Add a card", maxlength: 200, "aria-label": `Add a card to ${name}`, enterkeyhint: "done" });
    const submit = (event: SubmitEvent): void => {
      event.preventDefault();
      const title = input.value.trim();
      if (title !== "") create(title, column);
      input.value = "";
    };
    this.element = h(
      "section",
      { class: "lane", "data-column": column, "aria-label": name },
      h("header", { class: "lane-head" }, h("span", { class: "lane-mark" }), h("h2", {}, name), this.#count),
      this.list,
      this.#empty,
      h("form", { class: "lane-add", onsubmit: submit }, icon("plus"), input),
    );
  }

  /** Shows these cards in this order. The `held` one is being dragged and stays where it is. */
  show(views: readonly CardView[], held: string | null): void {
    let at = this.list.firstElementChild;
    const skipHeld = (): void => {
      if (at instanceof HTMLElement && at.dataset["id"] === held) at = at.nextElementSibling;
    };
    for (const { element, card } of views) {
      if (card.id === held && element.isConnected) continue;
      skipHeld();
      if (element === at) at = at.nextElementSibling;
      else moveBefore(this.list, element, at);
    }
    this.#count.textContent = String(views.length);
    this.#empty.hidden = views.length > 0;
  }
}

/** The place of a card in a list of cards sorted by order and id. */
export function byOrder(a: Card, b: Card): number {
  return a.order - b.order || (a.id < b.id ? -1 : 1);
}
