/** The operators on a field: the twin of selector/operator.go. */

import { compare, equal } from "./compare.js";
import { isDoc, isList, isSafe, type Value } from "./value.js";

export type Op =
  | "$eq" | "$ne" | "$lt" | "$gte" | "$lte" | "$gt" | "$in" | "$nin"
  | "$exists" | "$type" | "$all" | "$size" | "$elemMatch" | "$mod" | "$beginsWith";

/** What holds of a field that is there. */
export type Test = (v: Value) => boolean;

/** The operator which is true where the other is false. */
const opposites: ReadonlyMap<Op, Op> = new Map<Op, Op>([
  ["$eq", "$ne"], ["$ne", "$eq"], ["$lt", "$gte"], ["$gte", "$lt"],
  ["$lte", "$gt"], ["$gt", "$lte"], ["$in", "$nin"], ["$nin", "$in"],
]);

const ops: ReadonlySet<string> = new Set<Op>([
  ...opposites.keys(), "$exists", "$type", "$all", "$size", "$elemMatch", "$mod", "$beginsWith",
]);

const typeNames: ReadonlySet<Value> = new Set(["null", "boolean", "number", "string", "array", "object"]);

export function isOp(name: string): name is Op {
  return ops.has(name);
}

export function oppositeOf(op: Op): Op | undefined {
  return opposites.get(op);
}

/** Whether v is an integer which may stand in a record. */
export function isInteger(v: Value | undefined): v is number {
  return typeof v === "number" && Number.isInteger(v) && isSafe(v);
}

/** A sorted copy without duplicates. */
export function asSet(list: readonly Value[]): readonly Value[] {
  const sorted = [...list].sort(compare);
  return sorted.filter((v, i) => i === 0 || !equal(v, sorted[i - 1]));
}

/**
 * Checks the argument of op and returns it in normal form; a message if it is
 * wrong.
 */
export function checkArg(op: Op, arg: Value): { readonly arg: Value } | string {
  switch (op) {
    case "$in":
    case "$nin":
    case "$all":
      return isList(arg) ? { arg: asSet(arg) } : "takes a list";
    case "$exists":
      return typeof arg === "boolean" ? { arg } : "takes true or false";
    case "$type":
      return typeNames.has(arg) ? { arg } : 'takes "null", "boolean", "number", "string", "array" or "object"';
    case "$size":
      return isInteger(arg) && arg >= 0 ? { arg } : "takes an integer which is not negative";
    case "$mod":
      return isList(arg) && arg.length === 2 && isInteger(arg[0]) && isInteger(arg[1]) && arg[0] !== 0
        ? { arg }
        : "takes [divisor, remainder], integers, the divisor not zero";
    case "$beginsWith":
      return typeof arg === "string" ? { arg } : "takes a string";
    default:
      return { arg };
  }
}

/** Compiles op with an argument that {@link checkArg} returned; not for $exists and $elemMatch. */
export function compileOp(op: Op, arg: Value): Test {
  switch (op) {
    case "$eq":
      return (v) => equal(v, arg);
    case "$ne":
      return (v) => !equal(v, arg);
    case "$lt":
      return (v) => compare(v, arg) < 0;
    case "$lte":
      return (v) => compare(v, arg) <= 0;
    case "$gt":
      return (v) => compare(v, arg) > 0;
    case "$gte":
      return (v) => compare(v, arg) >= 0;
    case "$in":
      return isIn(arg);
    case "$nin": {
      const holds = isIn(arg);
      return (v) => !holds(v);
    }
    case "$type":
      return (v) => typeName(v) === arg;
    case "$beginsWith":
      return (v) => typeof v === "string" && typeof arg === "string" && v.startsWith(arg);
    case "$size":
      return (v) => isList(v) && v.length === arg;
    case "$all":
      return (v) => isList(v) && isList(arg) && arg.every((want) => contains(v, want));
    case "$mod": {
      const [divisor, remainder] = arg as readonly [number, number];
      return (v) => isInteger(v) && v % divisor === remainder;
    }
    default:
      return () => false;
  }
}

/** Whether the field, or an element of it, is one of the options. */
function isIn(arg: Value): Test {
  const options = isList(arg) ? arg : [];
  return (v) => contains(options, v) || (isList(v) && v.some((e) => contains(options, e)));
}

function contains(list: readonly Value[], v: Value): boolean {
  return list.some((e) => equal(e, v));
}

function typeName(v: Value): string {
  if (v === null) return "null";
  if (isList(v)) return "array";
  return isDoc(v) ? "object" : typeof v;
}
