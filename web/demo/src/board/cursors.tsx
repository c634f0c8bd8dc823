/** The pointers of the others; and telling them about one's own. */

import type { Space } from "@syncline/client";
import { type ReactNode, type RefObject, useEffect, useLayoutEffect, useRef } from "react";
import { hue } from "../app/avatar.js";
import { displayName } from "../app/person.js";
import { cardElement } from "./focus.js";
import type { Pointer, Spot } from "./peers.js";

/** Milliseconds between two words about one's own pointer. */
const PACE = 40;

interface CursorsProps {
  readonly space: Space;
  /** The board. */
  readonly root: RefObject<HTMLElement | null>;
  readonly pointers: readonly Pointer[];
  /** The card that is dragged or edited here. */
  readonly holding: string | null;
}

export function Cursors({ space, root, pointers, holding }: CursorsProps): ReactNode {
  const layer = useRef<HTMLDivElement>(null);
  useTelling(space, root, holding);
  const place = (): void => {
    for (const [i, { at }] of pointers.entries()) {
      const arrow = layer.current?.children[i];
      if (arrow instanceof HTMLElement) put(arrow, at, root.current);
    }
  };
  useLayoutEffect(place); // cards may have moved with any change of the board
  useEffect(() => {
    const options = { capture: true, passive: true };
    const board = root.current;
    board?.addEventListener("scroll", place, options);
    addEventListener("resize", place);
    return () => {
      board?.removeEventListener("scroll", place, options);
      removeEventListener("resize", place);
    };
  });
  return (
    <div className="cursors" aria-hidden="true" ref={layer}>
      {pointers.map(({ session, user }) => (
        <div key={session} className="cursor" data-user={user} style={hue(user)}><span className="cursor-name">{displayName(user)}</span></div>
      ))}
    </div>
  );
}

function put(arrow: HTMLElement, at: Spot, board: HTMLElement | null): void {
  const anchor = at.card !== undefined ? cardElement(board, at.card) : board?.querySelector(`.lane[data-column="${CSS.escape(at.lane ?? "")}"]`);
  arrow.hidden = !anchor;
  if (!anchor) return;
  const { left, top, width, height } = anchor.getBoundingClientRect();
  arrow.style.transform = `translate(${left + at.x * width}px, ${top + at.y * height}px)`;
}

/** Tells the others where the pointer is, now and then, and what is held. */
function useTelling(space: Space, root: RefObject<HTMLElement | null>, holding: string | null): void {
  const spot = useRef<Spot | null>(null);
  useEffect(() => {
    const board = root.current;
    if (board === null) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tell = (): void => {
      timer = undefined;
      space.presence.set({ page: "board", at: spot.current === null ? null : { ...spot.current }, held: holding });
    };
    const say = (at: Spot | null): void => {
      spot.current = at;
      timer ??= setTimeout(tell, PACE);
    };
    const moved = ({ clientX, clientY }: PointerEvent): void => {
      const at = spotAt(clientX, clientY);
      if (at !== undefined) say(at);
    };
    const left = (): void => say(null);
    tell();
    board.addEventListener("pointermove", moved);
    board.addEventListener("pointerleave", left);
    return () => {
      clearTimeout(timer);
      board.removeEventListener("pointermove", moved);
      board.removeEventListener("pointerleave", left);
    };
  }, [space, root, holding]);
}

function spotAt(x: number, y: number): Spot | undefined {
  const under = document.elementFromPoint(x, y);
  const card = under?.closest<HTMLElement>(".card[data-id]:not(.dragged)");
  const anchor = card ?? under?.closest<HTMLElement>(".lane");
  if (!anchor) return undefined;
  const { left, top, width, height } = anchor.getBoundingClientRect();
  const part = (n: number): number => Math.round(n * 1000) / 1000;
  const at = { x: part((x - left) / width), y: part((y - top) / height) };
  return card ? { card: card.dataset["id"] ?? "", ...at } : { lane: anchor.dataset["column"] ?? "", ...at };
}
