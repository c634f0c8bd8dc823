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
  const spoken: Versions = {};
  return (view as View).map(({ in: collection, where, v = 1 }) => {
    checkCollection(collection);
    if (!(Number.isSafeInteger(v) && v > 0) || (spoken[collection] ??= v) !== v) throw new SynclineError("bad_name", `v is one version of ${collection}`);
    return {
      in: collection,
      ...(where !== undefined && { where: JSON.parse(parseSelector(where).toString()) as NonNullable<typeof where> }),
      ...(v > 1 && { v }),
    };
  });
}

/** Versions of collections, but for those that are 1. */
export type Versions = { [collection: string]: number };

/** The versions that a view speaks. */
export function versionsOf(view: View): Versions {
  return Object.fromEntries(view.flatMap(({ in: name, v }) => (v === undefined ? [] : [[name, v]])));
}

/** Whether a view holds of each collection that `spoken` has parts of what these have. */
export function sameVersions(view: View, spoken: View): boolean {
  const versions = versionsOf(spoken);
  const has = new Set(spoken.map((part) => part.in));
  return view.every(({ in: name, v = 1 }) => !has.has(name) || v === (versions[name] ?? 1));
}

/** Whether two views from {@link readView} are the same. */
export function sameView(a: View, b: View): boolean {
  return canonical(a) === canonical(b);
}

/** One view of all that several want; of whole collections, if it would have too many parts. */
export function union(views: readonly View[]): View {
  const parts = [...new Map(views.flat().map((part) => [canonical(part), part])).values()];
  const whole = new Set(parts.filter(({ where }) => parts.length > PARTS || where === undefined).map((part) => part.in));
  const versions = versionsOf(parts);
  return [...[...whole].map((name) => ({ in: name, ...(name in versions && { v: versions[name]! }) })), ...parts.filter((part) => !whole.has(part.in))];
}
