import type { Call, Doc, Json, Op, Reads } from "./api.js";
import { SynclineError } from "./errors.js";
import { checkCollection, checkId, keyOf, type Key } from "./key.js";
import { parseUpdate } from "./update.js";
import { canonical, canonicalRecord, utf8Length } from "./value.js";
import type { Versions } from "./view.js";

/** Limits of mutations, by their names in `welcome`; sizes in bytes. */
export interface Limits {
  readonly entry: number;
  readonly mutation: number;
  readonly ops: number;
}

/** One operation, ready to be replayed. */
export interface Step {
  readonly key: Key;
  readonly if: number | undefined;
  /** What becomes of the record; undefined is no record. Throws where the operation does not fit. */
  readonly run: (before: Doc | undefined) => Doc | undefined;
}

/** A mutation that has been checked, copied and encoded. */
export interface Prepared {
  readonly ops: readonly Op[];
  readonly steps: readonly Step[];
  readonly reads: Reads | undefined;
  /** The versions of the collections that it speaks of, but for those that are 1. */
  readonly v?: Versions;
  /** The members of its wire form but for `id`. */
  readonly body: string;
  /** Of a call, which has no operations of its own. */
  readonly call?: Call;
  /** Of a call: how it is stored, which is its wire form and `now`. */
  readonly stored?: string;
}

/**
 * Checks and copies what the application passed, so that nothing which the
 * server must refuse outright gets into the queue. Throws ValueError for a
 * value or update, {@link SynclineError} `bad_name` or `too_large`.
 */
export function prepare(raw: readonly Op[], reads: Reads | undefined, limits: Limits, spoken: Versions = {}): Prepared {
  if (raw.length === 0) throw new SynclineError("bad_name", "a mutation needs an operation");
  if (raw.length > limits.ops) throw tooLarge("ops", limits.ops);
  const ops: Op[] = [];
  const steps: Step[] = [];
  const texts: string[] = [];
  for (const op of raw) {
    const [copy, text, run] = prepareOp(op, limits);
    ops.push(copy);
    texts.push(text);
    steps.push({ key: keyOf(op.in, op.id), if: op.if, run });
  }
  const speaks = (name: string): boolean => [...ops, ...(reads?.where ?? [])].some((part) => part.in === name) || !!reads?.keys?.some(([of]) => of === name);
  const v = Object.fromEntries(Object.entries(spoken).filter(([name]) => speaks(name)));
  const body = encode(texts, reads, v);
  if (over(body, limits.mutation)) throw tooLarge("mutation", limits.mutation);
  return { ops, steps, reads, v, body };
}

/** The same for a call. Throws `bad_name`, `too_large`, and ValueError for arguments that are no JSON. */
export function prepareCall(name: string, args: Json | undefined, now: number, limits: Limits): Prepared {
  checkCollection(name); // the same names
  const text = args === undefined ? undefined : canonical(args);
  const body = `"call":"${name}"` + (text === undefined ? "" : `,"args":${text}`);
  if (over(body, limits.mutation)) throw tooLarge("mutation", limits.mutation);
  const call = { name, now, ...(text !== undefined && { args: JSON.parse(text) as Json }) };
  return { ops: [], steps: [], reads: undefined, body, call, stored: `${body},"now":${now}` };
}

/** The same mutation as of another seq and scope: for one that is tried again. */
export function rebased(prepared: Prepared, at: number, scope: string | undefined): Prepared {
  if (prepared.reads === undefined) return prepared;
  const { scope: _, ...rest } = prepared.reads;
  const reads = { ...rest, at, ...(scope && { scope }) };
  return { ...prepared, reads, body: encode(prepared.ops.map((op) => canonical(op)), reads, prepared.v) };
}

function encode(ops: readonly string[], reads: Reads | undefined, v: Versions = {}): string {
  const versions = Object.keys(v).length > 0 ? `,"v":${canonical(v)}` : "";
  return `"ops":[${ops.join(",")}]` + (reads === undefined ? "" : `,"reads":${canonical(reads)}`) + versions;
}

function prepareOp(op: Op, limits: Limits): [Op, string, Step["run"]] {
  checkCollection(op.in);
  checkId(op.id);
  if (op.if !== undefined && !(Number.isSafeInteger(op.if) && op.if >= 0)) {
    throw new SynclineError("bad_name", "if takes a version");
  }
  const head = { op: op.op, in: op.in, id: op.id, ...(op.if === undefined ? {} : { if: op.if }) };
  const start = JSON.stringify(head).slice(0, -1);
  switch (op.op) {
    case "put": {
      const text = canonicalRecord(op.value, { bytes: limits.entry });
      const value = JSON.parse(text) as Doc;
      return [{ ...head, op: "put", value }, `${start},"value":${text}}`, () => value];
    }
    case "patch": {
      const update = parseUpdate(op.patch);
      const text = update.toString();
      const run = (before: Doc | undefined): Doc => {
        if (before === undefined) throw new SynclineError("not_found", "no such entry");
        return update.apply(before);
      };
      return [{ ...head, op: "patch", patch: JSON.parse(text) as typeof op.patch }, `${start},"patch":${text}}`, run];
    }
    case "delete":
      return [{ ...head, op: "delete" }, start + "}", () => undefined];
    default:
      throw new SynclineError("bad_name", `no operation: ${String((op as { op: unknown }).op)}`);
  }
}

/** Whether `text` has more than `limit` bytes. */
function over(text: string, limit: number): boolean {
  return text.length * 3 > limit && utf8Length(text) > limit;
}

function tooLarge(limit: string, most: number): SynclineError {
  return new SynclineError("too_large", `over the limit ${limit} (${most})`);
}
