/** Functions of the application that are called on events. One that throws is reported and harms nothing else. */
export class Emitter<Args extends readonly unknown[] = []> {
  #listeners: readonly { readonly fn: (...args: Args) => void }[] = [];

  /** Adds a function, also one that is there already; the result takes it out again. */
  subscribe(fn: (...args: Args) => void): () => void {
    const listener = { fn };
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /** Calls those that are there now, in the order in which they came. */
  emit(...args: Args): void {
    for (const { fn } of this.#listeners) {
      try {
        fn(...args);
      } catch (error) {
        report(error);
      }
    }
  }

  /** Whether anybody listens. */
  get used(): boolean {
    return this.#listeners.length > 0;
  }

  clear(): void {
    this.#listeners = [];
  }
}

/** Tells the platform of an error that nobody caught, as if it had been thrown at the top. */
export function report(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
