/**
 * Where a replica keeps what must outlive the page: an ordered map from
 * strings to strings with atomic changes. What the strings mean is the
 * business of archive.ts and vault.ts; how they get to a disk is that of the
 * stores: memory.ts, indexeddb.ts, and file.ts for Node.
 */

import { SynclineError } from "./errors.js";

/** What one {@link Store.update} does, all or nothing: ranges are dropped first, then keys deleted, then values put. */
export interface Changes {
  readonly put?: readonly (readonly [key: string, value: string])[];
  readonly del?: readonly string[];
  /** Ranges of keys, from the first up to but not including the second. */
  readonly drop?: readonly (readonly [from: string, to: string])[];
}

/** Options of {@link Store.update}. */
export interface UpdateOptions {
  /** Resolve only when the change would survive a loss of power, as far as the platform can say. */
  readonly strict?: boolean;
}

/**
 * Strings under string keys, in the order of UTF-16 code units. Several tabs
 * may have one store open: each call sees all changes of calls that were done
 * before it began, whoever made them. Every method rejects with {@link StoreError}.
 */
export interface Store {
  readonly kind: "memory" | "indexeddb" | "file";
  /** Why the browser has thrown away what was in it, if it did so when this was opened and says so; all of it is gone then. */
  readonly wiped?: string | undefined;
  /** The values of keys as of one moment, in the order of `keys`. */
  get(keys: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** What is from `from` up to but not including `to`, in order, as of one moment. */
  range(from: string, to: string): Promise<readonly (readonly [key: string, value: string])[]>;
  /**
   * Reads `keys`, hands their values to `decide` and makes the changes that it
   * returns, as one atomic step: no other change comes between. `decide` is
   * called at most once, synchronously, and returns undefined to change
   * nothing; then the promise resolves to false, else to true once the change
   * is made. If `decide` throws, nothing changes and the promise rejects with
   * what it threw.
   */
  update(keys: readonly string[], decide: (values: readonly (string | undefined)[]) => Changes | undefined, options?: UpdateOptions): Promise<boolean>;
  /** Calls `fn` once, if the store is lost while it is open (deleted or closed by the browser, a file removed). */
  onLost(fn: (error: StoreError) => void): void;
  /** Ends the use of the store, after the calls under way. Calls after it reject with `closed`. */
  close(): Promise<void>;
  /** Removes everything that it keeps, for good, and closes it; other tabs find it lost. */
  destroy(): Promise<void>;
}

/**
 * A store failed. `code` is one of
 *
 * - `full`: the quota or the disk is used up; nothing was changed;
 * - `lost`: the store was deleted or closed underneath; nothing of it can be used any more;
 * - `closed`: it was closed by {@link Store.close};
 * - `unavailable`: it cannot be opened (private mode, a blocked or newer database);
 * - `failed`: anything else.
 */
export class StoreError extends SynclineError {
  declare readonly code: "full" | "lost" | "closed" | "unavailable" | "failed";

  constructor(code: "full" | "lost" | "closed" | "unavailable" | "failed", message: string, cause?: unknown) {
    super(code, message);
    this.name = "StoreError";
    if (cause !== undefined) this.cause = cause;
  }
}
