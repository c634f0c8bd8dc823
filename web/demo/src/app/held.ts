/** A value that components follow with {@link useValue}. */

import { useSyncExternalStore } from "react";

export class Held<T> {
  readonly #followers = new Set<() => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  readonly get = (): T => this.#value;

  readonly subscribe = (fn: () => void): (() => void) => {
    this.#followers.add(fn);
    return () => this.#followers.delete(fn);
  };

  set(value: T): void {
    if (value === this.#value) return;
    this.#value = value;
    for (const fn of this.#followers) fn();
  }
}

export function useValue<T>({ subscribe, get }: Held<T>): T {
  return useSyncExternalStore(subscribe, get);
}
