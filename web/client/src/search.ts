/** The first index up to `n` for which `before` is false; it is true up to there. */
export function search(n: number, before: (i: number) => boolean): number {
  let low = 0;
  while (low < n) {
    const middle = (low + n) >>> 1;
    if (before(middle)) low = middle + 1;
    else n = middle;
  }
  return low;
}
