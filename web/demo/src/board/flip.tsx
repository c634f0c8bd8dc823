/** Cards that change place glide there instead of jumping. */

import { Component, type ReactNode } from "react";
import { cardElement } from "./focus.js";

interface FlipProps {
  /** The card that follows the pointer, and does not glide. */
  readonly held: string | null;
  readonly children: ReactNode;
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const GLIDE = { duration: 180, easing: "cubic-bezier(.2,.8,.2,1)" };

/** A class, since only these are asked just before the document changes. */
export class Flip extends Component<FlipProps> {
  override getSnapshotBeforeUpdate(): ReadonlyMap<string, DOMRect> {
    if (calm.matches || document.hidden) return new Map();
    return new Map(cards().map((card) => [card.dataset["id"] ?? "", card.getBoundingClientRect()]));
  }

  override componentDidUpdate(_props: FlipProps, _state: unknown, before: ReadonlyMap<string, DOMRect>): void {
    const board = document.querySelector<HTMLElement>(".board");
    // First all are measured, then all are set going: so the browser lays out once.
    const moves = [...before].flatMap(([id, was]) => {
      const card = id === this.props.held ? undefined : cardElement(board, id);
      if (card === undefined) return [];
      const is = card.getBoundingClientRect();
      return [{ card, dx: was.left - is.left, dy: was.top - is.top }];
    });
    for (const { card, dx, dy } of moves) {
      if (Math.abs(dx) + Math.abs(dy) >= 2) card.animate([{ transform: `translate(${dx}px, ${dy}px)` }, { transform: "none" }], GLIDE);
    }
  }

  override render(): ReactNode {
    return this.props.children;
  }
}

function cards(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(".board .card")];
}
