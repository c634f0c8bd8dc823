/** What the tests of the bindings share. */
import { vi } from "vitest";
import type { Space } from "../src/api.js";

/** Counts the queries of a space. */
export interface Count {
  /** How many are open. */
  readonly open: number;
  /** How many were ever opened. */
  readonly opened: number;
}

/** Watches the queries of a space from now on. */
export function count(space: Space): Count {
  const open = new Set<object>();
  let opened = 0;
  const query = space.query.bind(space);
  vi.spyOn(space, "query").mockImplementation((asked) => {
    const live = query(asked);
    open.add(live);
    opened++;
    const close = live.close.bind(live);
    vi.spyOn(live, "close").mockImplementation(() => {
      open.delete(live);
      close();
    });
    return live;
  });
  return {
    get open() {
      return open.size;
    },
    get opened() {
      return opened;
    },
  };
}
