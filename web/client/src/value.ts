/**
 * What a record is: the twin of the Go package value. Both run the vectors in
 * testdata/vectors and must agree to the letter on canonical bytes, order and
 * error codes. Records are immutable: nothing here alters what it is given.
 */

/** What can stand in a record. */
export type Value = null | boolean | number | string | readonly Value[] | Doc;

/** A record, or an object inside one. It never has the name `__proto__`. */
export interface Doc {
  readonly [name: string]: Value;
}

/** The codes of {@link ValueError}; part of the protocol. */
export type ValueErrorCode =
  | "invalid_json"
  | "duplicate_key"
  | "invalid_utf8"
  | "too_deep"
  | "too_large"
  | "unsafe_number"
  | "not_an_object"
  | "bad_name"
  | "bad_selector"
  | "bad_query"
  | "bad_update"
  | "conflicting_paths"
  | "type_mismatch";

/** Why a value, a selector, a query or an update is refused. */
export class ValueError extends Error {
  override readonly name = "ValueError";
  constructor(
    readonly code: ValueErrorCode,
    /** The place, as a dotted path; empty for the whole. */
    readonly path: string,
    message: string,
  ) {
    super(path === "" ? `${code}: ${message}` : `${code} at ${path}: ${message}`);
  }
}

/** Bounds on a value. Bytes are of the canonical form in UTF-8. */
export interface Limits {
  readonly bytes?: number;
  readonly depth?: number;
}

export const defaultLimits = { bytes: 256 << 10, depth: 32 } as const;

const maxDepth = 512;
const loneSurrogate = /\p{Surrogate}/u;

/** Whether v is an object and neither null nor an array. */
export function isDoc(v: unknown): v is Doc {
  return typeof v === "object" && v !== null && !Array.isArray(v);
}

/** Whether v is an array; unlike Array.isArray it narrows a {@link Value}. */
export function isList(v: Value | undefined): v is readonly Value[] {
  return Array.isArray(v);
}

/** Whether n may stand in a record: finite and within ±(2^53-1). */
export function isSafe(n: number): boolean {
  return Math.abs(n) <= Number.MAX_SAFE_INTEGER;
}

/** Whether v may be an element of a set: a string, a number or a boolean. */
export function isScalar(v: unknown): v is string | number | boolean {
  return typeof v === "string" || typeof v === "number" || typeof v === "boolean";
}

/**
 * Returns the RFC 8785 form of any JSON value.
 * @throws ValueError unsafe_number, invalid_utf8 (lone surrogates), bad_name
 *   (`__proto__`), too_deep, too_large, or invalid_json for what JSON does not
 *   have (undefined, a Date, a Map, a hole in an array, a cycle is too_deep).
 */
export function canonical(v: unknown, limits: Limits = {}): string {
  const text = write(v, Math.min(limits.depth ?? maxDepth, maxDepth), []);
  if (limits.bytes !== undefined && utf8Length(text) > limits.bytes) {
    throw new ValueError("too_large", "", "more bytes than the limit");
  }
  return text;
}

/**
 * Returns the RFC 8785 form of a record, within the default limits unless
 * others are given.
 * @throws ValueError as {@link canonical}, and not_an_object.
 */
export function canonicalRecord(v: unknown, limits: Limits = {}): string {
  if (typeof v !== "object" || v === null || Array.isArray(v)) {
    throw new ValueError("not_an_object", "", "a record is a JSON object");
  }
  return canonical(v, { ...defaultLimits, ...limits });
}

/** Writes v; at holds the names on the way to it, for errors. */
function write(v: unknown, depth: number, at: string[]): string {
  switch (typeof v) {
    case "string":
      return quote(v, at);
    case "number":
      if (!isSafe(v)) throw fault("unsafe_number", at, "a number beyond ±(2^53-1)");
      return String(v === 0 ? 0 : v);
    case "boolean":
      return String(v);
    case "object":
      if (v === null) return "null";
      if (depth === 0) throw fault("too_deep", at, "nested deeper than the limit");
      return Array.isArray(v) ? writeList(v, depth, at) : writeObject(v, depth, at);
    default:
      throw fault("invalid_json", at, `JSON has no ${typeof v}`);
  }
}

function writeList(list: readonly unknown[], depth: number, at: string[]): string {
  const parts: string[] = [];
  for (let i = 0; i < list.length; i++) {
    at.push(String(i));
    parts.push(write(list[i], depth - 1, at));
    at.pop();
  }
  return `[${parts.join(",")}]`;
}

function writeObject(o: object, depth: number, at: string[]): string {
  const proto: unknown = Object.getPrototypeOf(o);
  if (proto !== null && Object.getPrototypeOf(proto) !== null) {
    throw fault("invalid_json", at, "not a plain object");
  }
  const parts: string[] = [];
  // sort() orders by UTF-16 code units, which is what RFC 8785 asks for.
  for (const name of Object.keys(o).sort()) {
    at.push(name);
    if (name === "__proto__") throw fault("bad_name", at, "this name is not allowed");
    parts.push(`${quote(name, at)}:${write((o as Record<string, unknown>)[name], depth - 1, at)}`);
    at.pop();
  }
  return `{${parts.join(",")}}`;
}

function quote(s: string, at: readonly string[]): string {
  if (loneSurrogate.test(s)) throw fault("invalid_utf8", at, "a string which is not valid Unicode");
  return JSON.stringify(s);
}

function fault(code: ValueErrorCode, at: readonly string[], message: string): ValueError {
  return new ValueError(code, at.map(escapeName).join("."), message);
}

/** The name as a segment in the text of a path. */
export function escapeName(name: string): string {
  return name.replace(/[\\.]/g, "\\$&");
}

/** The length of s in UTF-8; s has no lone surrogates. */
export function utf8Length(s: string): number {
  let n = s.length;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c < 0x80) continue;
    // A surrogate pair is two units and four bytes.
    n += c < 0x800 || (c >= 0xd800 && c <= 0xdfff) ? 1 : 2;
  }
  return n;
}

/**
 * A private copy of v, frozen, which no later change to v can reach.
 * @throws ValueError as {@link canonical}.
 */
export function snapshot(v: unknown, limits: Limits = {}): Value {
  return deepFreeze(JSON.parse(canonical(v, limits)) as Value);
}

function deepFreeze(v: Value): Value {
  if (typeof v === "object" && v !== null) {
    Object.values(v).forEach(deepFreeze);
    Object.freeze(v);
  }
  return v;
}
