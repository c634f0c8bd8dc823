/** A page that only has a store. */
import { openIndexedDB } from "../../client/src/indexeddb.js";

/** Text that does not compress, the same each time. */
function noise(units: number): string {
  let state = units;
  const next = (): string => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8).toString(36);
  return Array.from({ length: units / 4 }, () => next().slice(0, 4).padEnd(4, "x")).join("");
}

const page = {
  /** What a store does not give back of values of these lengths, asked for so often by key and by range. */
  async missed(lengths: readonly number[], times: number): Promise<string[]> {
    const store = await openIndexedDB("store");
    const pairs = lengths.map((length, i) => [`k${i}`, noise(length)] as const);
    await store.update([], () => ({ put: pairs }));
    const missed: string[] = [];
    for (let n = 0; n < times; n++) {
      const [values, range] = await Promise.all([store.get(pairs.map(([key]) => key)), store.range("k", "l")]);
      for (const [i, [key, value]] of pairs.entries()) {
        if (values[i] !== value) missed.push(`get ${key}`);
        if (range[i]?.[0] !== key || range[i]?.[1] !== value) missed.push(`range ${key}`);
      }
    }
    await store.close();
    return missed;
  },
};

declare global {
  interface Window {
    store: typeof page;
  }
}
window.store = page;
