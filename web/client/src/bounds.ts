import { compare } from "./compare.js";
import { type Path, pathText } from "./path.js";
import type { Selector } from "./selector.js";
import { type Doc, isDoc, type Value } from "./value.js";

/** Says of a value, undefined for a missing field, on which side of a bound it is. True for all values up to some value. */
export type Side = (v: Value | undefined) => boolean;

/** The stretch of the order of values in which a field must be: what is not `below` but `within`. */
export interface Bounds {
  readonly below: Side;
  readonly within: Side;
}

/**
 * What a selector demands of a field: bounds that no record which matches is
 * outside of, undefined if there are none. Others may be inside.
 */
export function boundsOf(where: Selector, path: Path): Bounds | undefined {
  // In the normal form all members of the outermost object must hold, and an object under a path holds operators.
  const tree = JSON.parse(where.toString()) as Doc;
  const name = pathText(path);
  const of = Object.hasOwn(tree, name) ? tree[name] : undefined;
  if (of === undefined) return undefined;
  const below: Side[] = [];
  const within: Side[] = [];
  for (const [op, arg] of isDoc(of) ? Object.entries(of) : [["$eq", of] as const]) {
    const from: Side = (v) => compare(v, arg) < 0;
    const to: Side = (v) => compare(v, arg) <= 0;
    if (op === "$eq" || op === "$gte" || op === "$beginsWith") below.push(from);
    if (op === "$gt") below.push(to);
    if (op === "$eq" || op === "$lte") within.push(to);
    if (op === "$lt") within.push(from);
    if (op === "$beginsWith") within.push((v) => from(v) || (typeof v === "string" && v.startsWith(String(arg))));
  }
  if (below.length + within.length === 0) return undefined;
  return { below: (v) => v === undefined || below.some((side) => side(v)), within: (v) => within.every((side) => side(v)) };
}
