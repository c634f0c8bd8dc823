import type { View } from "./api.js";
import { matchAll, parseSelector } from "./selector.js";
import type { Doc } from "./value.js";

/** Whether a record of a collection is one that drops take away. */
export type Cover = (collection: string, value: Doc) => boolean;

/** The collections that drops name, and what they cover there. Drops are what a diff takes away by selector, of all that was held before it. */
export function coverOf(drops: View): { readonly names: ReadonlySet<string>; readonly covers: Cover } {
  const tests = drops.map(({ in: name, where }) => [name, where === undefined ? matchAll : parseSelector(where)] as const);
  return {
    names: new Set(tests.map(([name]) => name)),
    covers: (collection, value) => tests.some(([name, selector]) => name === collection && selector.match(value)),
  };
}
