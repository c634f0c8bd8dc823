/** What there is altogether: how many cities, and in which countries. */

import type { LiveQuery } from "@syncline/client";
import { useDeferredValue, useMemo } from "react";
import { useReady } from "../app/ready.js";
import { countryName } from "./city.js";
import { useLive } from "./live.js";

export interface Stock {
  readonly total: number;
  /** Whether some are still being read from the disk. */
  readonly reading: boolean;
  /** Code and name, by name. */
  readonly countries: readonly (readonly [code: string, name: string])[];
}

/** Follows the number only: a changed row is no reason to look through all of them. */
export function useStock(all: LiveQuery): Stock {
  const total = useLive(all, (live) => live.total);
  const reading = !useReady(all);
  const counted = useDeferredValue(total);
  const countries = useMemo(() => (counted === 0 ? [] : countriesOf(all)), [all, counted]);
  return { total, reading, countries };
}

function countriesOf({ rows }: LiveQuery): Stock["countries"] {
  const codes = new Set<string>();
  for (const { value } of rows) if (typeof value["country"] === "string") codes.add(value["country"]);
  return [...codes].map((code) => [code, countryName(code)] as const).sort((a, b) => a[1].localeCompare(b[1], "en"));
}
