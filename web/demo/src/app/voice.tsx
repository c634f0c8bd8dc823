/** What the page says without being asked: to screen readers, and in notes that pass. */

import type { ReactNode } from "react";
import { Held, useValue } from "./held.js";

interface Note {
  readonly n: number;
  readonly strong: string;
  readonly text: string;
}

const MOST = 3;
const said = new Held("");
const notes = new Held<readonly Note[]>([]);
let count = 0;

/** Tells users of screen readers what others see. */
export function announce(text: string): void {
  // The same words again are told again only if something is different.
  said.set(said.get() === text ? `${text}\u00a0` : text);
}

/** Shows a note for some seconds. */
export function note(strong: string, text: string): void {
  notes.set([...notes.get(), { n: ++count, strong, text }].slice(-MOST));
}

/** Takes note of what fails outside of rendering: handlers and promises. */
export function noteFailures(): void {
  const failed = (reason: unknown): void => note("That did not work:", reason instanceof Error ? reason.message : String(reason));
  // What comes without an error is the browser's own remark, or another origin's script.
  addEventListener("error", ({ error }) => error != null && failed(error));
  addEventListener("unhandledrejection", ({ reason }) => failed(reason));
}

export function Voice(): ReactNode {
  const text = useValue(said);
  const shown = useValue(notes);
  return (
    <>
      <div className="unseen" role="status" aria-live="polite">{text}</div>
      <div className="notes" role="status" aria-live="polite">
        {shown.map(({ n, strong, text }) => (
          <div key={n} className="note" onAnimationEnd={() => notes.set(notes.get().filter((other) => other.n !== n))}>
            <strong>{strong}</strong> {text}
          </div>
        ))}
      </div>
    </>
  );
}
