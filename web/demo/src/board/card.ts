/** What a card is. */

import type { Entry } from "@syncline/client";

export const CARDS = "cards";
export const COLUMNS = ["todo", "doing", "done"] as const;
export type Column = (typeof COLUMNS)[number];
export const COLUMN_NAMES: { readonly [C in Column]: string } = { todo: "To do", doing: "Doing", done: "Done" };
export const COLORS = ["sand", "clay", "moss", "lagoon", "slate", "plum"] as const;
export type Color = (typeof COLORS)[number];

export interface Card {
  readonly id: string;
  readonly title: string;
  readonly column: Column;
  readonly order: number;
  readonly votes: number;
  readonly tags: readonly string[];
  readonly color: Color;
  /** Who has claimed it. */
  readonly owner: string | null;
}

const cards = new WeakMap<Entry, Card>();

/** The card of an entry: the same object for the same entry. */
export function cardOf(entry: Entry): Card {
  let card = cards.get(entry);
  if (card === undefined) cards.set(entry, (card = readCard(entry)));
  return card;
}

/** Reads an entry; whatever other programs wrote into it, a card comes out. */
function readCard({ id, value }: Entry): Card {
  const { title, column, order, votes, tags, color, owner } = value;
  return {
    id,
    title: typeof title === "string" ? title : "Untitled",
    column: COLUMNS.find((name) => name === column) ?? "todo",
    order: typeof order === "number" ? order : 0,
    votes: typeof votes === "number" ? votes : 0,
    tags: Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [],
    color: COLORS.find((name) => name === color) ?? "slate",
    owner: typeof owner === "string" ? owner : null,
  };
}
