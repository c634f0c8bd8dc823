import type { Entry } from "../api.js";
import { h, mark, say } from "./dom.js";
import { brief } from "./words.js";

/** How many rows there are in the document at most. */
const ROWS = 100;
/** How many rows above and below what is seen. */
const SPARE = 8;
/** No browser scrolls further than some 17 million pixels. */
const CAP = 400_000;
/** The height of the head in pixels; that of a row is in the style, since it depends on the width. */
const HEAD = 24;

/** A table of any number of entries, of which only those in sight are in the document. Arrows move, Enter chooses. */
export class Grid {
  readonly node = h("div", { role: "grid", tabindex: "0", "aria-label": "Entries", "aria-colcount": "4" });
  readonly #space = h("div", { class: "sizer" });
  readonly #block = h("div", { role: "rowgroup", class: "rows" });
  readonly #moved: () => void;
  #entries: readonly Entry[] = [];
  #height = HEAD;
  #active = 0;
  #id: string | undefined;
  #chosen: string | undefined;

  /** `moved` is called when the user has scrolled or chosen: it must draw. */
  constructor(moved: () => void) {
    this.#moved = moved;
    const head = h("div", { role: "row", "aria-rowindex": "1", class: "row" }, ...["Id", "Version", "State", "Value"].map((name) => h("span", { role: "columnheader" }, name)));
    this.#space.append(this.#block);
    this.node.append(h("div", { role: "rowgroup", class: "top" }, head), this.#space);
    let frame = 0;
    this.node.addEventListener("scroll", () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        this.draw(this.#entries);
      });
    });
    this.node.addEventListener("keydown", (event) => this.#key(event));
    this.#block.addEventListener("click", (event) => {
      const row = (event.target as Element).closest("[role=row]");
      if (row === null || getSelection()?.type === "Range") return; // who marks text does not choose
      this.#choose(Number(row.getAttribute("aria-rowindex")) - 2);
    });
  }

  /** The id of the entry that is shown whole. */
  get chosen(): string | undefined {
    return this.#chosen;
  }

  /** Begins anew, for another collection. */
  forget(): void {
    this.#chosen = this.#id = undefined;
    this.#active = this.node.scrollTop = 0;
  }

  draw(entries: readonly Entry[]): void {
    this.#entries = entries;
    const n = Math.min(entries.length, CAP);
    const { node } = this;
    this.#height = parseFloat(getComputedStyle(this.#block).lineHeight) || this.#height;
    this.#space.style.height = `${n * this.#height}px`;
    mark(node, "aria-rowcount", String(n + 1));
    if (this.#id !== undefined && entries[this.#active]?.id !== this.#id) {
      const now = entries.findIndex(({ id }) => id === this.#id);
      if (now >= 0) this.#active = now;
    }
    this.#active = Math.max(0, Math.min(this.#active, n - 1));
    const first = Math.max(0, Math.min(Math.floor(node.scrollTop / this.#height) - SPARE, n - 1));
    const seen = Math.min(Math.ceil(node.clientHeight / this.#height) + 2 * SPARE, ROWS, n - first);
    this.#block.style.transform = `translateY(${first * this.#height}px)`;
    while (this.#block.childElementCount > seen) this.#block.lastElementChild?.remove();
    while (this.#block.childElementCount < seen) this.#block.append(h("div", { role: "row", class: "row" }, ...Array.from({ length: 4 }, () => h("span", { role: "gridcell" }))));
    Array.from(this.#block.children, (row, i) => this.#fill(row, first + i));
    const active = this.#active >= first && this.#active < first + seen ? `row${this.#active}` : undefined;
    mark(node, "aria-activedescendant", active);
  }

  #fill(row: Element, index: number): void {
    const entry = this.#entries[index];
    if (entry === undefined) return;
    mark(row, "id", `row${index}`);
    mark(row, "aria-rowindex", String(index + 2));
    mark(row, "aria-selected", String(entry.id === this.#chosen));
    row.classList.toggle("active", index === this.#active);
    const texts = [entry.id, String(entry.version), entry.state, line(entry)];
    texts.forEach((text, i) => say(row.children[i] as Element, text));
    mark(row.children[2] as Element, "data-is", entry.state);
  }

  #key(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor((this.node.clientHeight - HEAD) / this.#height) - 1);
    const last = Math.min(this.#entries.length, CAP) - 1;
    const steps: { readonly [key: string]: number } = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -last, End: last };
    const step = steps[event.key];
    if (event.key === "Enter" || event.key === " ") this.#choose(this.#active);
    else if (step !== undefined) this.#go(Math.max(0, Math.min(this.#active + step, last)));
    else return;
    event.preventDefault();
  }

  /** Makes a row the active one, and brings it in sight. */
  #go(index: number): void {
    this.#active = index;
    this.#id = this.#entries[index]?.id;
    const top = index * this.#height;
    const { node } = this;
    const bottom = top + this.#height + HEAD - node.clientHeight;
    if (top < node.scrollTop) node.scrollTop = top;
    else if (bottom > node.scrollTop) node.scrollTop = bottom;
    this.draw(this.#entries);
  }

  #choose(index: number): void {
    const id = this.#entries[index]?.id;
    this.#chosen = id === this.#chosen ? undefined : id;
    this.#go(index);
    this.#moved();
  }
}

const lines = new WeakMap<Entry, string>();

/** A value in one line, made once. */
function line(entry: Entry): string {
  let text = lines.get(entry);
  if (text === undefined) lines.set(entry, (text = brief(entry.value)));
  return text;
}
