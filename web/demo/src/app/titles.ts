/** Titles of entries, also of those that are gone: the panel still has to name them. */

import type { Entry, Space } from "@syncline/client";
import { useEffect, useMemo } from "react";
import type { TitleOf } from "./describe.js";

const NONE: readonly Entry[] = [];

/** `field` holds the title; `other` is what to call an entry whose title nobody knows. The titles of `rows` are remembered. */
export function useTitles(space: Space, field: string, other: string, rows: readonly Entry[] = NONE): TitleOf {
  const titles = useMemo(() => new Map<string, string>(), [space]);
  const titleOf = useMemo<TitleOf>(
    () => (collection, id) => {
      const title = space.get(collection, id)?.value[field];
      if (typeof title === "string") titles.set(id, title);
      return titles.get(id) ?? other;
    },
    [space, field, other, titles],
  );
  useEffect(() => {
    for (const { collection, id } of rows) titleOf(collection, id);
  }, [rows, titleOf]);
  return titleOf;
}
