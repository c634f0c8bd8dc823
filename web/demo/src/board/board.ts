/** The board: the cards of the space in three lanes. */

import type { LiveQuery, Space } from "@syncline/client";
import { framed, h } from "../dom.js";
import { Actions } from "./actions.js";
import { type Card, CARDS, COLUMNS, type Column } from "./card.js";
import { type CardHost, CardView } from "./card-view.js";
import { Dragging } from "./drag.js";
import { animateMoves } from "./flip.js";
import { byOrder, Lane } from "./lane.js";

/** What the board tells the others: see {@link Cursors}. */
export interface BoardListener {
  /** A card is edited or dragged here, or none. */
  holding(id: string | null): void;
  /** The cards may have moved on the screen. */
  moved(): void;
}

export class Board implements CardHost {
  readonly element = h("div", { class: "board" });
  readonly actions: Actions;
  readonly user: string;
  readonly #query: LiveQuery;
  readonly #lanes: readonly Lane[];
  readonly #views = new Map<string, CardView>();
  readonly #dragging: Dragging;
  #listener: BoardListener | null = null;

  constructor(space: Space, user: string) {
    this.user = user;
    this.actions = new Actions(space, user);
    this.#lanes = COLUMNS.map((column) => new Lane(column, (title, to) => this.#create(title, to)));
    this.element.append(...this.#lanes.map((lane) => lane.element));
    this.#dragging = new Dragging(this.element, {
      lists: this.#lanes.map((lane) => lane.list),
      began: (id) => this.#listener?.holding(id),
      ended: () => {
        this.#listener?.holding(null);
        this.#render();
      },
      dropped: (id, list, index) => this.#drop(id, list, index),
    });
    this.#query = space.query({ in: CARDS, sort: ["order"] });
    this.#query.subscribe(framed(() => this.#render()));
    this.#render();
  }

  listen(listener: BoardListener): void {
    this.#listener = listener;
  }

  editing(id: string | null): void {
    this.#listener?.holding(id);
  }

  cardElement(id: string): HTMLElement | undefined {
    return this.#views.get(id)?.element;
  }

  laneElement(column: string): HTMLElement | undefined {
    return this.#lanes.find((lane) => lane.column === column)?.element;
  }

  nudge(card: Card, key: string): void {
    const column = COLUMNS[COLUMNS.indexOf(card.column) + (key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0)];
    if (column === undefined) return;
    const others = this.#cards(column).filter(({ id }) => id !== card.id);
    const index = others.filter((other) => byOrder(other, card) < 0).length;
    const to = key === "ArrowUp" ? index - 1 : key === "ArrowDown" ? index + 1 : index;
    if (to < 0 || to > others.length) return;
    this.actions.move(card, column, to, others);
    this.#render();
    this.#views.get(card.id)?.element.focus();
  }

  #cards(column: Column): Card[] {
    return [...this.#views.values()].map((view) => view.card).filter((card) => card.column === column).sort(byOrder);
  }

  #create(title: string, column: Column): void {
    const id = this.actions.create(title, column, this.#cards(column));
    this.#render();
    this.#views.get(id)?.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  #drop(id: string, list: HTMLElement, index: number): void {
    const card = this.#views.get(id)?.card;
    const lane = this.#lanes.find((one) => one.list === list);
    if (card === undefined || lane === undefined) return;
    const before = this.#cards(lane.column);
    const others = before.filter((other) => other.id !== id);
    if (before.length > others.length && before[index]?.id === id) return; // back where it was
    this.actions.move(card, lane.column, index, others);
  }

  #render(): void {
    const settle = animateMoves([...this.#views.values()].map((view) => view.element), this.#dragging.held);
    const { rows } = this.#query;
    const gone = new Set(this.#views.keys());
    for (const entry of rows) {
      gone.delete(entry.id);
      const view = this.#views.get(entry.id);
      if (view === undefined) this.#views.set(entry.id, new CardView(entry, this));
      else view.update(entry);
    }
    for (const id of gone) {
      if (this.#dragging.held === id) this.#dragging.cancel();
      this.#views.get(id)?.element.remove();
      this.#views.delete(id);
    }
    const views = [...this.#views.values()].sort((a, b) => byOrder(a.card, b.card));
    for (const lane of this.#lanes) lane.show(views.filter((view) => view.card.column === lane.column), this.#dragging.held);
    settle();
    this.#listener?.moved();
  }
}
