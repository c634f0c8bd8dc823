/** The pill in the header: is this window in step with the server? And the switch that cuts it off. */

import type { Client, Space, SyncState } from "@syncline/client";
import { useStatus } from "@syncline/client/react";
import type { ReactNode } from "react";

export const STATE_NAMES: { readonly [S in SyncState]: string } = {
  offline: "No network",
  paused: "Offline",
  connecting: "Connecting…",
  syncing: "Catching up…",
  live: "Live",
  unauthorized: "Signed out",
  stopped: "Stopped",
};

interface StatusPillProps {
  readonly client: Client;
  readonly space: Space;
  /** Whose network it is, where there are several on a page. */
  readonly of?: string;
}

export function StatusPill({ client, space, of }: StatusPillProps): ReactNode {
  const { state } = useStatus(space);
  const on = state !== "paused";
  return (
    <div className="pill" data-state={state}>
      <span className="state-dot" />
      <span className="state-name" role="status">{STATE_NAMES[state]}</span>
      <button
        className="switch"
        role="switch"
        aria-label={of === undefined ? "Network" : `${of}’s network`}
        aria-checked={on}
        title="Network: off takes all windows of this browser offline that are yours"
        onClick={() => (on ? client.goOffline() : client.goOnline())}
      />
    </div>
  );
}

/** "just now", "12 s ago", "3 min ago". */
export function ago(at: number | null, now: number): string {
  if (at === null) return "never";
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 3) return "just now";
  if (seconds < 90) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min ago` : `${Math.round(minutes / 60)} h ago`;
}
