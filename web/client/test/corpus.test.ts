/**
 * The TypeScript client goes through what the Go replica went through in the
 * simulator: the same messages, the same mutations, the same lost connections,
 * in recordings that `go test ./sim -run Corpus -update` makes. Crashes are
 * not among them.
 *
 * After each event these must be equal:
 * - every entry that shows: collection, id, state, the canonical bytes of the
 *   value and, unless it is pending (Go has none then), the version;
 * - the queue in its order;
 * - the rejected list: which mutations, their ids on the wire, the codes. Its order is not defined;
 * - whether the space is live;
 * - what was sent since the event before: each `open` (client id, `acked`, cursor, view, `was`), and each mutation of the
 *   pushes (client id, id on the wire, operations, reads), in order. How they are put together into messages is not defined.
 *   The cursor, which the API does not show, is seen there and in the reads of serializable mutations.
 * Client ids, which are random, are compared by the order in which they appear.
 *
 * PROTOCOL.md leaves open, and so it is not compared:
 *  [1] whether an outcome that `opened` tells is taken, or only used for what shows, and asked for by pushing the mutation
 *      again, as Go does (it finds a copied store that way). Until Go has the answer, such a mutation may be in the queue or
 *      where its outcome puts it. If it was refused, what it touches may show either way until the cursor reaches the refusal, from
 *      then on without it; `acked` of the next `open` may be higher.
 *  [2] the code and id of a refusal that was told differently before (`forgotten` once the log was trimmed) or by no server.
 *  [3] when a mutation is pushed that had to wait for room, if some of those in the way were only Go's.
 *  [4] what a second answer to one `open` does (a carrier has delivered it twice) where it changes nothing: pushing again what is
 *      under way, and not being live until the diff of that answer.
 *  [5] what is sent over a connection that is given up in the same moment, and whether that counts as live.
 *  [6] all but the state after the last event of a recording that ends because from there on the two may go different ways, so
 *      that what the server said to one would not fit the other: other ids for what follows a forsaken mutation, a new
 *      client id where a refusal is among what was lost, a message that one of them does not take.
 */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Comparison } from "./corpus-compare.js";
import { readCorpus, type Recording } from "./corpus-file.js";
import { Player } from "./corpus-player.js";

async function replay(recording: Recording): Promise<void> {
  const player = new Player(recording);
  const comparison = new Comparison(recording);
  try {
    for (const [i, event] of recording.events.entries()) {
      await player.play(event);
      const differences = [...comparison.check(i, player.shown(), player.take()), ...player.faults];
      expect(differences, `schedule ${recording.schedule}, event ${i}: ${JSON.stringify(event).slice(0, 500)}`).toEqual([]);
    }
  } finally {
    player.close();
  }
}

describe.each([
  ["replica-corpus", 30],
  ["drop-corpus", 20], // with rules, and drops by selector
])("the replica does what the one in Go did: %s", (name, least) => {
  const recordings = readCorpus(process.env["SYNCLINE_CORPUS"] ?? new URL(`../../../testdata/vectors/${name}.ndjson`, import.meta.url));
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  it("in many schedules", () => expect(recordings.length).toBeGreaterThanOrEqual(least));
  it.each(recordings.map((recording) => [recording.schedule, recording] as const))("in schedule %d", (_, recording) => replay(recording), 120_000);
});
