/** Which card is where. */

import type { Entry } from "@syncline/client";
import { cardOf, COLUMNS, type Column } from "./card.js";

/** Where a card is, or is about to be: `index` is that among the other cards of the column. */
export interface Place {
  readonly id: string;
  readonly column: Column;
  readonly index: number;
}

export type Lanes = { readonly [C in Column]: readonly Entry[] };

/** The rows, which are in order, by column. A card that is being dragged is where it would be dropped. */
export function lanesOf(rows: readonly Entry[], dragged: Place | null = null): Lanes {
  const lanes: { [C in Column]: Entry[] } = { todo: [], doing: [], done: [] };
  const held = dragged === null ? undefined : rows.find(({ id }) => id === dragged.id);
  for (const entry of rows) if (entry !== held) lanes[cardOf(entry).column].push(entry);
  if (held !== undefined && dragged !== null) lanes[dragged.column].splice(dragged.index, 0, held);
  return lanes;
}

/** Where a card is now; null if it is nowhere. */
export function placeOf(lanes: Lanes, id: string): Place | null {
  for (const column of COLUMNS) {
    const index = lanes[column].findIndex((entry) => entry.id === id);
    if (index >= 0) return { id, column, index };
  }
  return null;
}

/**
 * Where an arrow key takes a card: up and down by one, to the sides among the cards there as its order says. Null if there is
 * nothing beyond.
 */
export function nudged(lanes: Lanes, id: string, key: string): Place | null {
  const place = placeOf(lanes, id);
  if (place === null) return null;
  const { column, index } = place;
  if (key === "ArrowUp" || key === "ArrowDown") {
    const to = index + (key === "ArrowUp" ? -1 : 1);
    return to < 0 || to >= lanes[column].length ? null : { id, column, index: to };
  }
  const beside = COLUMNS[COLUMNS.indexOf(column) + (key === "ArrowRight" ? 1 : -1)];
  const entry = lanes[column][index];
  if (beside === undefined || entry === undefined) return null;
  const { order } = cardOf(entry);
  return { id, column: beside, index: lanes[beside].filter((other) => cardOf(other).order <= order).length };
}
