/** Editing of one cell in place. */

import type { Entry } from "@syncline/client";
import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import { cellText, type Field, parseCell } from "./city.js";
import type { RowHost } from "./row.js";

interface CellEditorProps {
  readonly entry: Entry;
  readonly field: Field;
  readonly host: RowHost;
}

/** Enter and leaving save, Escape does not, nor does a value that makes no sense. So does scrolling the row away. */
export function CellEditor({ entry, field, host }: CellEditorProps): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  const [before] = useState(() => cellText(entry, field));
  const [typed, setTyped] = useState(before);
  const valid = parseCell(entry, field, typed) !== undefined;
  const done = useRef(false);
  const end = (keep: boolean, focus: boolean): void => {
    if (done.current) return;
    done.current = true;
    if (keep && typed !== before) host.save(entry, field, typed);
    host.close(focus);
  };
  const leave = useRef(end);
  useLayoutEffect(() => {
    leave.current = end;
  });
  useEffect(() => {
    input.current?.select();
    return () => leave.current(true, false);
  }, []);
  const key = (event: KeyboardEvent): void => {
    event.stopPropagation();
    if (event.nativeEvent.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault();
    end(event.key === "Enter", true);
  };
  return (
    <input
      ref={input}
      className="cell-input"
      aria-label={field.label}
      aria-invalid={!valid}
      title={valid ? undefined : field.name === "name" ? "A city needs a name" : `A number of at most ${field.name === "lat" ? 90 : 180} degrees, north and east positive`}
      maxLength={200}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
      onBlur={() => end(true, false)}
      onKeyDown={key}
    />
  );
}
