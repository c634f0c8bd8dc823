/** The page `/`: a board that several people edit at once. */

import type { TitleOf } from "../describe.js";
import { displayName } from "../person.js";
import { connect } from "../session.js";
import { mountShell } from "../shell.js";
import { Board } from "./board.js";
import { CARDS } from "./card.js";
import { Cursors } from "./cursors.js";

const { client, user } = connect();
const space = client.space("demo/board", { view: [{ in: CARDS }], presence: true });

/** Titles stay known when their cards are gone: the panel still has to name them. */
const titles = new Map<string, string>();
const titleOf: TitleOf = (collection, id) => {
  const title = space.get(collection, id)?.value["title"];
  if (typeof title === "string") titles.set(id, title);
  return titles.get(id) ?? "a card";
};

const board = new Board(space, user);
const everyCard = space.query({ in: CARDS });
everyCard.subscribe(() => {
  for (const { id } of everyCard.rows) titleOf(CARDS, id);
});

mountShell({
  client,
  space,
  user,
  page: "/",
  titleOf,
  main: board.element,
  panel: true,
  hint: `You are ${displayName(user)}. Switch the network off in two windows, vote and tag in both, claim the same card in both, then switch it on: votes add up, tags join, and one claim is refused.`,
});
new Cursors(board, space.presence);
document.title = `Board · ${displayName(user)} · Syncline`;
