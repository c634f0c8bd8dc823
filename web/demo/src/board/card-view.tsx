/** One card on the screen. */

import type { Entry } from "@syncline/client";
import { type CSSProperties, type KeyboardEvent, memo, type ReactNode, useRef, useState } from "react";
import { Avatar } from "../app/avatar.js";
import { Icon } from "../app/icon.js";
import { displayName, hueOf } from "../app/person.js";
import type { Actions } from "./actions.js";
import { cardOf, COLORS } from "./card.js";
import { Tags } from "./tags.js";
import { TitleEditor } from "./title-editor.js";

/** What a card asks of the board. */
export interface CardHost {
  readonly actions: Actions;
  readonly user: string;
  /** The title of a card is being edited (or no longer: null). */
  editing(id: string | null): void;
  /** Moves a card by an arrow key. */
  nudge(id: string, key: string): void;
  /** Moves the focus by an arrow key. */
  go(id: string, key: string): void;
  remove(id: string): void;
  /** Begins a new card in the same column. */
  create(id: string): void;
}

export interface CardProps {
  readonly entry: Entry;
  /** Whether it is being dragged here. */
  readonly held: boolean;
  /** Who else drags or edits it. */
  readonly holder: string | undefined;
  readonly host: CardHost;
}

const BADGES = { confirmed: "", pending: "pending", rejected: "refused" } as const;

export const CardView = memo(function CardView({ entry, held, holder, host }: CardProps): ReactNode {
  const card = cardOf(entry);
  const { id, title, color, votes, owner, tags } = card;
  const { actions, user } = host;
  const element = useRef<HTMLLIElement>(null);
  const [mode, setMode] = useState<"show" | "title" | "tag">("show");
  const edit = (): void => {
    setMode("title");
    host.editing(id);
  };
  const back = (focus: boolean): void => {
    if (mode === "title") host.editing(null);
    setMode("show");
    if (focus) element.current?.focus();
  };
  const recolor = (): void => actions.color(id, COLORS[(COLORS.indexOf(color) + 1) % COLORS.length] ?? "slate");
  const key = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey) return;
    if (event.key.startsWith("Arrow")) (event.altKey ? host.nudge : host.go)(id, event.key);
    else if (event.altKey) return;
    else if (event.key === "Enter") edit();
    else if (event.key === "Delete") host.remove(id);
    else if (event.key === "v") actions.vote(id);
    else if (event.key === "t") setMode("tag");
    else if (event.key === "c") actions.claim(id);
    else if (event.key === "n") host.create(id);
    else return;
    event.preventDefault();
  };
  return (
    <li
      ref={element}
      className={held ? "card placeholder" : "card"}
      tabIndex={0}
      data-id={id}
      data-color={color}
      data-state={entry.state}
      data-holder={holder === undefined ? undefined : displayName(holder)}
      style={holder === undefined ? undefined : ({ "--holder": String(hueOf(holder)) } as CSSProperties)}
      aria-label={title}
      aria-describedby="card-keys"
      onKeyDown={key}
    >
      <div className="card-head">
        {mode === "title" ? (
          <TitleEditor title={title} save={(to) => actions.rename(id, to)} close={back} />
        ) : (
          <div className="card-title" title="Double-click or press Enter to edit" onDoubleClick={edit} onClick={({ nativeEvent }) => nativeEvent instanceof PointerEvent && nativeEvent.pointerType === "touch" && edit()}>{title}</div>
        )}
        <button className="dot" title="Change colour" aria-label="Change colour" onClick={recolor} />
        <span className="grip" title="Drag" aria-hidden="true"><Icon name="grip" /></span>
      </div>
      <Tags tags={tags} adding={mode === "tag"} begin={() => setMode("tag")} add={(tag) => actions.tag(id, tag)} remove={(tag) => actions.untag(id, tag)} close={back} />
      <div className="card-foot">
        <button className="chip vote" aria-label={`Vote, ${votes} so far`} onClick={() => actions.vote(id)}><Icon name="up" /><span className="count">{votes}</span></button>
        <Claim owner={owner} user={user} claim={() => actions.claim(id)} />
        <span className="gap" />
        <span className="badge">{BADGES[entry.state]}</span>
        <button className="ghost remove" title="Delete" aria-label="Delete card" onClick={() => host.remove(id)}><Icon name="trash" /></button>
      </div>
    </li>
  );
});

function Claim({ owner, user, claim }: { readonly owner: string | null; readonly user: string; readonly claim: () => void }): ReactNode {
  const mine = owner === user;
  const title = owner === null ? "Claim this card: the first one gets it" : mine ? "Give it back" : `${displayName(owner)} has it. Click to take over`;
  return (
    <button className={`chip claim${owner === null ? "" : mine ? " owned mine" : " owned"}`} title={title} onClick={claim}>
      {owner === null ? <><Icon name="hand" />Claim</> : <><Avatar user={owner} named />{mine ? "You" : displayName(owner)}</>}
    </button>
  );
}
