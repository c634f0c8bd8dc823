/** Everything that the board writes, each act a step that can be undone. */

import type { Space } from "@syncline/client";
import type { History } from "@syncline/client/undo";
import { type Card, CARDS, COLORS, type Color, type Column } from "./card.js";
import { place } from "./place.js";

export class Actions {
  readonly #space: Space;
  readonly #user: string;
  readonly #history: History;

  constructor(space: Space, user: string, history: History) {
    this.#space = space;
    this.#user = user;
    this.#history = history;
  }

  create(title: string, column: Column, below: readonly Card[]): string {
    const id = newId();
    const order = place(below.map((card) => card.order), below.length) ?? 1;
    const color = COLORS[Math.floor(Math.random() * COLORS.length)] ?? "slate";
    this.#history.group(`add “${title}”`, () => this.#space.put(CARDS, id, { title, column, order, votes: 0, tags: [], color }));
    return id;
  }

  /** Puts a card into a column at `index` among its `others`. */
  move(card: Card, column: Column, index: number, others: readonly Card[]): void {
    const order = place(others.map((other) => other.order), index);
    this.#step("move", card.id, () => {
      if (order !== null) {
        this.#space.patch(CARDS, card.id, { $set: { column, order } });
        return;
      }
      const all = others.toSpliced(index, 0, card);
      this.#space.mutate((tx) => {
        for (const [i, { id }] of all.entries()) {
          tx.patch(CARDS, id, { $set: id === card.id ? { column, order: i + 1 } : { order: i + 1 } });
        }
      });
    });
  }

  rename(id: string, title: string): void {
    this.#step("rename", id, () => this.#space.patch(CARDS, id, { $set: { title } }));
  }

  /** Counters add up whoever else votes, also offline. */
  vote(id: string): void {
    this.#step("vote for", id, () => this.#space.patch(CARDS, id, { $inc: { votes: 1 } }));
  }

  tag(id: string, tag: string): void {
    this.#step("tag", id, () => this.#space.patch(CARDS, id, { $add: { tags: [tag] } }));
  }

  untag(id: string, tag: string): void {
    this.#step("untag", id, () => this.#space.patch(CARDS, id, { $remove: { tags: [tag] } }));
  }

  color(id: string, color: Color): void {
    this.#step("colour", id, () => this.#space.patch(CARDS, id, { $set: { color } }));
  }

  /** Serializable: refused as stale if somebody else has touched the card meanwhile. */
  claim(id: string): void {
    this.#step("claim", id, () =>
      this.#space.mutate(
        (tx) => {
          const owner = tx.get(CARDS, id)?.value["owner"];
          if (owner === this.#user) tx.patch(CARDS, id, { $unset: ["owner"] });
          else tx.patch(CARDS, id, { $set: { owner: this.#user } });
        },
        { serializable: true },
      ),
    );
  }

  remove(id: string): void {
    this.#step("delete", id, () => this.#space.delete(CARDS, id));
  }

  #step(verb: string, id: string, act: () => unknown): void {
    const title = this.#space.get(CARDS, id)?.value["title"];
    this.#history.group(`${verb} “${typeof title === "string" ? title : "a card"}”`, act);
  }
}

/** 96 random bits; crypto.randomUUID is missing on pages without TLS. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}
