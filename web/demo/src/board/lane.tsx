/** One column of the board. */

import type { Entry } from "@syncline/client";
import { type FormEvent, type ReactNode, useState } from "react";
import { Icon } from "../app/icon.js";
import { type Column, COLUMN_NAMES } from "./card.js";
import { type CardHost, CardView } from "./card-view.js";

interface LaneProps {
  readonly column: Column;
  readonly entries: readonly Entry[];
  /** The card that is being dragged. */
  readonly held: string | null;
  /** Who else drags or edits a card, by its id. */
  readonly holders: ReadonlyMap<string, string>;
  readonly loading: boolean;
  readonly host: CardHost;
  readonly create: (title: string, column: Column) => void;
}

export function Lane({ column, entries, held, holders, loading, host, create }: LaneProps): ReactNode {
  const name = COLUMN_NAMES[column];
  return (
    <section className="lane" data-column={column} aria-label={name}>
      <header className="lane-head">
        <span className="lane-mark" />
        <h2>{name}</h2>
        <span className="lane-count">{entries.length}</span>
      </header>
      {entries.length === 0 && <p className="lane-empty">{loading ? "Reading what is stored…" : "Nothing here. Drop a card, or add one."}</p>}
      <ul className="cards" data-column={column} aria-label={name}>
        {entries.map((entry) => <CardView key={entry.id} entry={entry} held={entry.id === held} holder={holders.get(entry.id)} host={host} />)}
      </ul>
      <NewCard name={name} create={(title) => create(title, column)} />
    </section>
  );
}

function NewCard({ name, create }: { readonly name: string; readonly create: (title: string) => void }): ReactNode {
  const [title, setTitle] = useState("");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (title.trim() !== "") create(title.trim());
    setTitle("");
  };
  return (
    <form className="lane-add" onSubmit={submit}>
      <Icon name="plus" />
      <input className="new-card" placeholder="Add a card" maxLength={200} aria-label={`Add a card to ${name}`} enterKeyHint="done" autoComplete="off" value={title} onChange={(event) => setTitle(event.target.value)} />
    </form>
  );
}
