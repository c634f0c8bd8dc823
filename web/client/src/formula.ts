/** Formulas in negation normal form: the twin of selector/node.go and normal.go. */

import { compareStrings } from "./compare.js";
import { compileOp, type Op } from "./operator.js";
import { getPath, type Path, pathText } from "./path.js";
import { canonical, isDoc, type Value } from "./value.js";

/** One operator on one field. */
export interface Condition {
  readonly kind: "condition";
  readonly path: Path;
  readonly op: Op;
  readonly negate: boolean;
  readonly arg: Value;
  /** Of $elemMatch. */
  readonly elem?: Formula;
}

export type Formula =
  | { readonly kind: "constant"; readonly truth: boolean }
  | { readonly kind: "and" | "or"; readonly kids: readonly Formula[] }
  | Condition;

/** The tree of a selector while it is written. */
type Tree = Record<string, Value>;

/** Makes the closure which says whether a record, or an element, matches. */
export function compile(f: Formula): (v: Value) => boolean {
  switch (f.kind) {
    case "constant":
      return () => f.truth;
    case "and": {
      const kids = f.kids.map(compile);
      return (v) => kids.every((kid) => kid(v));
    }
    case "or": {
      const kids = f.kids.map(compile);
      return (v) => kids.some((kid) => kid(v));
    }
    case "condition":
      return compileCondition(f);
  }
}

function compileCondition({ path, op, negate, arg, elem }: Condition): (v: Value) => boolean {
  if (op === "$exists") return (v) => (getPath(v, path) !== undefined) === arg;
  const inner = elem && compile(elem);
  const test = inner ? (v: Value) => Array.isArray(v) && v.some(inner) : compileOp(op, arg);
  return (v) => {
    const field = getPath(v, path);
    return field !== undefined && test(field) !== negate;
  };
}

/**
 * Joins formulas by and (or by or) in normal form: nested ones of the same
 * kind are taken in, constants folded, the rest sorted by spelling and
 * without duplicates.
 */
export function combine(kind: "and" | "or", kids: readonly Formula[]): Formula {
  const flat = kids.flatMap((f) => (f.kind === kind ? f.kids : [f]));
  const neutral = kind === "and";
  const bySpelling = new Map<string, Formula>();
  for (const f of flat) {
    if (f.kind !== "constant") bySpelling.set(canonical(spell(f)), f);
    else if (f.truth !== neutral) return f;
  }
  const sorted = [...bySpelling].sort(([a], [b]) => compareStrings(a, b)).map(([, f]) => f);
  const [first] = sorted;
  if (first === undefined) return { kind: "constant", truth: neutral };
  return sorted.length === 1 ? first : { kind, kids: sorted };
}

/** The tree of the selector which parses to f. */
export function spell(f: Formula): Tree {
  switch (f.kind) {
    case "constant":
      return f.truth ? {} : { $not: {} };
    case "or":
      return { $or: f.kids.map(spell) };
    case "and":
      return spellAll(f.kids);
    case "condition":
      return spellAll([f]);
  }
}

/** Writes as much as it can into one object; what finds its place taken goes to $and. */
function spellAll(kids: readonly Formula[]): Tree {
  const out: Tree = {};
  const fields = new Map<string, Tree>();
  const rest: Formula[] = [];
  for (const f of kids) {
    let into = out;
    let [key, arg]: [string, Value] = ["$or", null];
    if (f.kind === "condition") {
      [key, arg] = spellCondition(f);
      if (f.path.length > 0) {
        const name = pathText(f.path);
        into = fields.get(name) ?? {};
        fields.set(name, into);
      }
    } else if (f.kind === "or") {
      arg = f.kids.map(spell);
    }
    if (Object.hasOwn(into, key)) rest.push(f);
    else into[key] = arg;
  }
  for (const [name, tests] of fields) out[name] = shorten(tests);
  if (rest.length > 0) out["$and"] = rest.map(spell);
  return out;
}

/** Writes {"$eq": v} as v where that means the same. */
function shorten(tests: Tree): Value {
  const arg = tests["$eq"];
  return arg !== undefined && Object.keys(tests).length === 1 && !isDoc(arg) ? arg : tests;
}

function spellCondition({ op, negate, arg, elem }: Condition): [string, Value] {
  const spelled = elem ? spell(elem) : arg;
  return negate ? ["$not", { [op]: spelled }] : [op, spelled];
}

/** Calls visit for each condition on the record itself. */
export function eachCondition(f: Formula, visit: (c: Condition) => void): void {
  if (f.kind === "condition") visit(f);
  else if (f.kind !== "constant") f.kids.forEach((kid) => eachCondition(kid, visit));
}
