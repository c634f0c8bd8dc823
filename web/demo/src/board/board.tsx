/** The board: the cards of the space in three lanes, moved by pointer and by keyboard. */

import type { Entry, Space } from "@syncline/client";
import { usePresence } from "@syncline/client/react";
import { type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { announce } from "../app/voice.js";
import type { Actions } from "./actions.js";
import { cardOf, COLUMN_NAMES, COLUMNS, type Column } from "./card.js";
import type { CardHost } from "./card-view.js";
import { Cursors } from "./cursors.js";
import { useDragging } from "./drag.js";
import { Flip } from "./flip.js";
import { beside, cardElement } from "./focus.js";
import { Lane } from "./lane.js";
import { lanesOf, nudged, type Place, placeOf } from "./lanes.js";
import { readPeers } from "./peers.js";

export interface BoardProps {
  readonly space: Space;
  readonly user: string;
  /** All cards in order. */
  readonly rows: readonly Entry[];
  /** Whether cards may be missing since they are still being read from the disk. */
  readonly loading: boolean;
  readonly actions: Actions;
}

export function Board({ space, user, rows, loading, actions }: BoardProps): ReactNode {
  const root = useRef<HTMLDivElement>(null);
  const latest = useRef(rows);
  const [editing, setEditing] = useState<string | null>(null);
  const peers = readPeers(usePresence(space));
  /** The card that gets the focus once it is where it is going. */
  const wanted = useRef<string | null>(null);

  /** Puts a card where it is wanted, unless it is there. */
  const move = ({ id, column, index }: Place): boolean => {
    const lanes = lanesOf(latest.current);
    const was = placeOf(lanes, id);
    const entry = latest.current.find((one) => one.id === id);
    if (entry === undefined || was === null || (was.column === column && was.index === index)) return false;
    const others = lanes[column].filter((other) => other !== entry);
    actions.move(cardOf(entry), column, index, others.map(cardOf));
    announce(`“${cardOf(entry).title}” is now in ${COLUMN_NAMES[column]}, ${index + 1} of ${others.length + 1}`);
    return true;
  };

  const { place, cancel } = useDragging(root, move);
  useEffect(() => {
    if (place !== null && !rows.some(({ id }) => id === place.id)) cancel(); // somebody else has deleted it
  }, [rows, place, cancel]);

  useLayoutEffect(() => {
    latest.current = rows;
    if (wanted.current === null) return;
    const element = cardElement(root.current, wanted.current);
    if (element === undefined) return;
    wanted.current = null;
    element.focus();
    element.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  const host = useMemo<CardHost>(
    () => ({
      user,
      actions,
      editing: setEditing,
      nudge: (id, key) => {
        const to = nudged(lanesOf(latest.current), id, key);
        if (to !== null && move(to)) wanted.current = id;
      },
      go: (id, key) => beside(root.current, id, key)?.focus(),
      remove: (id) => {
        const next = beside(root.current, id, "ArrowDown") ?? beside(root.current, id, "ArrowUp");
        wanted.current = next?.dataset["id"] ?? null;
        actions.remove(id);
      },
      create: (id) => cardElement(root.current, id)?.closest(".lane")?.querySelector<HTMLInputElement>(".new-card")?.focus(),
    }),
    [user, actions],
  );

  const create = (title: string, column: Column): void => {
    const id = actions.create(title, column, lanesOf(latest.current)[column].map(cardOf));
    requestAnimationFrame(() => cardElement(root.current, id)?.scrollIntoView({ block: "nearest" }));
  };

  const lanes = lanesOf(rows, place);
  return (
    <>
      <p id="card-keys" hidden>Arrow keys go from card to card, with Alt they move it. Enter edits, V votes, T tags, C claims, Delete deletes.</p>
      <Flip held={place?.id ?? null}>
        <div className={place === null ? "board" : "board dragging"} ref={root}>
          {COLUMNS.map((column) => (
            <Lane key={column} column={column} entries={lanes[column]} held={place?.id ?? null} holders={peers.holders} loading={loading} host={host} create={create} />
          ))}
        </div>
      </Flip>
      <Cursors space={space} root={root} pointers={peers.pointers} holding={place?.id ?? editing} />
    </>
  );
}
