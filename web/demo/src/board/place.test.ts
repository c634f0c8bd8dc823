import { expect, test } from "vitest";
import { place } from "./place.js";

test("places keep the order", () => {
  expect(place([], 0)).toBe(1);
  expect(place([5], 0)).toBe(4);
  expect(place([5], 1)).toBe(6);
  expect(place([1, 2], 1)).toBe(1.5);
});

test("no room is said, not guessed", () => {
  expect(place([2, 2], 1)).toBeNull();
  expect(place([1, 1 + Number.EPSILON], 1)).toBeNull();
});

test("room lasts for some fifty moves into the same gap", () => {
  const orders = [1, 2];
  let moves = 0;
  for (let at = place(orders, 1); at !== null; at = place(orders, 1)) {
    orders.splice(1, 0, at);
    moves++;
  }
  expect(moves).toBeGreaterThan(50);
  expect(orders).toEqual([...orders].sort((a, b) => a - b));
});
