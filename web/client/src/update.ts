/**
 * Updates say how a record changes: the twin of selector/update.go and
 * apply.go. $set and $unset write fields, $inc adds an integer to a counter,
 * $add and $remove change a sorted set of scalars.
 */

import { compareStrings, equal } from "./compare.js";
import { asSet, isInteger } from "./operator.js";
import { comparePaths, covers, parsePath, type Path, pathText } from "./path.js";
import { canonical, canonicalRecord, defaultLimits, type Doc, isDoc, isList, isSafe, isScalar, type Limits, snapshot, type Value, ValueError } from "./value.js";

type Name = "$set" | "$unset" | "$inc" | "$add" | "$remove";

interface Operation {
  readonly path: Path;
  readonly name: Name;
  /** A number for $inc, a sorted list for $add and $remove, null for $unset. */
  readonly arg: Value;
}

/** An update as a tree of field names, so that each object on the way is copied once. */
interface Branch {
  readonly kids: Map<string, Branch>;
  op?: Operation;
  /** Something below makes the field if it is missing. */
  creates: boolean;
}

function bad(path: string, why: string): ValueError {
  return new ValueError("bad_update", path, why);
}

function mismatch(op: Operation, why: string): ValueError {
  return new ValueError("type_mismatch", pathText(op.path), why);
}

/** A change to a record. Immutable; use {@link parseUpdate}. */
export class Update {
  readonly #root: Branch = { kids: new Map(), creates: false };
  readonly #text: string;
  /** The paths the update touches, in order; none covers another. */
  readonly paths: readonly Path[];
  /** Whether every operator is $inc, $add or $remove. */
  readonly commutes: boolean;

