import { expect, test } from "vitest";
import { describe as words, reason } from "./describe.js";

const titleOf = (): string => "Tea";
const patch = (update: object) => [{ op: "patch", in: "cards", id: "c1", patch: update }] as const;

test("mutations in words", () => {
  expect(words(patch({ $inc: { votes: 1 } }), titleOf)).toBe("Vote for “Tea”");
  expect(words(patch({ $set: { column: "done", order: 2 } }), titleOf)).toBe("Move “Tea” to done");
  expect(words(patch({ $add: { tags: ["now"] } }), titleOf)).toBe("Tag “Tea” #now");
  expect(words(patch({ $unset: ["owner"] }), titleOf)).toBe("Release “Tea”");
  expect(words(patch({ $set: { lat: 1, lng: 2 } }), titleOf)).toBe("Set lat, lng of “Tea”");
  expect(words([{ op: "delete", in: "cards", id: "c1" }], titleOf)).toBe("Delete “Tea”");
  expect(words([...patch({ $set: { order: 1 } }), ...patch({ $set: { order: 2 } })], titleOf)).toBe("Reorder “Tea” and 1 more");
});

test("roles in words", () => {
  expect(words([{ op: "put", in: "members", id: "aurora-ben", value: { user: "ben", role: "viewer" } }], titleOf)).toBe("Make Ben viewer");
  expect(words([{ op: "patch", in: "members", id: "ben", patch: { $set: { role: "editor" } } }], titleOf)).toBe("Make Ben editor");
  expect(words([{ op: "delete", in: "members", id: "ben" }], titleOf)).toBe("Take Ben’s role away");
});

test("refusals in words", () => {
  const stale = { id: 1, outcome: "rejected", code: "stale" } as const;
  expect(reason({ ...stale, current: { in: "cards", id: "c1", version: 3, value: { owner: "quick-fox" } } })).toBe("Quick Fox was first");
  expect(reason({ ...stale, current: { in: "cards", id: "c1", version: 3 } })).toBe("It has been deleted");
  expect(reason(stale)).toBe("Somebody else changed it first");
  expect(reason({ id: 1, outcome: "rejected", code: "forbidden", message: "the rules do not allow this" })).toBe("Your role does not allow it");
  expect(reason({ id: 1, outcome: "rejected", code: "invalid", message: "no" })).toBe("no");
});
