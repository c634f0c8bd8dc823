/** Dragging cards by mouse, pen and touch: what follows the pointer is a copy, and the card itself marks where it would be dropped. */

import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import { COLUMNS } from "./card.js";
import type { Place } from "./lanes.js";

/** Pixels before a press becomes a drag. */
const SLACK = 5;
/** Width of the edge that scrolls, and pixels a frame. */
const EDGE = 48;
const SPEED = 12;

/** What is being dragged and where to, and the end of that without a drop. */
export interface Dragged {
  readonly place: Place | null;
  readonly cancel: () => void;
}

/** Lets the cards of a board be dragged; `drop` is called with the place of a card that was let go. */
export function useDragging(board: RefObject<HTMLElement | null>, drop: (place: Place) => void): Dragged {
  const [place, setPlace] = useState<Place | null>(null);
  const dragging = useRef<Dragging | null>(null);
  const dropped = useRef(drop);
  useLayoutEffect(() => {
    dropped.current = drop;
  });
  useEffect(() => {
    if (board.current === null) return undefined;
    const all = new Dragging(board.current, { placed: setPlace, dropped: (at) => dropped.current(at) });
    dragging.current = all;
    return () => all.end();
  }, [board]);
  const [cancel] = useState(() => () => dragging.current?.cancel());
  return { place, cancel };
}

interface DragHost {
  /** The card would be dropped there; null: nothing is dragged any more. */
  placed(place: Place | null): void;
  dropped(place: Place): void;
}

interface Drag {
  readonly pointer: number;
  readonly card: HTMLElement;
  readonly id: string;
  readonly startX: number;
  readonly startY: number;
  x: number;
  y: number;
  /** What follows the pointer, once it moves. */
  ghost: HTMLElement | null;
  place: Place | null;
}

class Dragging {
  readonly #board: HTMLElement;
  readonly #host: DragHost;
  readonly #listening = new AbortController();
  #drag: Drag | null = null;

  constructor(board: HTMLElement, host: DragHost) {
    this.#board = board;
    this.#host = host;
    const { signal } = this.#listening;
    board.addEventListener("pointerdown", (event) => this.#press(event), { signal });
    board.addEventListener("pointermove", (event) => this.#move(event), { signal });
    board.addEventListener("pointerup", (event) => this.#release(event), { signal });
    board.addEventListener("pointercancel", () => this.cancel(), { signal });
    addEventListener("keydown", (event) => event.key === "Escape" && this.cancel(), { signal });
  }

  /** Lets no more cards be dragged. */
  end(): void {
    this.#listening.abort();
    this.cancel();
  }

  cancel(): void {
    const drag = this.#drag;
    this.#drag = null;
    if (drag === null || drag.ghost === null) return;
    drag.ghost.remove();
    if (this.#board.hasPointerCapture(drag.pointer)) this.#board.releasePointerCapture(drag.pointer);
    this.#host.placed(null);
  }

  #press(event: PointerEvent): void {
    const target = event.target instanceof Element ? event.target : null;
    const card = target?.closest<HTMLElement>(".card");
    if (event.button !== 0 || this.#drag?.ghost || !card || target === null) return;
    const grip = target.closest(".grip") !== null;
    // By touch a card is taken by its grip, or the board could not be scrolled.
    if (!grip && (event.pointerType === "touch" || target.closest("button, input, textarea") !== null)) return;
    const { clientX: x, clientY: y } = event;
    this.#drag = { pointer: event.pointerId, card, id: card.dataset["id"] ?? "", startX: x, startY: y, x, y, ghost: null, place: null };
  }

  #move(event: PointerEvent): void {
    const drag = this.#drag;
    if (drag === null || drag.pointer !== event.pointerId) return;
    drag.x = event.clientX;
    drag.y = event.clientY;
    if (drag.ghost === null) {
      if (Math.hypot(drag.x - drag.startX, drag.y - drag.startY) < SLACK) return;
      this.#begin(drag);
    }
    this.#follow(drag);
  }

  #begin(drag: Drag): void {
    const { left, top, width, height } = drag.card.getBoundingClientRect();
    const ghost = drag.card.cloneNode(true) as HTMLElement;
    ghost.classList.add("dragged");
    ghost.removeAttribute("tabindex");
    ghost.setAttribute("aria-hidden", "true");
    ghost.setAttribute("role", "presentation");
    Object.assign(ghost.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    document.body.append(ghost);
    drag.ghost = ghost;
    this.#board.setPointerCapture(drag.pointer);
    requestAnimationFrame(() => this.#scroll());
  }

  /** Takes the copy to the pointer, and finds out where the card would be dropped. */
  #follow(drag: Drag): void {
    drag.ghost?.style.setProperty("transform", `translate(${drag.x - drag.startX}px, ${drag.y - drag.startY}px) rotate(1.5deg)`);
    const list = this.#nearest(drag.x);
    const column = COLUMNS.find((name) => name === list?.dataset["column"]);
    if (list === undefined || column === undefined) return;
    const others = [...list.querySelectorAll<HTMLElement>(":scope > .card")].filter((card) => card.dataset["id"] !== drag.id);
    const index = others.filter((card) => {
      const { top, height } = card.getBoundingClientRect();
      return drag.y >= top + height / 2;
    }).length;
    if (drag.place?.column === column && drag.place.index === index) return;
    drag.place = { id: drag.id, column, index };
    this.#host.placed(drag.place);
  }

  #nearest(x: number): HTMLElement | undefined {
    const distance = (list: HTMLElement): number => {
      const { left, right } = list.getBoundingClientRect();
      return Math.max(left - x, x - right, 0);
    };
    return [...this.#board.querySelectorAll<HTMLElement>(".cards")].sort((a, b) => distance(a) - distance(b))[0];
  }

  /** Scrolls the board and the list under the pointer while it is near an edge. */
  #scroll(): void {
    const drag = this.#drag;
    if (drag === null || drag.ghost === null) return;
    const speed = (at: number, low: number, high: number): number => (at < low + EDGE ? -SPEED : at > high - EDGE ? SPEED : 0);
    const board = this.#board.getBoundingClientRect();
    this.#board.scrollLeft += speed(drag.x, Math.max(board.left, 0), Math.min(board.right, innerWidth));
    const list = this.#nearest(drag.x);
    if (list !== undefined) {
      const { top, bottom } = list.getBoundingClientRect();
      list.scrollTop += speed(drag.y, top, bottom);
    }
    this.#follow(drag);
    requestAnimationFrame(() => this.#scroll());
  }

  #release(event: PointerEvent): void {
    const drag = this.#drag;
    if (drag === null || drag.pointer !== event.pointerId) return;
    if (drag.place !== null) this.#host.dropped(drag.place);
    this.cancel();
  }
}
