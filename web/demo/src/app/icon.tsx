/** 16 by 16 line drawings, hidden from assistive technology. */

import type { ReactNode } from "react";

const SHAPES = {
  check: "M3.5 8.5l3 3 6-7",
  close: "M4 4l8 8M12 4l-8 8",
  grip: "M6 3.5h.01M10 3.5h.01M6 8h.01M10 8h.01M6 12.5h.01M10 12.5h.01",
  hand: "M5 8V4.5a1 1 0 012 0V7.5M7 7V3.5a1 1 0 012 0V7.5M9 7V4.5a1 1 0 012 0V9a4 4 0 01-4 4.2c-1.8 0-2.6-.9-3.5-2.5L2.7 9a.9.9 0 011.5-1L5 9",
  panel: "M2.5 3.5h11v9h-11zM10 3.5v9",
  plus: "M8 3v10M3 8h10",
  redo: "M10.5 3L13.5 6l-3 3M13 6H6.5a4 3.5 0 000 7H8",
  tabs: "M2.5 5.5h8v7.5h-8zM5.5 5.5V3h8v7.5h-3",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5",
  undo: "M5.5 3L2.5 6l3 3M3 6h6.5a4 3.5 0 010 7H8",
  up: "M8 12.5v-9M4 7.5l4-4 4 4",
  window: "M6.5 3.5h-3v9h9v-3M9 3.5h3.5V7M12.5 3.5L7.5 8.5",
} as const;

export function Icon({ name }: { readonly name: keyof typeof SHAPES }): ReactNode {
  return (
    <svg viewBox="0 0 16 16" className={`icon icon-${name}`} aria-hidden="true">
      <path d={SHAPES[name]} />
    </svg>
  );
}
