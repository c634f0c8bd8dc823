/** Undo and redo of what this window has done to the board. */

import type { Space } from "@syncline/client";
import { History } from "@syncline/client/undo";
import { type ReactNode, useEffect, useMemo, useSyncExternalStore } from "react";
import { Icon } from "../app/icon.js";
import { announce } from "../app/voice.js";
import { CARDS } from "./card.js";

/** One history for each space, as long as the page is there: what was done does not depend on what is shown. */
export function useHistory(space: Space): History {
  return useMemo(() => new History(space, { collections: [CARDS] }), [space]);
}

export function UndoButtons({ history }: { readonly history: History }): ReactNode {
  const subscribe = useMemo(() => history.subscribe.bind(history), [history]);
  const undo = useSyncExternalStore(subscribe, () => history.undoName);
  const redo = useSyncExternalStore(subscribe, () => history.redoName);
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      const way = wayOf(event);
      if (way === undefined || typing(event.target)) return;
      event.preventDefault();
      step(history, way);
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, [history]);
  return (
    <div className="undo" role="group" aria-label="History">
      <Button way="undo" name={undo} press={() => step(history, "undo")} />
      <Button way="redo" name={redo} press={() => step(history, "redo")} />
    </div>
  );
}

const LABELS = { undo: "Undo", redo: "Redo" } as const;
const SHORTCUTS = { undo: "Ctrl+Z", redo: "Ctrl+Shift+Z" } as const;
type Way = keyof typeof LABELS;

/** It stays focusable when there is nothing to do: who presses it several times must not lose the focus. */
function Button({ way, name, press }: { readonly way: Way; readonly name: string | undefined; readonly press: () => void }): ReactNode {
  const title = name === undefined ? `Nothing to ${way}` : `${LABELS[way]}: ${name} (${SHORTCUTS[way]})`;
  return (
    <button className="ghost" aria-label={LABELS[way]} title={title} aria-disabled={name === undefined} aria-keyshortcuts={way === "undo" ? "Control+Z" : "Control+Shift+Z"} onClick={press}>
      <Icon name={way} />
    </button>
  );
}

function step(history: History, way: Way): void {
  const name = way === "undo" ? history.undoName : history.redoName;
  const mutation = way === "undo" ? history.undo() : history.redo();
  if (mutation !== undefined) announce(`${way === "undo" ? "Undone" : "Done again"}: ${name ?? ""}`);
  else if (name !== undefined) announce("Others have changed that since: there is nothing left to take back.");
}

function wayOf({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): Way | undefined {
  if (ctrlKey === metaKey || altKey) return undefined;
  const letter = key.toLowerCase();
  return letter === "z" ? (shiftKey ? "redo" : "undo") : letter === "y" && ctrlKey && !shiftKey ? "redo" : undefined;
}

/** In a text field the keys belong to what is typed there. */
function typing(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select") !== null;
}
