/**
 * Undo and redo of one's own mutations, as new mutations that take back what the old ones did.
 *
 * ```ts
 * const history = new History(board);
 * history.group("move", () => board.patch("cards", "c1", { $set: { x: 10, y: 20 } }));
 * history.undo(); // x and y are what they were, unless somebody else has moved the card since
 * ```
 *
 * What undo and redo leave alone, because others are at work:
 *
 * - a field that has another value now than the step gave it, also in older steps. Values are compared: a field that somebody else
 *   has set to the very same value counts as untouched;
 * - an entry that the step created and somebody else has changed since: it stays, whole;
 * - an entry that the step deleted and somebody else has made again; an entry that has been deleted since, or has left the view.
 *
 * `$inc`, `$add` and `$remove` are always taken back, whatever others have added: by the amount, and by the elements that really
 * came or went. A counter or set that there was not before stays as 0 or empty. `put` over an entry is taken back field by field.
 *
 * All of that is decided by what is shown here. A field that somebody else has written without this replica knowing yet is won by
 * whose write comes last, as always; but an entry that would be deleted or made again is guarded by its version, where no mutation
 * of it is queued: then the server refuses the undo as `stale`, and it is in {@link Space.rejected}.
 *
 * @module
 */

import type { Entry, LiveQuery, Mutation, Op, Space, SpaceEvent, Tx, UpdateOps } from "./api.js";
import { equal } from "./compare.js";
import { Emitter } from "./emitter.js";
import { SynclineError } from "./errors.js";
import { keyOf } from "./key.js";
import { asSet, isInteger } from "./operator.js";
import { comparePaths, covers, getPath, maxPathSegments, maxSegmentBytes, parsePath, type Path, pathText } from "./path.js";
import { type Doc, isDoc, isList, isSafe, utf8Length, type Value } from "./value.js";

/** How many changes of entries are kept; a gesture with more becomes several steps. */
const MOST = 10_000;

type Some = Value | undefined;
type Queued = Extract<SpaceEvent, { kind: "queued" }>;
type Kind = "value" | "count" | "set";
const KINDS: { readonly [operator: string]: Kind } = { $inc: "count", $add: "set", $remove: "set" };

/** A field that was changed; the empty path is the entry, which came or went. None is inside of another. */
interface Field {
  readonly path: Path;
  readonly kind: Kind;
}

/** What one mutation did to an entry. */
interface Part {
  readonly mutation: string;
  readonly before: Doc | undefined;
  readonly after: Doc | undefined;
  /** It was refused: what a later part found as before is no value to go back to. */
  gone?: boolean;
}

/** What successive mutations did to the same fields of an entry. The last part is not gone. */
interface Edit {
  readonly key: string;
  readonly in: string;
  readonly id: string;
  readonly fields: readonly Field[];
  /** Equal for equal fields of the same entry. */
  readonly shape: string;
  readonly parts: Part[];
  /** Counters and sets that undoing newer edits has left at 0 or empty where there were none before: they count as missing. */
  readonly left: Set<string>;
  /** Fields that somebody else has changed since a newer edit, which was left alone: so is this one, even if the value looks like it. */
  readonly lost: Path[];
}

interface Step {
  readonly name: string;
  edits: Edit[];
  /** The last edit of each entry. */
  readonly last: Map<string, Edit>;
  /** The number of parts that were put in. */
  size: number;
  /** When the last one was, in milliseconds since 1970. */
  at: number;
}

/** What undoing makes of an entry. */
interface Draft {
  readonly in: string;
  readonly id: string;
  readonly entry: Entry | undefined;
  doc: Doc | undefined;
  readonly touched: Map<string, Kind>;
}

/** An operation of the mutation that undoes. */
type Act = (tx: Tx) => void;

/** Options of {@link History}. */
export interface HistoryOptions {
  /** How many steps can be undone, at least 1; older ones are forgotten, as they are beyond 10,000 changes of entries. Default 100. */
  readonly limit?: number;
  /** Only changes in these collections are recorded. Default: all. */
  readonly collections?: readonly string[];
  /**
   * A mutation outside of a group that changes the same fields as the one before, less than that many milliseconds later, is
   * undone together with it: for typing. Default 0: never.
   */
  readonly mergeMs?: number;
}

