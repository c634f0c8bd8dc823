/** What the table asks the client for. */

import type { LiveQuery, Query, Space, Where } from "@syncline/client";
import { CITIES } from "./city.js";

export interface Wanted {
  /** The beginning of the name. */
  readonly prefix: string;
  /** A country code, or "". */
  readonly country: string;
  readonly sort: string;
  readonly direction: "asc" | "desc";
}

/** What is asked for at first. */
export const EVERYTHING: Wanted = { prefix: "", country: "", sort: "name", direction: "asc" };

/** All that is wanted, in order. Rows of it are had by `skip` and `limit`: that costs as much as the rows that are shown. */
export function toQuery({ prefix, country, sort, direction }: Wanted): Query {
  const where: Where = {
    ...(country === "" ? {} : { country }),
    ...(prefix === "" ? {} : { $or: spellings(prefix).map((name) => ({ name: { $beginsWith: name } })) }),
  };
  return { in: CITIES, where, sort: sort === "name" ? [{ name: direction }] : [{ [sort]: direction }, "name"] };
}

/** "san jo" may begin "San Jo…": as typed, with one capital, with all. */
export function spellings(typed: string): readonly string[] {
  const capital = typed.replace(/^\p{Ll}/u, (letter) => letter.toUpperCase());
  const all = typed.replace(/(^|[\s'’-])(\p{Ll})/gu, (_, gap: string, letter: string) => gap + letter.toUpperCase());
  return [...new Set([typed, capital, all])];
}

/** How many are kept of those that filter, and of those that do not: these are the dear ones. */
const KEPT = 3;

/**
 * Keeps the last few orders alive, so that going back to one costs nothing. The client shares an order among all queries that differ
 * in `skip` and `limit` only; those kept here are open queries without a limit whose rows nobody reads, and rows that nobody reads
 * are not put together.
 */
export class Orders {
  readonly #space: Space;
  readonly #whole = new Map<string, LiveQuery>();
  readonly #filtered = new Map<string, LiveQuery>();

  constructor(space: Space) {
    this.#space = space;
  }

  keep(wanted: Wanted): void {
    const kept = wanted.prefix === "" && wanted.country === "" ? this.#whole : this.#filtered;
    const query = toQuery(wanted);
    const key = JSON.stringify(query);
    const live = kept.get(key) ?? this.#space.query(query);
    kept.delete(key); // the last used is the last in the map
    kept.set(key, live);
    for (const [old, least] of kept) {
      if (kept.size <= KEPT) break;
      least.close();
      kept.delete(old);
    }
  }
}
