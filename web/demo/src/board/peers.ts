/** What the other windows say of themselves. */

import type { Json, Peer } from "@syncline/client";
import { membersOf } from "../app/json.js";

/** A place on the board: in parts of a card or lane, so that it is the right one in windows of any size. */
export interface Spot {
  readonly card?: string;
  readonly lane?: string;
  readonly x: number;
  readonly y: number;
}

export interface Pointer {
  readonly session: string;
  readonly user: string;
  readonly at: Spot;
}

export interface Peers {
  readonly pointers: readonly Pointer[];
  /** Who drags or edits a card, by its id. */
  readonly holders: ReadonlyMap<string, string>;
}

export function readPeers(peers: ReadonlyMap<string, Peer>): Peers {
  const pointers: Pointer[] = [];
  const holders = new Map<string, string>();
  for (const [session, { user, state }] of peers) {
    const { at, held } = membersOf(state);
    const spot = readSpot(at);
    if (spot !== undefined) pointers.push({ session, user, at: spot });
    if (typeof held === "string") holders.set(held, user);
  }
  return { pointers, holders };
}

function readSpot(at: Json | undefined): Spot | undefined {
  const { card, lane, x, y } = membersOf(at);
  if (typeof x !== "number" || typeof y !== "number") return undefined;
  return typeof card === "string" ? { card, x, y } : typeof lane === "string" ? { lane, x, y } : undefined;
}
