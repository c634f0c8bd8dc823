import type { Entry } from "../api.js";

/** How long a search may keep the page from its work, in milliseconds. */
const SLICE = 6;

/** Finds the entries whose id or value has a text, in slices. What was looked at once is not looked at again until it changes. */
export class Sieve {
  readonly #found: () => void;
  #needle = "";
  #known = new WeakMap<Entry, boolean>();
  #source: readonly Entry[] | undefined;
  #shown: readonly Entry[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `found` is called when there is more to show. */
  constructor(found: () => void) {
    this.#found = found;
  }

  /** Whether a search is under way. */
  get busy(): boolean {
    return this.#timer !== undefined;
  }

  /** What of `rows` is known to match now; the same array where nothing is looked for. */
  sift(rows: readonly Entry[], text: string): readonly Entry[] {
    const needle = text.toLowerCase();
    const other = needle !== this.#needle;
    if (other) {
      this.stop();
      this.#needle = needle;
      this.#known = new WeakMap();
      this.#shown = [];
    }
    if (needle === "") return rows;
    if (rows !== this.#source && !this.busy) {
      this.#source = rows;
      const out: Entry[] = [];
      if (other) this.#shown = out; // shown as it grows; otherwise the last answer stands until there is a new one
      this.#search(rows, out, 0);
    }
    return this.#shown;
  }

  /** Ends a search; the next one begins anew. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#source = undefined;
  }

  /** Shows nothing of the last answer any more. */
  forget(): void {
    this.#shown = [];
  }

  #search(rows: readonly Entry[], out: Entry[], from: number): void {
    this.#timer = undefined;
    const end = performance.now() + SLICE;
    let at = from;
    for (; at < rows.length; at++) {
      if (at % 8 === 7 && performance.now() > end) break;
      const entry = rows[at];
      if (entry !== undefined && this.#match(entry)) out.push(entry);
    }
    if (at < rows.length) this.#timer = setTimeout(() => this.#search(rows, out, at), 0);
    else this.#shown = out;
    if (from > 0) this.#found();
  }

  #match(entry: Entry): boolean {
    let match = this.#known.get(entry);
    if (match === undefined) {
      match = entry.id.toLowerCase().includes(this.#needle) || JSON.stringify(entry.value).toLowerCase().includes(this.#needle);
      this.#known.set(entry, match);
    }
    return match;
  }
}
