import { expect, test } from "vitest";
import { rangeAt } from "./scroll.js";

test("the range covers what can be seen, begins at the first row, and changes by steps", () => {
  for (const height of [1, 300, 730, 4000]) {
    for (let top = 0; top < 20_000; top += 37) {
      const { from, count } = rangeAt(top, height, 38);
      expect(from).toBeGreaterThanOrEqual(0);
      expect(from).toBeLessThanOrEqual(top / 38);
      expect(from + count).toBeGreaterThanOrEqual((top + height) / 38);
      expect(count).toBeLessThan(height / 38 + 5 * 8);
      expect(from % 8).toBe(0);
    }
  }
  expect(rangeAt(-20, 300, 38)).toEqual(rangeAt(0, 300, 38));
  expect(rangeAt(38 * 17, 300, 38)).toEqual(rangeAt(38 * 23, 300, 38));
});
