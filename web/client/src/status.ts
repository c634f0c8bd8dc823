import type { Status, SyncState } from "./api.js";

/** How a space stands to the server: what is the same in all tabs. */
export type Standing = Omit<Status, "pending" | "rejected" | "storage" | "expired">;

/** From furthest from live to nearest. */
const ORDER: readonly SyncState[] = ["stopped", "unauthorized", "paused", "offline", "connecting", "syncing", "live"];

/** Whether two status objects say the same. */
export function sameStatus(a: Status, b: Status): boolean {
  return JSON.stringify(a) === JSON.stringify(b); // made in one way, so that members are in one order
}

/** The state of several spaces together: `base` if there is none, else the one that is furthest from live. */
export function sumOf(base: Status, spaces: readonly Status[]): Status {
  if (spaces.length === 0) return base;
  const state = ORDER[Math.min(...spaces.map((space) => ORDER.indexOf(space.state)))];
  const times = spaces.map(({ lastSynced }) => lastSynced);
  const error = base.error ?? spaces.find((space) => space.error !== undefined)?.error;
  return {
    state: state ?? base.state,
    lastSynced: times.includes(null) ? null : Math.min(...times.map(Number)),
    pending: spaces.reduce((n, space) => n + space.pending, 0),
    rejected: spaces.reduce((n, space) => n + space.rejected, 0),
    transport: base.transport ?? spaces[0]?.transport ?? null,
    ...(error && { error }),
    storage: base.storage,
  };
}
