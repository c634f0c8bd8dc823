import type { View } from "./api.js";
import { SynclineError } from "./errors.js";
import { checkCollection } from "./key.js";
import { parseSelector } from "./selector.js";
import { canonical } from "./value.js";

/** The parts that a view may have. */
const PARTS = 32;

/** A private copy of the application's view, in its normal form. Throws `bad_name`, and ValueError for a selector. */
export function readView(view: View): View {
  if (!Array.isArray(view) || view.length > PARTS) throw new SynclineError("bad_name", `a view is a list of at most ${PARTS} parts`);
  return (view as View).map(({ in: collection, where }) => {
    checkCollection(collection);
    if (where === undefined) return { in: collection };
    return { in: collection, where: JSON.parse(parseSelector(where).toString()) as NonNullable<typeof where> };
  });
}

/** Whether two views from {@link readView} are the same. */
export function sameView(a: View, b: View): boolean {
  return canonical(a) === canonical(b);
}

/** One view of all that several want; of whole collections, if it would have too many parts. */
export function union(views: readonly View[]): View {
  const parts = [...new Map(views.flat().map((part) => [canonical(part), part])).values()];
  const whole = new Set(parts.filter(({ where }) => parts.length > PARTS || where === undefined).map((part) => part.in));
  return [...[...whole].map((name) => ({ in: name })), ...parts.filter((part) => !whole.has(part.in))];
}
