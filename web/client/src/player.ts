/** The seam between a replica and what runs its calls: see mutators.ts. There is nothing of this file at run time. */

import type { Call, Doc, Entry, Json, Op } from "./api.js";
import type { Key } from "./key.js";

/** What a call did when it was played. */
export interface Play {
  /** As of {@link Player.play}. */
  readonly seed: string;
  /** What it did, as operations: none, if it threw. */
  readonly ops: readonly Op[];
  /** What became of entries; undefined is deleted. */
  readonly made: ReadonlyMap<Key, Doc | undefined>;
  /** The keys of entries, and the names of whole collections, that it has looked at or changed. */
  readonly touched: ReadonlySet<string>;
  /** What it threw. */
  readonly error?: unknown;
}

/** What a call runs on. */
export interface Ground {
  readonly path: string;
  /** Empty if nobody has said who this is. */
  readonly user: string;
  /** As shown now. */
  get(collection: string, id: string): Entry | undefined;
  entries(collection: string): Iterable<Entry>;
}

/** Runs calls. */
export interface Player {
  /** Throws if no call with these arguments may be made. */
  check(name: string, args: Json | undefined): void;
  /** What a call does; undefined if nobody here knows how. Random numbers follow from `seed` alone. Never throws. */
  play(call: Call, seed: string, ground: Ground): Play | undefined;
}
