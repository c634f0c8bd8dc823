/** How the bindings see through what stands before a space. */

import type { Entry, QueryResult, Space } from "./api.js";

/** The member that has the {@link Lens}; by this name also between two copies of the library. */
export const LENS: unique symbol = Symbol.for("syncline.lens");

/** A space, and what its answers are shown as: the same object for the same answer. */
export interface Lens {
  readonly space: Space;
  readonly result: (result: QueryResult) => unknown;
  readonly entry: (entry: Entry) => unknown;
}

/** What stands before a space. */
export interface Lensed {
  readonly [LENS]: Lens;
}
