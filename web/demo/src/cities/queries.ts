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

/** All that is wanted, in order. */
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

/** How many are kept alive of those that filter, and of those that do not: these are the dear ones. */
const KEPT = 3;

/**
 * The queries of the table. None has a limit: the client keeps a query's rows in order by a few steps a change, but has to go through all
 * entries for a new one, so that a query for each position of the scroll bar would cost what a new filter costs. What is on the screen is
 * a slice of the rows. The last few are kept alive, so that going back to one costs nothing.
 */
export class Queries {
  /** All cities by name; never closed. */
  readonly everything: LiveQuery;
  readonly #space: Space;
  readonly #whole = new Map<string, LiveQuery>();
  readonly #filtered = new Map<string, LiveQuery>();

  constructor(space: Space) {
    this.#space = space;
    this.everything = space.query(toQuery(EVERYTHING));
  }

  get(wanted: Wanted): LiveQuery {
    const query = toQuery(wanted);
    const key = JSON.stringify(query);
    if (key === JSON.stringify(toQuery(EVERYTHING))) return this.everything;
    const kept = wanted.prefix === "" && wanted.country === "" ? this.#whole : this.#filtered;
    const live = kept.get(key) ?? this.#space.query(query);
    kept.delete(key); // the last used is the last in the map
    kept.set(key, live);
    for (const [old, least] of kept) {
      if (kept.size <= KEPT) break;
      least.close();
      kept.delete(old);
    }
    return live;
  }
}
