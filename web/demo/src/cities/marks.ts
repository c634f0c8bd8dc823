/** Where the others are in the table. */

import type { Peer } from "@syncline/client";
import { membersOf } from "../app/json.js";

/** Another person at a cell. */
export interface Mark {
  readonly field: string;
  readonly user: string;
}

/** By the id of the row; of several people in a row the last one. */
export function marksOf(peers: ReadonlyMap<string, Peer>): ReadonlyMap<string, Mark> {
  const marks = new Map<string, Mark>();
  for (const { user, state } of peers.values()) {
    const { id, field } = membersOf(state);
    if (typeof id === "string" && typeof field === "string") marks.set(id, { field, user });
  }
  return marks;
}
