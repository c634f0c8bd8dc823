/** A live query of one's own in React. `useQuery` opens and closes queries as they are shown; those of the table outlive that. */

import type { LiveQuery } from "@syncline/client";
import { useMemo, useSyncExternalStore } from "react";

/** What `of` takes from a query: a primitive, or something that stays the same object as long as nothing in it has changed. */
export function useLive<T>(live: LiveQuery, of: (live: LiveQuery) => T): T {
  const subscribe = useMemo(() => live.subscribe.bind(live), [live]);
  return useSyncExternalStore(subscribe, () => of(live));
}
