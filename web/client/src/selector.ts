/**
 * Selectors say which records: the twin of the Go package selector, which
 * documents the language and its decisions. In short: Mango without $regex; a
 * condition on a missing field is unknown, so neither {"a": {"$ne": 1}} nor
 * {"$not": {"a": 1}} matches a record without a; only $exists sees it.
 */

import { compareStrings } from "./compare.js";
import { combine, compile, type Condition, eachCondition, type Formula, spell } from "./formula.js";
import { checkArg, isOp, type Op, oppositeOf } from "./operator.js";
import { checkPath, parsePath, type Path, pathText } from "./path.js";
import { canonicalRecord, type Doc, isDoc, isList, snapshot, type Value, ValueError } from "./value.js";

export const selectorLimits = { bytes: 16 << 10, depth: 16, conditions: 256 } as const;

/** Says of any record whether it matches. Immutable; compiled once. */
export class Selector {
  readonly #test: (v: Value) => boolean;
  readonly #text: string;
  /** The top-level fields which the answer depends on, sorted. */
  readonly fields: readonly string[];

  /** Use {@link parseSelector}. */
  constructor(formula: Formula) {
    // The normal form can be bigger than what was given, so the limits are checked on it too.
    this.#text = canonicalRecord(spell(formula), selectorLimits);
    this.#test = compile(formula);
    const names = new Set<string>();
    eachCondition(formula, ({ path: [name] }) => name !== undefined && names.add(name));
    this.fields = [...names].sort(compareStrings);
  }

  match(doc: Doc): boolean {
    return this.#test(doc);
  }

  /** The normal form, canonical JSON: equal for selectors which say the same. */
  toString(): string {
    return this.#text;
  }
}

/**
 * Reads a selector.
 * @throws ValueError bad_selector, bad_name, too_large, too_deep, and those of canonical.
 */
export function parseSelector(raw: unknown): Selector {
  canonicalRecord(raw, selectorLimits);
  return new Selector(new Parser().object(snapshot(raw) as Doc, { path: [], field: false, negate: false }));
}

/** Matches every record. */
export const matchAll: Selector = new Selector({ kind: "constant", truth: true });

/** Where in the selector the parser is. */
interface Place {
  readonly path: Path;
  /** Operators on a field make sense here. */
  readonly field: boolean;
  /** An odd number of negations is around. */
  readonly negate: boolean;
}

function bad(at: Place, why: string): ValueError {
  return new ValueError("bad_selector", pathText(at.path), why);
}

class Parser {
  #conditions = 0;

  /** {"name": …, "$op": …}: all of its members hold. */
  object(tree: Doc, at: Place): Formula {
    const kids = Object.keys(tree)
      .sort(compareStrings)
      .map((key) => this.#member(key, tree[key] ?? null, at));
    return combine(at.negate ? "or" : "and", kids);
  }

  #member(key: string, arg: Value, at: Place): Formula {
    switch (key) {
      case "$and":
        return this.#list(key, arg, at, true);
      case "$or":
        return this.#list(key, arg, at, false);
      case "$nor":
        return this.#list(key, arg, { ...at, negate: !at.negate }, false);
      case "$not":
        if (!isDoc(arg)) throw bad(at, "$not takes a selector");
        return this.object(arg, { ...at, negate: !at.negate });
      case "$regex":
        throw bad(at, "$regex is not supported, because Go and JavaScript disagree on regular expressions; use $beginsWith");
    }
    if (key.startsWith("$")) {
      if (!isOp(key)) throw bad(at, `unknown operator ${key}`);
      if (!at.field) throw bad(at, `${key} needs a field`);
      return this.#condition(key, arg, at);
    }
    const inner: Place = { path: checkPath([...at.path, ...parsePath(key)]), field: true, negate: at.negate };
    if (isDoc(arg) && Object.keys(arg).length > 0) return this.object(arg, inner);
    return this.#condition("$eq", arg, inner);
  }

  /** The argument of $and, $or and $nor. */
  #list(key: string, arg: Value, at: Place, and: boolean): Formula {
    if (!isList(arg) || arg.length === 0) {
      throw bad(at, `${key} takes a list of selectors which is not empty`);
    }
    const kids = arg.map((e) => {
      if (!isDoc(e)) throw bad(at, `${key} takes a list of selectors`);
      return this.object(e, at);
    });
    return combine(and !== at.negate ? "and" : "or", kids);
  }

  #condition(op: Op, arg: Value, at: Place): Condition {
    if (++this.#conditions > selectorLimits.conditions) throw bad(at, "more than 256 conditions");
    const { path, negate } = at;
    if (op === "$elemMatch") {
      if (!isDoc(arg)) throw bad(at, "$elemMatch takes a selector");
      const elem = this.object(arg, { path: [], field: true, negate: false });
      return { kind: "condition", path, op, negate, arg: null, elem };
    }
    const checked = checkArg(op, arg);
    if (typeof checked === "string") throw bad(at, `${op} ${checked}`);
    const plain: Condition = { kind: "condition", path, op, negate: false, arg: checked.arg };
    if (!negate) return plain;
    if (op === "$exists") return { ...plain, arg: !checked.arg };
    const opposite = oppositeOf(op);
    return opposite ? { ...plain, op: opposite } : { ...plain, negate };
  }
}
