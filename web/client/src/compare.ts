/** The one order of values: the twin of value.Compare in Go. */

import { type Doc, isDoc, isList, type Value } from "./value.js";

/** missing < null < false < true < numbers < strings < arrays < objects. */
function rank(v: Value | undefined): number {
  switch (typeof v) {
    case "undefined":
      return 0;
    case "boolean":
      return v ? 3 : 2;
    case "number":
      return 4;
    case "string":
      return 5;
    default:
      return v === null ? 1 : Array.isArray(v) ? 6 : 7;
  }
}

/**
 * Orders two values; undefined stands for a missing field. Strings go by code
 * point; arrays element by element, then by length; objects as the list of
 * their members sorted by name: name, value, next name and so on.
 */
export function compare(a: Value | undefined, b: Value | undefined): number {
  if (typeof a === "number" && typeof b === "number") return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === "string" && typeof b === "string") return compareStrings(a, b);
  if (isList(a) && isList(b)) return compareLists(a, b);
  if (isDoc(a) && isDoc(b)) return compareDocs(a, b);
  return Math.sign(rank(a) - rank(b));
}

/** Whether a and b are the same value; undefined stands for a missing field. */
export function equal(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (isList(a)) {
    return isList(b) && a.length === b.length && a.every((v, i) => equal(v, b[i]));
  }
  if (!isDoc(a) || !isDoc(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]));
}

/** Orders strings by code point, which is the order of their UTF-8 bytes. */
export function compareStrings(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointOrder(x) < codePointOrder(y) ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}

/** Moves surrogates, which stand for U+10000 and up, behind U+E000 to U+FFFF. */
function codePointOrder(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function compareLists(a: readonly Value[], b: readonly Value[]): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const c = compare(a[i], b[i]);
    if (c !== 0) return c;
  }
  return Math.sign(a.length - b.length);
}

function compareDocs(a: Doc, b: Doc): number {
  const an = Object.keys(a).sort(compareStrings);
  const bn = Object.keys(b).sort(compareStrings);
  for (const [i, name] of an.entries()) {
    const other = bn[i];
    if (other === undefined) return 1;
    const c = compareStrings(name, other) || compare(a[name], b[other]);
    if (c !== 0) return c;
  }
  return Math.sign(an.length - bn.length);
}
