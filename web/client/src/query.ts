/** Queries add order and shape to a selector: the twin of selector/query.go. */

import { compare, compareStrings } from "./compare.js";
import { comparePaths, covers, getPath, parsePath, type Path, pathText } from "./path.js";
import { matchAll, parseSelector, type Selector, selectorLimits } from "./selector.js";
import { canonical, canonicalRecord, type Doc, isDoc, isList, snapshot, type Value, ValueError } from "./value.js";

export interface SortKey {
  readonly path: Path;
  readonly desc: boolean;
}

const maxSortKeys = 8;
const maxFields = 64;
const maxRows = 2 ** 31 - 1;

function bad(why: string): ValueError {
  return new ValueError("bad_query", "", why);
}

/** Which records, in which order, how many, and which fields of them. */
export class Query {
  readonly where: Selector;
  readonly sort: readonly SortKey[];
  /** 0 is no limit. */
  readonly limit: number;
  readonly skip: number;
  /** None is the whole record. */
  readonly fields: readonly Path[];

  constructor(parts: { where?: Selector; sort?: readonly SortKey[]; limit?: number; skip?: number; fields?: readonly Path[] } = {}) {
    this.where = parts.where ?? matchAll;
    this.sort = parts.sort ?? [];
    this.limit = parts.limit ?? 0;
    this.skip = parts.skip ?? 0;
    this.fields = parts.fields ?? [];
  }

  /** Whether all records match, in the order of their ids: then none has to be looked at to know where it is. */
  get plain(): boolean {
    return this.sort.length === 0 && this.where.toString() === matchAll.toString();
  }

  /** Orders by the sort keys, a missing field first (last if descending), then by id. */
  compare(a: Doc, aID: string, b: Doc, bID: string): number {
    for (const { path, desc } of this.sort) {
      const c = compare(getPath(a, path), getPath(b, path));
      if (c !== 0) return desc ? -c : c;
    }
    return compareStrings(aID, bID);
  }

  /** The fields asked for, in their objects; doc itself if the query names none. */
  project(doc: Doc): Doc {
    if (this.fields.length === 0) return doc;
    const out: Record<string, Value> = {};
    for (const path of this.fields) {
      const v = getPath(doc, path);
      const last = path[path.length - 1];
      if (v === undefined || last === undefined) continue;
      let into = out;
      for (const name of path.slice(0, -1)) {
        // Objects in out are made here, so they may be written to.
        if (!Object.hasOwn(into, name)) into[name] = {};
        into = into[name] as Record<string, Value>;
      }
      into[last] = v;
    }
    return out;
  }

  /** The normal form, canonical JSON, without what is default. */
  toString(): string {
    const tree: Record<string, Value> = {};
    const where = this.where.toString();
    if (where !== matchAll.toString()) tree["where"] = JSON.parse(where) as Value;
    if (this.limit > 0) tree["limit"] = this.limit;
    if (this.skip > 0) tree["skip"] = this.skip;
    if (this.sort.length > 0) {
      tree["sort"] = this.sort.map(({ path, desc }) => (desc ? { [pathText(path)]: "desc" } : pathText(path)));
    }
    if (this.fields.length > 0) tree["fields"] = this.fields.map(pathText);
    return canonical(tree);
  }
}

/**
 * Reads {"where": {…}, "sort": ["name", {"pop": "desc"}], "limit": 10,
 * "skip": 0, "fields": ["a", "b.c"]}; every member may be left out.
 * @throws ValueError bad_query, those of parseSelector, bad_name.
 */
export function parseQuery(raw: unknown): Query {
  canonicalRecord(raw, { bytes: 2 * selectorLimits.bytes, depth: selectorLimits.depth + 1 });
  const parts: { -readonly [K in keyof Query]?: Query[K] } = {};
  const tree = snapshot(raw) as Doc;
  for (const key of Object.keys(tree).sort(compareStrings)) {
    const arg = tree[key] ?? null;
    switch (key) {
      case "where":
        if (!isDoc(arg)) throw bad("where takes a selector");
        parts.where = parseSelector(arg);
        break;
      case "sort":
        parts.sort = parseSort(arg);
        break;
      case "limit":
        parts.limit = parseRows(key, arg, 1);
        break;
      case "skip":
        parts.skip = parseRows(key, arg, 0);
        break;
      case "fields":
        parts.fields = parseFields(arg);
        break;
      default:
        throw bad(`unknown member ${key}`);
    }
  }
  return new Query(parts);
}

function parseRows(key: string, arg: Value, least: number): number {
  if (typeof arg !== "number" || !Number.isInteger(arg) || arg < least || arg > maxRows) {
    throw bad(`${key} takes an integer within its range`);
  }
  return arg;
}

function parseSort(arg: Value): readonly SortKey[] {
  if (!isList(arg) || arg.length > maxSortKeys) throw bad("sort takes a list of at most 8 keys");
  const keys: SortKey[] = [];
  for (const e of arg) {
    const members = isDoc(e) ? Object.entries(e) : [];
    const [text, direction] = members.length === 1 && members[0] ? members[0] : [e, "asc"];
    if (typeof text !== "string" || (direction !== "asc" && direction !== "desc")) {
      throw bad('a sort key is "path" or {"path": "asc"} or {"path": "desc"}');
    }
    const path = parsePath(text);
    if (keys.some((key) => comparePaths(key.path, path) === 0)) throw bad(`sorted twice by ${text}`);
    keys.push({ path, desc: direction === "desc" });
  }
  return keys;
}

function parseFields(arg: Value): readonly Path[] {
  if (!isList(arg) || arg.length > maxFields) throw bad("fields takes a list of at most 64 paths");
  const paths = arg.map((e) => {
    if (typeof e !== "string") throw bad("fields takes a list of paths");
    return parsePath(e);
  });
  const outer: Path[] = [];
  for (const path of paths.sort(comparePaths)) {
    const last = outer[outer.length - 1];
    if (last === undefined || !covers(last, path)) outer.push(path);
  }
  return outer;
}
