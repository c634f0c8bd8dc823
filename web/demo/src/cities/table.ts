/** The table: a virtual grid over the rows of a live query, with one active cell. */

import type { Entry, Space } from "@syncline/client";
import { h } from "../dom.js";
import { displayName } from "../person.js";
import { CellEditor } from "./cell-editor.js";
import { CITIES, cellText, FIELDS, type Field } from "./city.js";
import { Scroller } from "./scroller.js";

export const ROW = 38;

/** Another person at a cell. */
export interface Mark {
  readonly id: string;
  readonly field: string;
  readonly user: string;
  readonly hue: number;
}

export interface TableHost {
  /** The active cell has changed. */
  active(id: string | null, field: string | null): void;
}

export class Table {
  readonly element: HTMLElement;
  readonly #space: Space;
  readonly #host: TableHost;
  readonly #scroller: Scroller;
  readonly #editor = new CellEditor();
  readonly #shown = new WeakMap<HTMLElement, Entry>();
  /** What was last shown of the rows on the screen, by id: what differs from it flashes. */
  #seen = new Map<string, Entry>();
  #rows: readonly Entry[] = [];
  #marks: readonly Mark[] = [];
  #row = 0;
  #column = 0;

  constructor(space: Space, head: HTMLElement, host: TableHost) {
    this.#space = space;
    this.#host = host;
    this.element = h("div", { class: "grid", role: "grid", tabindex: 0, "aria-label": "Cities", "aria-colcount": FIELDS.length }, head);
    this.#scroller = new Scroller(this.element, ROW, { makeRow: () => this.#makeRow(), fillRow: (row, index) => this.#fillRow(row, index) });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("click", (event) => {
      const touch = (event as PointerEvent).pointerType === "touch";
      const again = event.target instanceof Element && event.target.closest(".cell.active") !== null;
      this.#pick(event, touch && again);
    });
    this.element.addEventListener("dblclick", (event) => this.#pick(event, true));
    this.element.addEventListener("focus", () => this.#tellActive());
    this.element.addEventListener("blur", () => this.#host.active(null, null));
  }

  /** Shows these rows; `top` scrolls to the first. */
  show(rows: readonly Entry[], top: boolean): void {
    this.#rows = rows;
    if (top) {
      this.#editor.close(false);
      this.element.scrollTop = 0;
      this.#row = 0;
    }
    this.#row = Math.max(0, Math.min(this.#row, rows.length - 1));
    this.element.setAttribute("aria-rowcount", String(rows.length + 1));
    this.#scroller.refresh(rows.length);
    const [from, to] = this.#scroller.range;
    this.#seen = new Map(rows.slice(from, to).map((entry) => [entry.id, entry]));
  }

  /** Shows where the others are. */
  mark(marks: readonly Mark[]): void {
    this.#marks = marks;
    this.#scroller.refresh(this.#rows.length);
  }

  #makeRow(): HTMLElement {
    const cells = FIELDS.map((field) => h("div", { class: "cell", role: "gridcell", "data-field": field.name, "aria-readonly": !field.editable && "true" }));
    return h("div", { class: "row", role: "row" }, ...cells);
  }

  #fillRow(row: HTMLElement, index: number): void {
    const entry = this.#rows[index];
    if (entry === undefined) return;
    const changed = this.#shown.get(row) !== entry;
    const before = this.#seen.get(entry.id);
    const marks = this.#marks.filter(({ id }) => id === entry.id);
    row.dataset["id"] = entry.id;
    row.dataset["state"] = entry.state;
    row.setAttribute("aria-rowindex", String(index + 2));
    for (const [i, field] of FIELDS.entries()) {
      const cell = row.children[i];
      if (!(cell instanceof HTMLElement)) continue;
      const active = index === this.#row && i === this.#column;
      cell.classList.toggle("active", active);
      if (active) cell.id = "active-cell";
      else cell.removeAttribute("id");
      this.#showMark(cell, marks.find((mark) => mark.field === field.name));
      if (!changed || this.#editor.within(cell, entry.id)) continue;
      this.#editor.leave(cell);
      cell.textContent = cellText(entry, field);
      if (before !== undefined && before !== entry && entry.state === "confirmed" && cellText(before, field) !== cellText(entry, field)) flash(cell);
    }
    this.#shown.set(row, entry);
    this.element.setAttribute("aria-activedescendant", "active-cell");
  }

  #showMark(cell: HTMLElement, mark: Mark | undefined): void {
    if (mark === undefined) {
      delete cell.dataset["holder"];
      return;
    }
    cell.dataset["holder"] = displayName(mark.user);
    cell.style.setProperty("--holder", String(mark.hue));
  }

  #activate(row: number, column: number): void {
    this.#row = Math.max(0, Math.min(row, this.#rows.length - 1));
    this.#column = Math.max(0, Math.min(column, FIELDS.length - 1));
    this.#scroller.reveal(this.#row, ROW);
    this.#scroller.refresh(this.#rows.length);
    this.#tellActive();
  }

  #tellActive(): void {
    this.#host.active(this.#rows[this.#row]?.id ?? null, FIELDS[this.#column]?.name ?? null);
  }

  #pick(event: MouseEvent, edit: boolean): void {
    const cell = event.target instanceof Element ? event.target.closest<HTMLElement>(".cell") : null;
    const row = cell?.parentElement;
    if (!cell || !row) return;
    this.#activate(Number(row.getAttribute("aria-rowindex")) - 2, FIELDS.findIndex(({ name }) => name === cell.dataset["field"]));
    if (edit) this.#edit();
  }

  #key(event: KeyboardEvent): void {
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW) - 2);
    const [row, column] = [this.#row, this.#column];
    switch (event.key) {
      case "ArrowDown": this.#activate(row + 1, column); break;
      case "ArrowUp": this.#activate(row - 1, column); break;
      case "ArrowRight": this.#activate(row, column + 1); break;
      case "ArrowLeft": this.#activate(row, column - 1); break;
      case "PageDown": this.#activate(row + page, column); break;
      case "PageUp": this.#activate(row - page, column); break;
      case "Home": this.#activate(0, column); break;
      case "End": this.#activate(this.#rows.length - 1, column); break;
      case "Enter": case "F2": this.#edit(); break;
      default: return;
    }
    event.preventDefault();
  }

  #edit(): void {
    const entry = this.#rows[this.#row];
    const field: Field | undefined = FIELDS[this.#column];
    const cell = this.#scroller.rowAt(this.#row)?.children[this.#column];
    if (entry === undefined || field === undefined || !field.editable || !(cell instanceof HTMLElement)) return;
    this.#editor.open(cell, entry, field, {
      saved: (value) => this.#space.patch(CITIES, entry.id, { $set: { [field.name]: value } }),
      closed: () => {
        const now = this.#space.get(CITIES, entry.id);
        cell.textContent = now === undefined ? "" : cellText(now, field);
        this.element.focus({ preventScroll: true });
      },
    });
  }
}

/** Lets a cell light up and fade. */
function flash(cell: HTMLElement): void {
  cell.classList.remove("flash");
  void cell.offsetWidth; // begins the animation anew
  cell.classList.add("flash");
  cell.addEventListener("animationend", () => cell.classList.remove("flash"), { once: true });
}
