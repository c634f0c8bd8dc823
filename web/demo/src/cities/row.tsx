/** One row of the table. */

import type { Entry } from "@syncline/client";
import { type CSSProperties, memo, type MouseEvent, type ReactNode, type RefObject, useLayoutEffect, useRef } from "react";
import { displayName, hueOf, initialsOf } from "../app/person.js";
import { CellEditor } from "./cell-editor.js";
import { cellText, type Field, FIELDS, type Regions } from "./city.js";
import type { Mark } from "./marks.js";

/** What a row asks of the table. */
export interface RowHost {
  /** Makes a cell the active one; `edit` is the id of the row if it is to be edited. */
  pick(index: number, column: number, edit: string | null): void;
  save(entry: Entry, field: Field, typed: string): void;
  /** Ends the editing; `focus` takes the keyboard back to the table. */
  close(focus: boolean): void;
}

export interface RowProps {
  readonly entry: Entry;
  /** Its place among all rows, from 0. */
  readonly index: number;
  readonly top: number;
  /** The column of the active cell, -1 if it is in another row. */
  readonly active: number;
  /** Whether the active cell is being edited. */
  readonly editing: boolean;
  readonly mark: Mark | undefined;
  readonly regions: Regions;
  readonly host: RowHost;
}

const BADGES = { confirmed: "", pending: "pending", rejected: "refused" } as const;

export const Row = memo(function Row({ entry, index, top, active, editing, mark, regions, host }: RowProps): ReactNode {
  return (
    <div className="row" role="row" aria-rowindex={index + 2} data-id={entry.id} data-state={entry.state} style={{ transform: `translateY(${top}px)` }}>
      {FIELDS.map((field, column) => (
        <Cell
          key={field.name}
          entry={entry}
          field={field}
          column={column}
          active={active === column}
          editing={editing && active === column}
          holder={mark?.field === field.name ? mark.user : undefined}
          regions={regions}
          pick={(edit) => host.pick(index, column, edit ? entry.id : null)}
          host={host}
        />
      ))}
    </div>
  );
});

interface CellProps {
  readonly entry: Entry;
  readonly field: Field;
  readonly column: number;
  readonly active: boolean;
  readonly editing: boolean;
  readonly holder: string | undefined;
  readonly regions: Regions;
  readonly pick: (edit: boolean) => void;
  readonly host: RowHost;
}

function Cell({ entry, field, column, active, editing, holder, regions, pick, host }: CellProps): ReactNode {
  const cell = useRef<HTMLDivElement>(null);
  const text = cellText(entry, field, regions);
  useFlash(cell, text, entry.state === "confirmed");
  const badge = field.name === "name" ? BADGES[entry.state] : "";
  const click = ({ nativeEvent }: MouseEvent): void => {
    if (editing) return;
    // There is no double click by touch: the second touch of a cell edits it.
    const touch = nativeEvent instanceof PointerEvent && nativeEvent.pointerType === "touch";
    pick(touch && active && field.editable);
  };
  return (
    <div
      ref={cell}
      className={active ? "cell active" : "cell"}
      id={active ? "active-cell" : undefined}
      role="gridcell"
      aria-colindex={column + 1}
      aria-readonly={!field.editable}
      data-field={field.name}
      data-holder={holder === undefined ? undefined : displayName(holder)}
      data-initials={holder === undefined ? undefined : initialsOf(holder)}
      style={holder === undefined ? undefined : ({ "--holder": String(hueOf(holder)) } as CSSProperties)}
      onClick={click}
      onAnimationEnd={({ currentTarget }) => delete currentTarget.dataset["flash"]}
      onDoubleClick={() => !editing && pick(field.editable)}
    >
      {editing ? <CellEditor entry={entry} field={field} host={host} /> : <span className="text">{text}</span>}
      {badge !== "" && !editing && <span className="badge">{badge}</span>}
    </div>
  );
}

/** Lets a cell light up and fade when somebody else has changed it: then its text is another one that nobody here has made pending. */
function useFlash(cell: RefObject<HTMLElement | null>, text: string, confirmed: boolean): void {
  const before = useRef(text);
  useLayoutEffect(() => {
    if (before.current === text) return;
    before.current = text;
    if (confirmed && cell.current !== null) cell.current.dataset["flash"] = "";
  }, [cell, text, confirmed]);
}
