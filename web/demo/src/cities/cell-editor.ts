/** Editing of one cell in place. */

import type { Entry, Json } from "@syncline/client";
import { h } from "../dom.js";
import { cellText, type Field, parseCell } from "./city.js";

export interface EditHost {
  /** There is a new value. */
  saved(value: Json): void;
  /** The input is gone from its cell. */
  closed(): void;
}

interface Edit {
  readonly input: HTMLInputElement;
  readonly cell: HTMLElement;
  readonly entry: Entry;
  readonly field: Field;
  readonly before: string;
  readonly host: EditHost;
}

export class CellEditor {
  #edit: Edit | null = null;

  open(cell: HTMLElement, entry: Entry, field: Field, host: EditHost): void {
    this.close(true);
    const before = cellText(entry, field);
    const input = h("input", { class: "cell-input", "aria-label": field.label, maxlength: 200 });
    input.value = before;
    this.#edit = { input, cell, entry, field, before, host };
    input.addEventListener("input", () => input.classList.toggle("invalid", parseCell(entry, field, input.value) === undefined));
    input.addEventListener("blur", () => this.close(true));
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" || event.key === "Escape") this.close(event.key === "Enter");
    });
    cell.replaceChildren(input);
    input.select();
  }

  /** Ends the edit; without `save`, or with a value that makes no sense, nothing is written. */
  close(save: boolean): void {
    const edit = this.#edit;
    if (edit === null) return;
    this.#edit = null;
    const { input, entry, field, before, host } = edit;
    const value = parseCell(entry, field, input.value);
    if (save && value !== undefined && input.value !== before) host.saved(value);
    input.remove();
    host.closed();
  }

  /** Whether this cell is being edited and shows the entry `id`. */
  within(cell: HTMLElement, id: string): boolean {
    return this.#edit?.cell === cell && this.#edit.entry.id === id;
  }

  /** The cell is needed for another row: what was typed is saved. */
  leave(cell: HTMLElement): void {
    if (this.#edit?.cell === cell) this.close(true);
  }
}
