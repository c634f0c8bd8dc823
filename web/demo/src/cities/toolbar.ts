/** Filter, country and counts above the table, and its head. */

import { framed, h, icon } from "../dom.js";
import { countryName, FIELDS } from "./city.js";
import { EVERYTHING, type Wanted } from "./queries.js";

export class Toolbar {
  readonly element: HTMLElement;
  readonly head: HTMLElement;
  readonly #count = h("p", { class: "count-line", role: "status" });
  readonly #progress = h("div", { class: "progress", hidden: true });
  readonly #country = h("select", { "aria-label": "Country" }, h("option", { value: "" }, "All countries"));
  #countries = "";
  #wanted = EVERYTHING;

  /** `changed` is called at most once a frame when something else is wanted. */
  constructor(changed: () => void) {
    const tell = framed(changed);
    const want = (part: Partial<Wanted>): void => {
      this.#wanted = { ...this.#wanted, ...part };
      this.#showSort();
      tell();
    };
    const filter = h("input", { type: "search", class: "filter", placeholder: "City begins with…", "aria-label": "Filter by name", autocomplete: "off", spellcheck: "false" });
    filter.addEventListener("input", () => want({ prefix: filter.value.trim() }));
    this.#country.addEventListener("change", () => want({ country: this.#country.value }));
    this.head = h(
      "div",
      { class: "row head", role: "row", "aria-rowindex": 1 },
      ...FIELDS.map(({ name, label, sort }) =>
        h(
          "div",
          { class: "head-cell", role: "columnheader", "data-field": name },
          sort === undefined ? label : h("button", { onclick: () => want({ sort, direction: this.#wanted.sort === sort && this.#wanted.direction === "asc" ? "desc" : "asc" }) }, label, icon("sort")),
        ),
      ),
    );
    this.element = h("div", { class: "toolbar" }, filter, this.#country, this.#count, this.#progress);
    this.#showSort();
  }

  get wanted(): Wanted {
    return this.#wanted;
  }

  /** Offers these countries, by code. */
  offer(codes: ReadonlySet<string>): void {
    const key = [...codes].sort().join(" ");
    if (key === this.#countries) return;
    this.#countries = key;
    const named = [...codes].map((code) => [code, countryName(code)] as const).sort((a, b) => a[1].localeCompare(b[1], "en"));
    this.#country.replaceChildren(h("option", { value: "" }, "All countries"), ...named.map(([code, name]) => h("option", { value: code }, name)));
    this.#country.value = this.#wanted.country;
  }

  say(strong: string, rest: string): void {
    this.#count.replaceChildren(h("strong", {}, strong), rest);
  }

  loading(on: boolean): void {
    this.#progress.hidden = !on;
  }

  #showSort(): void {
    for (const [i, { sort }] of FIELDS.entries()) {
      const cell = this.head.children[i];
      if (sort === undefined || cell === undefined) continue;
      const { direction } = this.#wanted;
      cell.setAttribute("aria-sort", this.#wanted.sort !== sort ? "none" : direction === "asc" ? "ascending" : "descending");
    }
  }
}
