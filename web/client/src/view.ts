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
  return Object.fromEntries(view.flatMap(({ in: name, v }) => (v ? [[name, v]] : [])));
}

/** Tells by how many versions a part of a view is newer than what `spoken` says of its collection; 0, too, if that says nothing. */
function newer(spoken: View): (part: View[number]) => number {
  const versions = new Map(spoken.map(({ in: name, v = 1 }) => [name, v]));
  return ({ in: name, v = 1 }) => v - (versions.get(name) ?? v);
}

/** What drops the collections that a view has at other versions than `spoken`. */
export function others(view: View, spoken: View): View {
  return view.filter(newer(spoken)).map(({ in: name }) => ({ in: name }));
}

/** What of a view is at the versions that `spoken` has of the same collections. */
export function alike(view: View, spoken: View): View {
  const by = newer(spoken);
  return view.filter((part) => by(part) === 0);
}

/**
 * Which of two programs is the newer, by what they want: above 0 for the first, below for the second, 0 if they speak alike of what both have.
 * If one is newer in one collection and the other in another, the first of these by name decides, so that all come to the same answer.
 */
export function ahead(view: View, other: View): number {
  return [...view].sort((a, b) => (a.in < b.in ? -1 : 1)).map(newer(other)).find((by) => by !== 0) ?? 0;
}

/** Whether two views from {@link readView} are the same. */
export function sameView(a: View, b: View): boolean {
  return canonical(a) === canonical(b);
}

/** One view of all that several want; of whole collections, if it would have too many parts. */
export function union(views: readonly View[]): View {
  const parts = [...new Map(views.flat().map((part) => [canonical(part), part])).values()];
  const whole = new Map(parts.filter(({ where }) => parts.length > PARTS || where === undefined).map(({ where: _, ...part }) => [part.in, part]));
  return [...whole.values(), ...parts.filter((part) => !whole.has(part.in))];
}
