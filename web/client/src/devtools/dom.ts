import { number } from "./words.js";

/** The little of the DOM that the panel needs. Data gets in as text only: entries are anybody's words. */

/** How many rows a list shows; the rest is only counted. */
export const LIMIT = 100;

/** A new element. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: { readonly [name: string]: string } = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const name in attributes) node.setAttribute(name, attributes[name] ?? "");
  node.append(...children);
  return node;
}

/** A button that does not submit anything. */
export function button(label: string, press: () => void, attributes: { readonly [name: string]: string } = {}): HTMLButtonElement {
  const node = h("button", { type: "button", ...attributes }, label);
  node.addEventListener("click", press);
  return node;
}

/** Makes `text` all that is in a node; a node that says it already is not touched, so that selections live on. */
export function say(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute, or takes it away; the same value is not set again. */
export function mark(node: Element, name: string, value: string | undefined): void {
  if (value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Offers values in a select, keeps the choice if it is still there, and returns it; undefined if there is nothing to choose. */
export function offer(select: HTMLSelectElement, values: readonly string[]): string | undefined {
  const there = Array.from(select.options, (option) => option.value);
  if (there.length !== values.length || there.some((value, i) => value !== values[i])) {
    const chosen = select.value;
    select.replaceChildren(...values.map((value) => h("option", { value }, value)));
    if (values.includes(chosen)) select.value = chosen;
  }
  return values.length === 0 ? undefined : select.value;
}

/** One row of a {@link List}; without `draw` it never changes. */
export interface Row<T> {
  readonly node: HTMLElement;
  draw?(item: T): void;
}

/** A list that keeps the row of an item as long as the item stays: focus and selection with it. */
export class List<T> {
  /** Says that there is nothing, or how much is not shown. */
  readonly note = h("p", { class: "note" });
  readonly node: HTMLElement;
  readonly #empty: string;
  readonly #key: (item: T) => unknown;
  readonly #make: (item: T) => Row<T>;
  readonly #limit: number;
  #rows = new Map<unknown, Row<T>>();

  constructor(node: HTMLElement, empty: string, key: (item: T) => unknown, make: (item: T) => Row<T>, limit = LIMIT) {
    this.node = node;
    this.#empty = empty;
    this.#key = key;
    this.#make = make;
    this.#limit = limit;
  }

  /** Shows the first `limit` items. Keys must differ. */
  draw(all: readonly T[]): void {
    const items = all.slice(0, this.#limit);
    const rows = new Map(items.map((item) => [this.#key(item), this.#rows.get(this.#key(item)) ?? this.#make(item)]));
    for (const [key, { node }] of this.#rows) if (!rows.has(key)) node.remove();
    this.#rows = rows;
    let next = this.node.firstChild;
    for (const item of items) {
      const row = rows.get(this.#key(item));
      if (row === undefined) continue;
      row.draw?.(item);
      if (row.node === next) next = next.nextSibling;
      else this.node.insertBefore(row.node, next);
    }
    const more = all.length - items.length;
    say(this.note, all.length === 0 ? this.#empty : more > 0 ? `and ${number(more)} more` : "");
  }
}
