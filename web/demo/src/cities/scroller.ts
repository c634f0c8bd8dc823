/** A virtual list: only the rows on the screen are elements, and these are used again. */

export interface ScrollerHost {
  /** Makes an empty row. */
  makeRow(): HTMLElement;
  /** Fills `row` with the row at `index`. */
  fillRow(row: HTMLElement, index: number): void;
}

/** Rows kept above and below the screen. */
const SPARE = 6;

export class Scroller {
  readonly viewport: HTMLElement;
  readonly #host: ScrollerHost;
  readonly #height: number;
  readonly #canvas = document.createElement("div");
  readonly #shown = new Map<number, HTMLElement>();
  readonly #pool: HTMLElement[] = [];
  #count = 0;
  #asked = false;

  /** `height` is that of a row in pixels. */
  constructor(viewport: HTMLElement, height: number, host: ScrollerHost) {
    this.viewport = viewport;
    this.#height = height;
    this.#host = host;
    this.#canvas.className = "canvas";
    this.#canvas.setAttribute("role", "rowgroup");
    viewport.append(this.#canvas);
    viewport.addEventListener("scroll", () => this.#ask(), { passive: true });
    new ResizeObserver(() => this.#ask()).observe(viewport);
  }

  /** Fills all rows on the screen anew; `count` is the number of rows altogether. */
  refresh(count: number): void {
    if (count !== this.#count) {
      this.#count = count;
      this.#canvas.style.height = `${count * this.#height}px`;
    }
    this.#show(true);
  }

  /** The rows on the screen: from, and up to without. */
  get range(): readonly [number, number] {
    const { scrollTop, clientHeight } = this.viewport;
    const from = Math.max(0, Math.floor(scrollTop / this.#height) - SPARE);
    const to = Math.min(this.#count, Math.ceil((scrollTop + clientHeight) / this.#height) + SPARE);
    return [Math.min(from, to), to];
  }

  /** Scrolls as little as is needed for a row to be seen whole below a head of `head` pixels. */
  reveal(index: number, head: number): void {
    const top = index * this.#height;
    const { scrollTop, clientHeight } = this.viewport;
    if (top < scrollTop) this.viewport.scrollTop = top;
    else if (top + this.#height > scrollTop + clientHeight - head) this.viewport.scrollTop = top + this.#height + head - clientHeight;
    this.#show(false);
  }

  rowAt(index: number): HTMLElement | undefined {
    return this.#shown.get(index);
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#show(false);
    });
  }

  #show(refill: boolean): void {
    const [from, to] = this.range;
    for (const [index, row] of this.#shown) {
      if (index >= from && index < to) continue;
      this.#shown.delete(index);
      this.#pool.push(row);
    }
    for (let index = from; index < to; index++) {
      const known = this.#shown.get(index);
      if (known !== undefined && !refill) continue;
      const row = known ?? this.#take(index);
      this.#host.fillRow(row, index);
    }
    for (const row of this.#pool) row.hidden = true;
  }

  #take(index: number): HTMLElement {
    let row = this.#pool.pop();
    if (row === undefined) {
      row = this.#host.makeRow();
      this.#canvas.append(row);
    }
    row.hidden = false;
    row.style.transform = `translateY(${index * this.#height}px)`;
    this.#shown.set(index, row);
    return row;
  }
}
