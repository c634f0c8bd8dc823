/** What there is altogether: how many cities, and in which countries. */

import type { LiveQuery, Space } from "@syncline/client";
import { useDeferredValue, useMemo, useSyncExternalStore } from "react";
import { countryName } from "./city.js";
import { EVERYTHING, toQuery } from "./queries.js";

export interface Stock {
  readonly total: number;
  /** Code and name, by name. */
  readonly countries: readonly (readonly [code: string, name: string])[];
}

/** Follows the number only: a changed row is no reason to look through all of them. */
export function useStock(space: Space): Stock {
  const all = useMemo(() => space.query(toQuery(EVERYTHING)), [space]);
  const subscribe = useMemo(() => all.subscribe.bind(all), [all]);
  const total = useSyncExternalStore(subscribe, () => all.total);
  const counted = useDeferredValue(total);
  const countries = useMemo(() => (counted === 0 ? [] : countriesOf(all)), [all, counted]);
  return { total, countries };
}

function countriesOf({ rows }: LiveQuery): Stock["countries"] {
  const codes = new Set<string>();
  for (const { value } of rows) if (typeof value["country"] === "string") codes.add(value["country"]);
  return [...codes].map((code) => [code, countryName(code)] as const).sort((a, b) => a[1].localeCompare(b[1], "en"));
}
