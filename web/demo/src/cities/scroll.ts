/** Which rows of a long list are on the screen. */

import { type RefObject, useEffect, useState } from "react";
import { flushSync } from "react-dom";

/** Rows are asked for in steps of so many, so that a scroll by one row asks for nothing new; and so many more at each end. */
const STEP = 8;

export interface Range {
  /** The first row, and how many. */
  readonly from: number;
  readonly count: number;
}

/** The range of rows for a scroll position: a little more than can be seen. */
export function rangeAt(top: number, height: number, row: number): Range {
  const first = Math.floor(Math.max(0, top) / row / STEP) * STEP;
  const from = Math.max(0, first - STEP);
  return { from, count: first - from + Math.ceil(height / row / STEP) * STEP + 2 * STEP };
}

/** Follows what is on the screen of an element that scrolls rows of a fixed height. */
export function useRange(scroller: RefObject<HTMLElement | null>, row: number): Range {
  const [range, setRange] = useState<Range>(() => rangeAt(0, innerHeight, row));
  useEffect(() => {
    const { current } = scroller;
    if (current === null) return undefined;
    let frame = 0;
    const look = (): void => {
      frame = 0;
      const next = rangeAt(current.scrollTop, current.clientHeight, row);
      // At once, or the next frame would show the rows of the one before.
      flushSync(() => setRange((last) => (last.from === next.from && last.count === next.count ? last : next)));
    };
    const soon = (): void => {
      frame ||= requestAnimationFrame(look);
    };
    const observer = new ResizeObserver(soon);
    observer.observe(current);
    current.addEventListener("scroll", soon, { passive: true });
    return () => {
      observer.disconnect();
      current.removeEventListener("scroll", soon);
      cancelAnimationFrame(frame);
    };
  }, [scroller, row]);
  return range;
}

/** Scrolls as little as is needed for a row to be seen whole below a head that is as high as a row. */
export function reveal(scroller: HTMLElement | null, index: number, row: number): void {
  if (scroller === null) return;
  const top = index * row;
  const { scrollTop, clientHeight } = scroller;
  if (top < scrollTop) scroller.scrollTop = top;
  else if (top + 2 * row > scrollTop + clientHeight) scroller.scrollTop = top + 2 * row - clientHeight;
}
