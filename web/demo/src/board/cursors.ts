/** The pointers of the others, and what they hold. */

import type { Json, Presence } from "@syncline/client";
import { framed, h } from "../dom.js";
import { displayName, hueOf } from "../person.js";
import type { Board, BoardListener } from "./board.js";

/** Milliseconds between two words about one's own pointer. */
const PACE = 40;

/**
 * A place on the board: in parts of a card or lane, so that it is the right
 * one in windows of any size.
 */
interface Place {
  readonly card?: string;
  readonly lane?: string;
  readonly x: number;
  readonly y: number;
}

export class Cursors implements BoardListener {
  readonly #board: Board;
  readonly #presence: Presence;
  readonly #layer = h("div", { class: "cursors", "aria-hidden": "true" });
  readonly #arrows = new Map<string, HTMLElement>();
  readonly #place = framed(() => this.#show());
  #at: Place | null = null;
  #held: string | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(board: Board, presence: Presence) {
    this.#board = board;
    this.#presence = presence;
    document.body.append(this.#layer);
    board.listen(this);
    board.element.addEventListener("pointermove", (event) => this.#point(event));
    board.element.addEventListener("pointerleave", () => this.#say(null));
    board.element.addEventListener("scroll", this.#place, { capture: true, passive: true });
    addEventListener("resize", this.#place);
    addEventListener("scroll", this.#place, { passive: true });
    presence.subscribe(this.#place);
    this.#tell();
  }

  holding(id: string | null): void {
    this.#held = id;
    this.#tell();
  }

  moved(): void {
    this.#place();
  }

  #point({ clientX, clientY }: PointerEvent): void {
    const under = document.elementFromPoint(clientX, clientY);
    const card = under?.closest<HTMLElement>(".card[data-id]:not(.dragged)");
    const anchor = card ?? under?.closest<HTMLElement>(".lane");
    if (!anchor) return;
    const { left, top, width, height } = anchor.getBoundingClientRect();
    const x = Math.round(((clientX - left) / width) * 1000) / 1000;
    const y = Math.round(((clientY - top) / height) * 1000) / 1000;
    this.#say(card ? { card: card.dataset["id"] ?? "", x, y } : { lane: anchor.dataset["column"] ?? "", x, y });
  }

  #say(at: Place | null): void {
    this.#at = at;
    this.#timer ??= setTimeout(() => this.#tell(), PACE);
  }

  #tell(): void {
    this.#timer = null;
    this.#presence.set({ page: "board", at: this.#at === null ? null : { ...this.#at }, held: this.#held });
  }

  #show(): void {
    const gone = new Set(this.#arrows.keys());
    for (const held of this.#board.element.querySelectorAll<HTMLElement>(".card[data-holder]")) delete held.dataset["holder"];
    for (const [session, { user, state }] of this.#presence.peers) {
      const { at, held } = readState(state);
      if (held !== null) this.#mark(held, user);
      const anchor = at?.card !== undefined ? this.#board.cardElement(at.card) : this.#board.laneElement(at?.lane ?? "");
      if (at === null || anchor === undefined) continue;
      gone.delete(session);
      const { left, top, width, height } = anchor.getBoundingClientRect();
      this.#arrow(session, user).style.transform = `translate(${left + at.x * width}px, ${top + at.y * height}px)`;
    }
    for (const session of gone) {
      this.#arrows.get(session)?.remove();
      this.#arrows.delete(session);
    }
  }

  #mark(id: string, user: string): void {
    const card = this.#board.cardElement(id);
    if (card === undefined) return;
    card.dataset["holder"] = displayName(user);
    card.style.setProperty("--holder", String(hueOf(user)));
  }

  #arrow(session: string, user: string): HTMLElement {
    const known = this.#arrows.get(session);
    if (known !== undefined) return known;
    const arrow = h("div", { class: "cursor", "data-user": user }, h("span", { class: "cursor-name" }, displayName(user)));
    arrow.style.setProperty("--hue", String(hueOf(user)));
    this.#arrows.set(session, arrow);
    this.#layer.append(arrow);
    return arrow;
  }
}

/** Reads what another window says; it may be another version of this page, or anything. */
function readState(state: Json): { readonly at: Place | null; readonly held: string | null } {
  const { at, held } = asObject(state);
  const { card, lane, x, y } = asObject(at);
  const place = typeof x === "number" && typeof y === "number" ? { x, y } : null;
  return {
    at: place && (typeof card === "string" ? { ...place, card } : typeof lane === "string" ? { ...place, lane } : null),
    held: typeof held === "string" ? held : null,
  };
}

function asObject(json: Json | undefined): { readonly [name: string]: Json | undefined } {
  return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as { [name: string]: Json }) : {};
}
