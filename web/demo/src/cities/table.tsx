/** The table: a virtual grid over a live query, with one active cell. Only the rows on the screen are elements. */

import type { Entry, LiveQuery, Space } from "@syncline/client";
import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { CITIES, FIELDS, parseCell, type Regions } from "./city.js";
import { Head } from "./head.js";
import { useLive } from "./live.js";
import type { Mark } from "./marks.js";
import type { Wanted } from "./queries.js";
import { Row, type RowHost } from "./row.js";
import { reveal, useRange } from "./scroll.js";

/** The height of a row in pixels; the style says the same. */
const ROW = 38;

export interface TableProps {
  readonly space: Space;
  readonly live: LiveQuery;
  /** What the query asks for. */
  readonly wanted: Wanted;
  readonly sortBy: (sort: string, direction: "asc" | "desc") => void;
  readonly marks: ReadonlyMap<string, Mark>;
  readonly regions: Regions;
  /** Is told how many rows there are. */
  readonly counted: (total: number) => void;
  /** Whether there is nothing since nothing has come yet. */
  readonly empty: boolean;
}

interface Cell {
  readonly row: number;
  readonly column: number;
}

export function Table({ space, live, wanted, sortBy, marks, regions, counted, empty }: TableProps): ReactNode {
  const scroller = useRef<HTMLDivElement>(null);
  const { from, count } = useRange(scroller, ROW);
  const { rows: all, total, status } = useLive(live, ({ result }) => result);
  const rows = all.slice(from, from + count);
  const [cell, setCell] = useState<Cell>({ row: 0, column: 0 });
  const [focused, setFocused] = useState(false);
  const [editing, setEditing] = useState<string | null>(null);
  const active: Cell = { row: Math.max(0, Math.min(cell.row, total - 1)), column: cell.column };
  const entry: Entry | undefined = rows[active.row - from];
  const field = FIELDS[active.column];

  useEffect(() => counted(total), [counted, total]);
  useLayoutEffect(() => {
    // Another list begins at its beginning.
    if (scroller.current !== null) scroller.current.scrollTop = 0;
    setCell(({ column }) => ({ row: 0, column }));
    setEditing(null);
  }, [wanted]);
  const id = entry?.id;
  useEffect(() => {
    space.presence.set({ page: "cities", ...(focused && id !== undefined && field !== undefined ? { id, field: field.name } : { id: null, field: null }) });
  }, [space, focused, id, field]);

  /** Whether the active cell is to be brought in sight sideways, too: where it is narrow. */
  const aside = useRef(false);
  useLayoutEffect(() => {
    if (!aside.current) return;
    aside.current = false;
    document.getElementById("active-cell")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  const go = (row: number, column: number): void => {
    const to = { row: Math.max(0, Math.min(row, total - 1)), column: Math.max(0, Math.min(column, FIELDS.length - 1)) };
    setCell(to);
    reveal(scroller.current, to.row, ROW);
  };
  const key = (event: KeyboardEvent): void => {
    if (event.target !== scroller.current || event.altKey) return;
    const page = Math.max(1, Math.floor(scroller.current.clientHeight / ROW) - 2);
    const { row, column } = active;
    switch (event.key) {
      case "ArrowDown": go(row + 1, column); break;
      case "ArrowUp": go(row - 1, column); break;
      case "ArrowRight": case "ArrowLeft":
        aside.current = true;
        go(row, column + (event.key === "ArrowRight" ? 1 : -1));
        break;
      case "PageDown": go(row + page, column); break;
      case "PageUp": go(row - page, column); break;
      case "Home": go(0, column); break;
      case "End": go(total - 1, column); break;
      case "Enter": case "F2":
        reveal(scroller.current, row, ROW);
        if (field?.editable === true && entry !== undefined) setEditing(entry.id);
        break;
      default: return;
    }
    event.preventDefault();
  };

  const latest = useRef({ go });
  useLayoutEffect(() => {
    latest.current = { go };
  });
  const host = useMemo<RowHost>(
    () => ({
      pick: (index, column, edit) => {
        latest.current.go(index, column);
        setEditing(edit);
        if (edit === null) scroller.current?.focus({ preventScroll: true });
      },
      save: (of, name, typed) => {
        const value = parseCell(of, name, typed);
        if (value !== undefined) space.patch(CITIES, of.id, { $set: { [name.name]: value } });
      },
      close: (focus) => {
        setEditing(null);
        if (focus) scroller.current?.focus({ preventScroll: true });
      },
    }),
    [space],
  );

  return (
    <div
      ref={scroller}
      className="grid"
      role="grid"
      tabIndex={0}
      aria-label="Cities"
      aria-rowcount={total + 1}
      aria-colcount={FIELDS.length}
      aria-busy={empty || status === "loading"}
      aria-activedescendant={entry === undefined ? undefined : "active-cell"}
      onKeyDown={key}
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
    >
      <Head wanted={wanted} sortBy={sortBy} />
      <div className="canvas" role="rowgroup" style={{ height: total * ROW }}>
        {rows.map((row, i) => (
          <Row
            key={row.id}
            entry={row}
            index={from + i}
            top={(from + i) * ROW}
            active={from + i === active.row ? active.column : -1}
            editing={row.id === editing}
            mark={marks.get(row.id)}
            regions={regions}
            host={host}
          />
        ))}
      </div>
      {total === 0 && !empty && status !== "loading" && <p className="nothing">No city begins like that. Take something out of the filter.</p>}
    </div>
  );
}
