/** The page around the board. */

import { useQuery, useSpace } from "@syncline/client/react";
import { type ReactNode, useMemo } from "react";
import type { Keys } from "../app/panel.js";
import { MEMBERS } from "../app/roles.js";
import type { Session } from "../app/session.js";
import { Shell } from "../app/shell.js";
import { useTitles } from "../app/titles.js";
import { Actions } from "./actions.js";
import { Board } from "./board.js";
import { CARDS } from "./card.js";
import { UndoButtons, useHistory } from "./history.js";

const OPTIONS = { view: [{ in: CARDS }, { in: MEMBERS }], presence: true };
const QUERY = { in: CARDS, sort: ["order"] };
const KEYS: Keys = [
  ["← ↑ ↓ →", "Go from card to card"],
  ["Alt ← ↑ ↓ →", "Move the card"],
  ["Enter", "Edit the title"],
  ["V", "Vote"],
  ["T", "Add a tag"],
  ["C", "Claim"],
  ["Del", "Delete the card"],
  ["N", "New card below"],
  ["Ctrl Z", "Undo"],
  ["Ctrl ⇧ Z", "Redo"],
];
const HINT = "Switch the network off in two windows, vote and tag in both, claim the same card in both, then switch it on: votes add up, tags join, and one claim is refused.";

export function BoardPage({ client, user }: Session): ReactNode {
  const space = useSpace("demo/board", OPTIONS);
  const { rows, status } = useQuery(space, QUERY);
  const titleOf = useTitles(space, "title", "a card", rows);
  const history = useHistory(space);
  const actions = useMemo(() => new Actions(space, user, history), [space, user, history]);
  return (
    <Shell client={client} space={space} user={user} page="Board" titleOf={titleOf} hint={HINT} keys={KEYS} panel tools={<UndoButtons history={history} />} foot="Drag the cards, or move them with Alt and the arrow keys.">
      <Board space={space} user={user} rows={rows} loading={status === "loading"} actions={actions} />
    </Shell>
  );
}