  constructor(ops: readonly Operation[]) {
    for (const op of ops) insert(this.#root, op);
    this.#text = spell(ops);
    this.paths = ops.map(({ path }) => path);
    this.commutes = ops.every(({ name }) => name !== "$set" && name !== "$unset");
  }

  /**
   * Returns the record after the update; doc is not altered, and the two
   * share what the update does not touch. undefined is an empty record.
   * @throws ValueError type_mismatch or unsafe_number, of the first path.
   */
  apply(doc: Doc = {}): Doc {
    return applyBranch(this.#root, doc) ?? {};
  }

  /** The normal form, canonical JSON. */
  toString(): string {
    return this.#text;
  }
}

/**
 * Reads an update of a record which keeps the limits.
 * @throws ValueError bad_update, conflicting_paths, bad_name, too_deep, too_large, and those of canonical.
 */
export function parseUpdate(raw: unknown, limits: Limits = {}): Update {
  const depth = limits.depth ?? defaultLimits.depth;
  canonicalRecord(raw, { ...limits, depth: depth + 1 });
  const tree = snapshot(raw) as Doc;
  const names = Object.keys(tree).sort(compareStrings);
  if (names.length === 0) throw bad("", "an update without operators");
  const ops = names.flatMap((name) => readOperator(name, tree[name] ?? null));
  ops.sort((a, b) => comparePaths(a.path, b.path));
  ops.forEach(({ path, arg }, i) => {
    const before = ops[i - 1];
    if (before && covers(before.path, path)) {
      throw new ValueError("conflicting_paths", pathText(path), "touched twice in one update");
    }
    if (path.length + depthOf(arg) > depth) {
      throw new ValueError("too_deep", pathText(path), "nested deeper than the limit");
    }
  });
  return new Update(ops);
}

function readOperator(name: string, arg: Value): Operation[] {
  switch (name) {
    case "$unset":
      if (!isList(arg) || arg.length === 0) throw bad("", "$unset takes a list of paths which is not empty");
      return arg.map((text) => {
        if (typeof text !== "string") throw bad("", "$unset takes a list of paths");
        return { path: parsePath(text), name, arg: null };
      });
    case "$set":
    case "$inc":
    case "$add":
    case "$remove": {
      const texts = isDoc(arg) ? Object.keys(arg).sort(compareStrings) : [];
      if (!isDoc(arg) || texts.length === 0) throw bad("", `${name} takes an object of paths which is not empty`);
      return texts.map((text) => ({ path: parsePath(text), name, arg: checkOperand(name, text, arg[text] ?? null) }));
    }
    default:
      throw bad("", `unknown operator ${name}`);
  }
}

function checkOperand(name: Name, text: string, arg: Value): Value {
  if (name === "$inc" && !isInteger(arg)) throw bad(text, "$inc takes an integer");
  if (name === "$add" || name === "$remove") {
    if (!isList(arg) || arg.length === 0 || !arg.every(isScalar)) {
      throw bad(text, `${name} takes a list of strings, numbers and booleans which is not empty`);
    }
    return asSet(arg);
  }
  return arg;
}

function insert(root: Branch, op: Operation): void {
  const creates = op.name !== "$unset" && op.name !== "$remove";
  let branch = root;
  branch.creates ||= creates;
  for (const name of op.path) {
    const kid: Branch = branch.kids.get(name) ?? { kids: new Map(), creates: false };
    branch.kids.set(name, kid);
    branch = kid;
    branch.creates ||= creates;
  }
  branch.op = op;
}

/** The object after the operators below branch; undefined stays so if there is nothing to make. */
function applyBranch(branch: Branch, doc: Doc | undefined): Doc | undefined {
  let out: Record<string, Value> | undefined;
  for (const [name, kid] of branch.kids) {
    const there = doc !== undefined && Object.hasOwn(doc, name);
    const v = change(kid, there ? doc[name] : undefined);
    if (v === undefined && !there) continue;
    out ??= { ...doc };
    if (v === undefined) delete out[name];
    else out[name] = v;
  }
  return out ?? doc;
}

/** The field after the update; undefined is a missing field, before and after. */
function change(branch: Branch, old: Value | undefined): Value | undefined {
  if (branch.op) return changeField(branch.op, old);
  if (old === undefined || isDoc(old)) return applyBranch(branch, old);
  if (branch.creates) throw mismatch(firstCreator(branch), "the path leads through something that is not an object");
  return old;
}

/** The first operation below branch which needs an object there. */
function firstCreator(branch: Branch): Operation {
  let at = branch;
  while (at.op === undefined) {
    const next = [...at.kids.values()].find((kid) => kid.creates);
    if (next === undefined) throw new Error("unreachable: nothing creates below this branch");
    at = next;
  }
  return at.op;
}

function changeField(op: Operation, old: Value | undefined): Value | undefined {
  switch (op.name) {
    case "$set":
      return op.arg;
    case "$unset":
      return undefined;
    case "$inc": {
      if (old !== undefined && !isInteger(old)) throw mismatch(op, "$inc of something that is not an integer");
      const sum = (old ?? 0) + (op.arg as number);
      if (!isSafe(sum)) throw new ValueError("unsafe_number", pathText(op.path), "the counter would leave ±(2^53-1)");
      return sum;
    }
    case "$add":
    case "$remove": {
      const elements = op.arg as readonly Value[];
      if (old === undefined) return op.name === "$add" ? elements : undefined;
      if (!isList(old) || !old.every(isScalar)) throw mismatch(op, `${op.name} on something that is not a set of scalars`);
      if (op.name === "$add") return asSet([...old, ...elements]);
      return asSet(old).filter((v) => !elements.some((e) => equal(e, v)));
    }
  }
}

function spell(ops: readonly Operation[]): string {
  const tree: Record<string, Record<string, Value> | string[]> = {};
  for (const { path, name, arg } of ops) {
    const into = (tree[name] ??= name === "$unset" ? [] : {});
    if (Array.isArray(into)) into.push(pathText(path));
    else into[pathText(path)] = arg;
  }
  return canonical(tree);
}

function depthOf(v: Value): number {
  if (typeof v !== "object" || v === null) return 0;
  // Not Math.max(...list): a list may be longer than a call takes arguments.
  return 1 + Object.values(v).reduce<number>((deepest, e: Value) => Math.max(deepest, depthOf(e)), 0);
}
