import type { Entry } from "./api.js";
import { compareStrings } from "./compare.js";
import { getPath } from "./path.js";
import type { Query } from "./query.js";
import type { Value } from "./value.js";

/** Up to so many rows, comparing costs less than grouping. */
const FEW = 32;

/** Strings with such code units need not be ordered by code units as they are by code points. */
export const HIGH = /[\ud800-\uffff]/;

/**
 * Sorts rows as {@link Query.compare} does, two to four times faster than by
 * calling it: rows with the same key are put together, the keys, mostly all of
 * one type, are sorted the way the engine is quickest at, and groups are sorted
 * by the next key. May sort `rows` in place.
 */
export function sortRows(query: Query, rows: Entry[], level = 0): Entry[] {
  const compare = (a: Entry, b: Entry): number => query.compare(a.value, a.id, b.value, b.id);
  if (rows.every((row, i) => i === 0 || compare(rows[i - 1] as Entry, row) <= 0)) return rows;
  const key = query.sort[level];
  if (rows.length <= FEW) return rows.sort(compare);
  const groups = new Map<Value | undefined, Entry | Entry[]>();
  const odd: Entry[] = []; // lists and objects, which come after all else
  for (const row of rows) {
    const v = key === undefined ? row.id : getPath(row.value, key.path);
    const group = groups.get(v);
    if (typeof v === "object" && v !== null) odd.push(row);
    else if (group === undefined) groups.set(v, row);
    else if (Array.isArray(group)) group.push(row);
    else groups.set(v, [group, row]);
  }
  const sorted = sortKeys(groups.keys());
  if (key?.desc) sorted.reverse();
  const out: Entry[] = [];
  for (const v of sorted) {
    const group = groups.get(v);
    if (!Array.isArray(group)) group && out.push(group);
    else for (const row of sortRows(query, group, level + 1)) out.push(row);
  }
  if (odd.length === 0) return out;
  odd.sort(compare);
  return key?.desc ? odd.concat(out) : out.concat(odd);
}

/** Scalars in the order of values, and those constants that are not among them. */
function sortKeys(keys: Iterable<Value | undefined>): (Value | undefined)[] {
  const numbers: number[] = [];
  const strings: string[] = [];
  let high = false;
  for (const v of keys) {
    if (typeof v === "number") numbers.push(v);
    if (typeof v !== "string") continue;
    strings.push(v);
    high ||= HIGH.test(v);
  }
  strings.sort(high ? compareStrings : undefined);
  return [undefined, null, false, true, ...Float64Array.from(numbers).sort(), ...strings];
}
