/** Fractional ordering: a card between two others gets the number halfway. */

/**
 * A number for the place `index` in a list with these orders, ascending. Null
 * if there is no room left and the list has to be numbered anew.
 */
export function place(orders: readonly number[], index: number): number | null {
  const low = orders[index - 1];
  const high = orders[index];
  if (low === undefined) return high === undefined ? 1 : high - 1;
  if (high === undefined) return low + 1;
  const middle = (low + high) / 2;
  return low < middle && middle < high ? middle : null;
}
