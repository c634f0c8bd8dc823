import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Doc, Op, Outcome, Reads } from "../src/api.js";
import { prepare } from "../src/prepare.js";
import { Replica } from "../src/replica.js";
import type { Del, Put } from "../src/wire.js";

interface Diff {
  to: number;
  put?: Put[];
  del?: Del[];
  reset?: boolean;
  more?: boolean;
}
interface Expected {
  visible: [string, string, Doc][];
  pending: number[];
  rejected: number[];
  states?: Record<string, string>;
}
type VectorStep =
  | { mutate: { ops: Op[]; reads?: Reads } }
  | { outcomes: Outcome[] }
  | { diff: Diff }
  | { retry: number }
  | { discard: number }
  | { expect: Expected };
interface Vector {
  name: string;
  confirmed: Put[];
  cursor: number;
  steps: VectorStep[];
}

const limits = { entry: 256 << 10, mutation: 512 << 10, ops: 1000 };
const cursorAt = (seq: number): string => (seq === 0 ? "0" : `${seq}-x`);

function show(replica: Replica, collections: Iterable<string>): { visible: unknown; states: Record<string, string> } {
  const entries = [...collections].sort().flatMap((name) => [...replica.entries(name)].sort((a, b) => (a.id < b.id ? -1 : 1)));
  for (const entry of entries) expect(replica.get(entry.collection, entry.id)).toBe(entry);
  return {
    visible: entries.map(({ collection, id, value }) => [collection, id, value]),
    states: Object.fromEntries(entries.map(({ collection, id, state }) => [`${collection}/${id}`, state])),
  };
}

function run(vector: Vector): void {
  const replica = new Replica();
  let n = 0; // as if stored at once
  const placed = (made: ReturnType<Replica["mutate"]>): unknown => replica.place([[made.item, n]]);
  const collections = new Set(JSON.stringify(vector).match(/"(cards|people|notes)"/g)?.map((s) => s.slice(1, -1)) ?? []);
  const diff = ({ to, ...rest }: Diff): void => {
    const result = replica.diff({ t: "diff", space: "s", view: "v", from: replica.cursor ?? "0", to: cursorAt(to), ...rest });
    expect(result.kind).not.toBe("gap");
  };
  diff({ to: vector.cursor, put: vector.confirmed, reset: true });
  for (const [at, step] of vector.steps.entries()) {
    if ("mutate" in step) placed(replica.mutate(prepare(step.mutate.ops, step.mutate.reads, limits), String(++n)));
    else if ("outcomes" in step) replica.outcomes(step.outcomes, 0);
    else if ("diff" in step) diff(step.diff);
    else if ("retry" in step) placed(replica.retry(String(step.retry), String(++n)));
    else if ("discard" in step) replica.discard(String(step.discard));
    else {
      const { visible, states } = show(replica, collections);
      const where = `step ${at}`;
      expect(visible, where).toEqual(step.expect.visible);
      expect([...replica.queue.items()].map((item) => Number(item.id)), where).toEqual(step.expect.pending);
      expect(replica.rejected().map(({ id }) => Number(id)), where).toEqual(step.expect.rejected);
      if (step.expect.states) expect(states, where).toMatchObject(step.expect.states);
    }
  }
}

describe("rebase vectors", () => {
  const file = new URL("../../../testdata/vectors/rebase.json", import.meta.url);
  const vectors = JSON.parse(readFileSync(file, "utf8")) as Vector[];
  it("are many", () => expect(vectors.length).toBeGreaterThanOrEqual(60));
  it.each(vectors.map((vector) => [vector.name, vector] as const))("%s", (_, vector) => run(vector));
});
