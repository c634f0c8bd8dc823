/**
 * Which carrier to try next. At first all are tried one after the other; one
 * that has worked is kept (as is the first one while none has), but every
 * other failure from the third on another one gets a try.
 */
export class Ladder {
  readonly #size: number;
  #at = 0;
  #best: number | undefined;
  #failures = 0;

  /** Carriers are numbered from 0, the best one, to `size` - 1. */
  constructor(size: number) {
    this.#size = size;
  }

  /** The one to try now. */
  get at(): number {
    return this.#at;
  }

  /** This one said welcome. */
  worked(at: number): void {
    this.#at = this.#best = at;
  }

  /** The one at hand has worked for a while. */
  lasted(): void {
    this.#failures = 0;
  }

  /** The one at hand failed, before a welcome or soon after. True if the next one may be tried without delay. */
  failed(): boolean {
    const n = ++this.#failures;
    if (this.#best === undefined && n < this.#size) {
      this.#at = n;
      return true;
    }
    const other = n >= 3 && n % 2 === 1 ? (n - 1) / 2 : 0;
    this.#at = ((this.#best ?? 0) + other) % this.#size;
    return false;
  }
}
