/** testdata/vectors/replica-corpus.ndjson: what `go test ./sim -run TestCorpus -update` writes. */

import { readFileSync } from "node:fs";
import type { Op, Reads, View } from "../src/api.js";

/** An entry that shows; the version is 0 while it is pending. */
export type Row = readonly [collection: string, id: string, version: number, state: string, canonical: string];
/** A mutation on the rejected list. `wire` is 0 where no server said it. */
export type Refusal = readonly [n: number, wire: number, code: string];
/** A message, or one mutation of a push. Client ids are 1, 2, 3, … in the order in which they appear. */
export type Sent =
  | readonly ["open", client: number, acked: number, cursor: string, was?: View]
  | readonly ["push", client: number, wire: number, n: number];

/**
 * One event: when it was (in milliseconds), what happened, how the state of the
 * replica then differed from before, and what it sent until the next event.
 * Mutations are numbered 1, 2, 3, … in the order in which the application made
 * them; a retry makes one.
 */
export interface Event {
  readonly at: number;
  /** A connection has begun or ended, or nothing but time has passed. */
  readonly on?: true;
  readonly off?: true;
  readonly wait?: true;
  readonly frame?: Frame;
  /** What the application did; `reads` are those of the mutation that a retry made. */
  readonly mutate?: { readonly ops: readonly Op[]; readonly reads?: Reads };
  readonly retry?: number;
  readonly reads?: Reads;
  readonly discard?: number;
  readonly view?: View;

  readonly put?: readonly Row[];
  readonly del?: readonly (readonly [collection: string, id: string])[];
  readonly pending?: readonly number[];
  readonly rejected?: readonly Refusal[];
  readonly cursor?: string;
  readonly live?: boolean;
  readonly sent?: readonly Sent[];
}

/** A message of the server, as far as the comparison looks into it. */
export interface Frame {
  readonly t: string;
  readonly head?: string;
  readonly outcomes?: readonly Outcome[];
}

export interface Outcome {
  readonly id: number;
  readonly outcome: string;
  readonly seq?: number;
  readonly code?: string;
}

/** What became of one replica in one schedule of the simulator. */
export interface Recording {
  /** The seed of the schedule. */
  readonly schedule: number;
  readonly view: View;
  /** The limit of that name. */
  readonly pushed: number;
  /** `settled`, or why nothing more was recorded. */
  readonly end: string;
  readonly events: readonly Event[];
}

/** The recordings of a file: a line that says what it is of, then one for each event. */
export function readCorpus(path: string | URL): Recording[] {
  const all: (Recording & { events: Event[] })[] = [];
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line === "") continue;
    const one = JSON.parse(line) as Omit<Recording, "events"> | Event;
    if ("schedule" in one) all.push({ ...one, events: [] });
    else all.at(-1)?.events.push(one);
  }
  return all;
}
