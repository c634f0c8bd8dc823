import type { Entry } from "@syncline/client";
import { expect, test } from "vitest";
import { lanesOf, nudged, placeOf } from "./lanes.js";

const card = (id: string, column: string, order: number): Entry => ({ collection: "cards", id, value: { column, order }, version: 1, state: "confirmed" });
const rows = [card("a", "todo", 1), card("x", "doing", 1), card("b", "todo", 2), card("y", "doing", 3), card("c", "todo", 4)];
const ids = (entries: readonly Entry[]): string => entries.map(({ id }) => id).join("");

test("cards are in their columns, and a dragged one where it would be dropped", () => {
  const lanes = lanesOf(rows);
  expect([ids(lanes.todo), ids(lanes.doing), ids(lanes.done)]).toEqual(["abc", "xy", ""]);
  const dragged = lanesOf(rows, { id: "a", column: "doing", index: 1 });
  expect([ids(dragged.todo), ids(dragged.doing)]).toEqual(["bc", "xay"]);
  expect(ids(lanesOf(rows, { id: "a", column: "todo", index: 2 }).todo)).toBe("bca");
  expect(ids(lanesOf(rows, { id: "gone", column: "todo", index: 0 }).todo)).toBe("abc");
});

test("arrow keys move a card by one, to the sides by its order, and not beyond the ends", () => {
  const lanes = lanesOf(rows);
  expect(placeOf(lanes, "y")).toEqual({ id: "y", column: "doing", index: 1 });
  expect(placeOf(lanes, "gone")).toBe(null);
  expect(nudged(lanes, "a", "ArrowUp")).toBe(null);
  expect(nudged(lanes, "a", "ArrowDown")).toEqual({ id: "a", column: "todo", index: 1 });
  expect(nudged(lanes, "c", "ArrowDown")).toBe(null);
  expect(nudged(lanes, "b", "ArrowRight")).toEqual({ id: "b", column: "doing", index: 1 });
  expect(nudged(lanes, "c", "ArrowRight")).toEqual({ id: "c", column: "doing", index: 2 });
  expect(nudged(lanes, "b", "ArrowLeft")).toBe(null);
  expect(nudged(lanes, "y", "ArrowRight")).toEqual({ id: "y", column: "done", index: 0 });
});
