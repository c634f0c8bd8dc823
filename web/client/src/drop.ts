import type { View } from "./api.js";
import { matchAll, parseSelector } from "./selector.js";
import { type Doc, isDoc, isList, type Value } from "./value.js";

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

/** Whether something is a list of drops that {@link coverOf} takes. */
export function isDrops(v: unknown): boolean {
  try {
    return isList(v as Value) && (v as View).every((part) => isDoc(part) && typeof part.in === "string") && coverOf(v as View) !== undefined;
  } catch {
    return false; // no selector of this program's
  }
}