/**
 * The mutations made through one {@link Space} object since the history was made, by whatever binding; not those of other tabs.
 * Only what they did to what was shown then can be undone: a `put` into a collection that is still being read from the disk is not
 * recorded. A mutation that the server refuses is taken out, an undo or redo as well; one that was undone before can be redone, and is
 * refused again.
 */
export class History {
  readonly #space: Space;
  readonly #limit: number;
  readonly #collections: readonly string[] | undefined;
  readonly #mergeMs: number;
  #undo: Step[] = [];
  #redo: Step[] = [];
  readonly #changed = new Emitter();
  /** Queries without rows, which tell whether a collection is in memory. */
  readonly #known = new Map<string, LiveQuery>();
  readonly #leave: () => void;
  #open: Step | undefined;
  /** What is queued while undo or redo is at work, by it or by a subscriber. */
  #heard: Queued[] | undefined;

  /** Throws {@link SynclineError} `invalid` for an option out of its range. */
  constructor(space: Space, { limit = 100, collections, mergeMs = 0 }: HistoryOptions = {}) {
    if (!(Number.isInteger(limit) && limit > 0 && mergeMs >= 0)) throw new SynclineError("invalid", "limit takes an integer from 1, mergeMs a time");
    this.#space = space;
    this.#limit = limit;
    this.#collections = collections;
    this.#mergeMs = mergeMs;
    this.#leave = space.onEvent((event) => {
      if (event.kind === "rejected") this.#forget(event.rejected.id);
      if (event.kind !== "queued" || !event.mutation.mine) return;
      if (this.#heard) this.#heard.push(event);
      else this.#record(event);
    });
  }

  /** Whether there is a step to undo. Others may have left nothing of it to undo. */
  get canUndo(): boolean {
    return this.#undo.length > 0;
  }

  /** Whether there is a step to redo. */
  get canRedo(): boolean {
    return this.#redo.length > 0;
  }

  /** The name of the step that would be undone, empty for a mutation outside of a group; undefined if there is none. */
  get undoName(): string | undefined {
    return this.#undo.at(-1)?.name;
  }

  /** The name of the step that would be redone; undefined if there is none. */
  get redoName(): string | undefined {
    return this.#redo.at(-1)?.name;
  }

  /** Calls `fn` after each change of the steps; returns the end of that. */
  subscribe(fn: () => void): () => void {
    return this.#changed.subscribe(fn);
  }

  /** Makes one step of all mutations that `fn` makes before it returns. Inside of another group or a gesture it is a part of that. */
  group<T>(name: string, fn: () => T): T {
    if (this.#open) return fn();
    this.begin(name);
    try {
      return fn();
    } finally {
      this.end();
    }
  }

  /** Makes one step of all mutations until {@link end}: a drag. A gesture or group that has not ended ends here. */
  begin(name: string): void {
    this.#open = newStep(name);
  }

  /** Ends a gesture, if there is one. */
  end(): void {
    this.#open = undefined;
  }

  /**
   * Ends a gesture and takes back the newest step; if nothing is left of it to take back, it is forgotten, and the one before is
   * taken. Returns the mutation, the last one if the server's limits ask for several; undefined if there was nothing to do, if a
   * collection of the step is being read from the disk, or inside of a callback of undo itself. Throws `closed` if the space is.
   */
  undo(): Mutation | undefined {
    return this.#take(this.#undo, this.#redo);
  }

  /** Does again what was undone last, by the rules of {@link undo}. A new own mutation leaves nothing to redo. */
  redo(): Mutation | undefined {
    return this.#take(this.#redo, this.#undo);
  }

  /** Forgets all steps. */
  clear(): void {
    this.end();
    this.#undo.length = this.#redo.length = 0;
    this.#changed.emit();
  }

  /** Forgets all steps and records no more. */
  close(): void {
    this.#leave();
    this.clear();
    this.#changed.clear();
    for (const query of this.#known.values()) query.close();
  }

  #record(event: Queued): void {
    const edits = this.#edits(event);
    if (edits.length === 0) return;
    const top = this.#undo.at(-1);
    const soon = this.#mergeMs > 0 && top?.name === "" && event.at - top.at < this.#mergeMs && !this.canRedo && edits.every((edit) => likeOf(edit, top));
    let step = this.#open ?? (soon ? top : newStep(""));
    if (step.size >= MOST) {
      step = newStep(step.name);
      if (this.#open) this.#open = step;
    }
    if (step !== top) this.#undo.push(step);
    add(step, edits);
    step.at = event.at;
    this.#redo.length = 0;
    while (this.#undo.length > this.#limit || (this.#undo.length > 1 && this.#undo.reduce((sum, { size }) => sum + size, 0) > MOST)) this.#undo.shift();
    this.#changed.emit();
  }

  #edits({ mutation, changes }: Queued): Edit[] {
    return changes.flatMap(({ collection, id, before, after }) => {
      if (this.#collections?.includes(collection) === false || (!before && this.#loading(collection))) return [];
      const fields = fieldsOf(mutation.ops, collection, id, before?.value, after?.value);
      if (fields.length === 0) return [];
      const key = keyOf(collection, id);
      const parts = [{ mutation: mutation.id, before: before?.value, after: after?.value }];
      return [{ key, in: collection, id, fields, shape: key + JSON.stringify(fields), parts, left: new Set<string>(), lost: [] }];
    });
  }

  #loading(collection: string): boolean {
    let query = this.#known.get(collection);
    if (!query) this.#known.set(collection, (query = this.#space.query({ in: collection, where: { none: { $in: [] } } })));
    return query.result.status === "loading";
  }

  #take(from: Step[], to: Step[]): Mutation | undefined {
    if (this.#heard) return undefined;
    this.end();
    let mutation: Mutation | undefined;
    for (let step = from.at(-1); step && !mutation; step = from.at(-1)) {
      if (step.edits.some((edit) => this.#loading(edit.in))) break;
      const acts = this.#plan(step, from);
      if (acts.length > 0) mutation = this.#apply(acts, step.name, to);
      const at = from.lastIndexOf(step);
      if (at >= 0) from.splice(at, 1); // a subscriber may have cleared it
      this.#changed.emit();
    }
    return mutation;
  }

  /** The operations that undo a step of a stack. */
  #plan({ edits }: Step, stack: readonly Step[]): Act[] {
    const drafts = new Map<string, Draft>();
    const all = stack.flatMap((step) => step.edits);
    for (const edit of [...edits].reverse()) {
      const { key, in: collection, id } = edit;
      const entry = this.#space.get(collection, id);
      const draft = drafts.get(key) ?? { in: collection, id, entry, doc: entry?.value, touched: new Map<string, Kind>() };
      drafts.set(key, draft);
      for (const part of [...edit.parts].reverse()) {
        let last: Path | undefined;
        for (const field of edit.fields) {
          // The field has gone with the object around it, or is somebody else's.
          if ((last && covers(last, field.path)) || edit.lost.some((other) => covers(other, field.path))) continue;
          const [path, to] = revert(draft.doc, part, field, edit) ?? [];
          const older = (mark: (other: Edit) => void): void => all.forEach((other) => other.key === key && mark(other));
          if (!path) {
            if (!part.gone) older(({ lost }) => lost.push(field.path));
            continue;
          }
          last = path;
          const text = pathText(path);
          draft.doc = put(draft.doc, path, to);
          touch(draft.touched, text, field.kind);
          if (field.kind !== "value" && at(part.before, path) === undefined) older(({ left }) => left.add(text));
        }
      }
    }
    const queued = new Set(this.#space.pending.flatMap(({ ops }) => ops.map((op) => keyOf(op.in, op.id))));
    return [...drafts].flatMap(([key, draft]) => actsOf(draft, queued.has(key)));
  }

  /** Makes the mutation and puts what it did on a stack. */
  #apply(acts: readonly Act[], name: string, to: Step[]): Mutation {
    const heard: Queued[] = (this.#heard = []);
    const own = new Set<string>();
    try {
      return this.#send(acts, own);
    } finally {
      this.#heard = undefined;
      const step = newStep(name);
      for (const event of heard) if (own.has(event.mutation.id)) add(step, this.#edits(event));
      if (step.size > 0) to.push(step);
      for (const event of heard) if (!own.has(event.mutation.id)) this.#record(event);
    }
  }

  #send(acts: readonly Act[], own: Set<string>): Mutation {
    try {
      const mutation = this.#space.mutate((tx) => acts.forEach((act) => act(tx)));
      own.add(mutation.id);
      return mutation;
    } catch (error) {
      if (acts.length < 2 || !(error instanceof SynclineError) || error.code !== "too_large") throw error;
      this.#send(acts.slice(0, acts.length / 2), own);
      return this.#send(acts.slice(acts.length / 2), own);
    }
  }

  /** A mutation was refused. */
  #forget(id: string): void {
    let found = false;
    for (const stack of [this.#undo, this.#redo]) {
      const edits = stack.flatMap((step) => step.edits);
      for (const [i, { parts, shape }] of edits.entries()) {
        const part = parts.find(({ mutation }) => mutation === id);
        if (!part) continue;
        found = part.gone = true;
        const next = edits.find((edit, j) => j > i && edit.shape === shape);
        while (parts.at(-1)?.gone) {
          const last = parts.splice(-1);
          next?.parts.unshift(...last);
        }
      }
      for (const step of stack) step.edits = step.edits.filter(({ parts }) => parts.length > 0);
      stack.splice(0, stack.length, ...stack.filter((step) => step.edits.length > 0));
    }
    if (found) this.#changed.emit();
  }
}

function newStep(name: string): Step {
  return { name, edits: [], last: new Map(), size: 0, at: -Infinity };
}

/** The last edit of the entry in the step, if it is of the same fields. */
function likeOf({ key, shape }: Edit, step: Step): Edit | undefined {
  const last = step.last.get(key);
  return last?.shape === shape && last.parts.length > 0 ? last : undefined;
}

function add(step: Step, edits: readonly Edit[]): void {
  for (const edit of edits) {
    const like = likeOf(edit, step);
    if (like) {
      like.parts.push(...edit.parts);
    } else {
      step.edits.push(edit);
      step.last.set(edit.key, edit);
    }
    step.size++;
  }
}

/** Notes that a field is touched; in two ways, it is as good as set. */
function touch(touched: Map<string, Kind>, text: string, kind: Kind): void {
  touched.set(text, (touched.get(text) ?? kind) === kind ? kind : "value");
}

/** The touched fields without those inside of others. */
function outer(touched: ReadonlyMap<string, Kind>): Field[] {
  const fields: Field[] = [];
  const all = [...touched].map(([text, kind]) => ({ path: text === "" ? [] : parsePath(text), kind }));
  for (const field of all.sort((a, b) => comparePaths(a.path, b.path))) {
    const last = fields.at(-1);
    if (!last || !covers(last.path, field.path)) fields.push(field);
  }
  return fields;
}

/** The fields of an entry that operations have changed. */
function fieldsOf(ops: readonly Op[], collection: string, id: string, before: Some, after: Some): Field[] {
  if (!isDoc(before) || !isDoc(after)) return equal(before, after) ? [] : [{ path: [], kind: "value" }];
  const touched = new Map<string, Kind>();
  for (const op of ops) {
    if (op.in !== collection || op.id !== id) continue;
    if (op.op !== "patch") return diff(before, after, []);
    for (const [name, arg] of Object.entries(op.patch) as [string, object][]) {
      for (const text of Array.isArray(arg) ? (arg as string[]) : Object.keys(arg)) touch(touched, text, KINDS[name] ?? "value");
    }
  }
  return outer(touched).filter(({ path }) => !equal(at(before, path), at(after, path)));
}

/** The fields that differ, from the outside in as far as paths reach. */
function diff(a: Doc, b: Doc, path: Path): Field[] {
  const fields: Field[] = [];
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const inner = [...path, name];
    const [x, y] = [at(a, [name]), at(b, [name])];
    if (equal(x, y)) continue;
    if (name === "" || utf8Length(name) > maxSegmentBytes || inner.length > maxPathSegments) return [{ path, kind: "value" }];
    fields.push(...(isDoc(x) && isDoc(y) ? diff(x, y, inner) : [{ path: inner, kind: "value" as const }]));
  }
  return fields;
}

/** What has to be put where to take back what was done to a field; undefined if somebody else has changed it since. */
function revert(now: Doc | undefined, { before, after, gone }: Part, { path, kind }: Field, { left, lost }: Edit): [Path, Some] | undefined {
  if (lost.some((other) => covers(path, other)) || (path.length > 0 && !isDoc(at(now, path.slice(0, -1))))) return undefined;
  const [was, is, made] = [at(before, path), at(now, path), at(after, path)];
  if (kind === "count") {
    const to = Number(is) - (Number(made) - Number(was ?? 0));
    return !gone && isInteger(is) && isSafe(to) ? [path, to] : undefined;
  }
  if (kind === "set") return !gone && isList(is) ? [path, asSet([...minus(is, minus(made, was)), ...minus(was, made)])] : undefined;
  for (let n = 0; n <= path.length; n++) {
    // Objects on the way that the mutation made go, too, unless somebody else has put something into them.
    const part = path.slice(0, n);
    const old = at(before, part);
    if ((n === path.length || old === undefined) && same(at(now, part), at(after, part), part, left)) return [part, old];
  }
  return undefined;
}

/** Whether a field is as the mutation left it, but for counters and sets that undoing has left. */
function same(now: Some, after: Some, path: Path, left: ReadonlySet<string>): boolean {
  if (left.size === 0 || !isDoc(now) || (after === undefined ? path.length === 0 : !isDoc(after))) {
    return equal(now, after) || (after === undefined && left.has(pathText(path)) && (now === 0 || (isList(now) && now.length === 0)));
  }
  const names = [...new Set([...Object.keys(now), ...Object.keys(after ?? {})])];
  return names.length > 0 && names.every((name) => same(at(now, [name]), at(after, [name]), [...path, name], left));
}

/** What takes an entry from what is shown to what is wanted. */
function actsOf({ in: collection, id, entry, doc, touched }: Draft, queued: boolean): Act[] {
  const now = entry?.value;
  if (equal(now, doc)) return [];
  if (touched.has("")) {
    const guard = queued ? {} : { if: entry?.version ?? 0 };
    return [(tx) => (doc ? tx.put(collection, id, doc, guard) : tx.delete(collection, id, guard))];
  }
  const updates: { [operator: string]: { [path: string]: Value } } = {};
  const unset: string[] = [];
  for (const { path, kind } of outer(touched)) {
    const [from, to] = [at(now, path), at(doc, path)];
    const note = (operator: string, arg: Value): unknown => ((updates[operator] ??= {})[pathText(path)] = arg);
    if (equal(from, to)) continue;
    if (kind === "count") {
      note("$inc", Number(to) - Number(from));
    } else if (kind === "set") {
      const [lost, won] = [minus(from, to), minus(to, from)];
      if (lost.length > 0) note("$remove", lost);
      if (won.length > 0) note("$add", won);
    } else if (to === undefined) {
      unset.push(pathText(path));
    } else {
      note("$set", to);
    }
  }
  // $add comes by itself: a set may lose elements, too, and an update touches a field once.
  const { $add, ...others } = updates;
  const patches = [{ ...others, ...(unset.length > 0 && { $unset: unset }) }, { ...($add && { $add }) }] as UpdateOps[];
  return patches.filter((patch) => Object.keys(patch).length > 0).map((patch) => (tx) => tx.patch(collection, id, patch));
}

function at(v: Some, path: Path): Some {
  return v === undefined ? undefined : getPath(v, path);
}

/** The record with a field put to a value, or taken out. */
function put(doc: Some, [name, ...rest]: Path, v: Some): Doc | undefined {
  if (name === undefined) return v as Doc | undefined;
  const { [name]: old, ...others } = doc as Doc;
  const to = put(old, rest, v);
  return to === undefined ? others : { ...others, [name]: to };
}

/** The elements of a set which are not in the other; a missing set is empty. */
function minus(a: Some, b: Some): Value[] {
  const others = new Set(isList(b) ? b : []);
  return isList(a) ? a.filter((v) => !others.has(v)) : [];
}
