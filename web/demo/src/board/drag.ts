/** Dragging cards by mouse, pen and touch. */

import { moveBefore } from "../dom.js";

/** Pixels before a press becomes a drag. */
const SLACK = 5;
/** Width of the edge that scrolls, and pixels a frame. */
const EDGE = 48;
const SPEED = 12;

export interface DragHost {
  readonly lists: readonly HTMLElement[];
  began(id: string): void;
  /** After a drop or the end without one. */
  ended(): void;
  dropped(id: string, list: HTMLElement, index: number): void;
}

interface Drag {
  readonly pointer: number;
  readonly card: HTMLElement;
  readonly id: string;
  readonly startX: number;
  readonly startY: number;
  x: number;
  y: number;
  /** The card under the pointer, once it moves; the real one marks the place. */
  ghost: HTMLElement | null;
}

export class Dragging {
  readonly #board: HTMLElement;
  readonly #host: DragHost;
  #drag: Drag | null = null;

  constructor(board: HTMLElement, host: DragHost) {
    this.#board = board;
    this.#host = host;
    board.addEventListener("pointerdown", (event) => this.#press(event));
    board.addEventListener("pointermove", (event) => this.#move(event));
    board.addEventListener("pointerup", (event) => this.#release(event));
    board.addEventListener("pointercancel", () => this.cancel());
    addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.cancel();
    });
  }

  /** The card that is being dragged. */
  get held(): string | null {
    return this.#drag?.ghost ? this.#drag.id : null;
  }

  cancel(): void {
    this.#end();
  }

  #press(event: PointerEvent): void {
    const target = event.target instanceof Element ? event.target : null;
    const card = target?.closest<HTMLElement>(".card");
    if (event.button !== 0 || this.held !== null || !card || target === null) return;
    const grip = target.closest(".grip") !== null;
    if (!grip && (event.pointerType === "touch" || target.closest("button, input, textarea") !== null)) return;
    this.#drag = {
      pointer: event.pointerId,
      card,
      id: card.dataset["id"] ?? "",
      startX: event.clientX,
      startY: event.clientY,
      x: event.clientX,
      y: event.clientY,
      ghost: null,
    };
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
    Object.assign(ghost.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    document.body.append(ghost);
    drag.ghost = ghost;
    drag.card.classList.add("placeholder");
    this.#board.classList.add("dragging");
    this.#board.setPointerCapture(drag.pointer);
    this.#host.began(drag.id);
    requestAnimationFrame(() => this.#scroll());
  }

  #follow(drag: Drag): void {
    drag.ghost?.style.setProperty("transform", `translate(${drag.x - drag.startX}px, ${drag.y - drag.startY}px) rotate(1.5deg)`);
    const list = this.#nearest(drag.x);
    if (list === undefined) return;
    const next = [...list.children].find((other) => {
      if (other === drag.card) return false;
      const { top, height } = other.getBoundingClientRect();
      return drag.y < top + height / 2;
    });
    if (drag.card.parentElement === list && drag.card.nextElementSibling === (next ?? null)) return;
    moveBefore(list, drag.card, next ?? null);
  }

  #nearest(x: number): HTMLElement | undefined {
    const distance = (list: HTMLElement): number => {
      const { left, right } = list.getBoundingClientRect();
      return Math.max(left - x, x - right, 0);
    };
    return this.#host.lists.toSorted((a, b) => distance(a) - distance(b))[0];
  }

  /** Scrolls the board and the list under the pointer while it is near an edge. */
  #scroll(): void {
    const drag = this.#drag;
    if (drag === null || drag.ghost === null) return;
    const speed = (at: number, low: number, high: number): number => (at < low + EDGE ? -SPEED : at > high - EDGE ? SPEED : 0);
    const board = this.#board.getBoundingClientRect();
    this.#board.scrollLeft += speed(drag.x, Math.max(board.left, 0), Math.min(board.right, innerWidth));
    const list = drag.card.parentElement;
    if (list !== null) {
      const { top, bottom } = list.getBoundingClientRect();
      list.scrollTop += speed(drag.y, top, bottom);
    }
    this.#follow(drag);
    requestAnimationFrame(() => this.#scroll());
  }

  #release(event: PointerEvent): void {
    const drag = this.#drag;
    if (drag === null || drag.pointer !== event.pointerId) return;
    const list = drag.card.parentElement;
    if (drag.ghost !== null && list !== null) {
      this.#host.dropped(drag.id, list, [...list.children].indexOf(drag.card));
    }
    this.#end();
  }

  #end(): void {
    const drag = this.#drag;
    if (drag === null) return;
    this.#drag = null;
    if (drag.ghost === null) return;
    drag.ghost.remove();
    drag.card.classList.remove("placeholder");
    this.#board.classList.remove("dragging");
    if (this.#board.hasPointerCapture(drag.pointer)) this.#board.releasePointerCapture(drag.pointer);
    this.#host.ended();
  }
}
