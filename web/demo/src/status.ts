/** The pill in the header: is this window in step with the server? And the switch that cuts it off. */

import type { Client, Space, Status } from "@syncline/client";
import { h } from "./dom.js";

export const STATE_NAMES: { readonly [S in Status["state"]]: string } = {
  offline: "No network",
  paused: "Offline",
  connecting: "Connecting…",
  syncing: "Catching up…",
  live: "Live",
  unauthorized: "Signed out",
  stopped: "Stopped",
};

export function statusPill(client: Client, space: Space): HTMLElement {
  const text = h("span", { class: "state-name", role: "status" });
  const knob = h("button", { class: "switch", role: "switch", "aria-label": "Network", title: "Network: off takes all windows of this browser offline" });
  const pill = h("div", { class: "pill" }, h("span", { class: "state-dot" }), text, knob);
  const show = (): void => {
    const { state } = space.status;
    pill.dataset["state"] = state;
    text.textContent = STATE_NAMES[state];
    knob.setAttribute("aria-checked", String(state !== "paused"));
  };
  knob.addEventListener("click", () => {
    if (space.status.state === "paused") client.goOnline();
    else client.goOffline();
  });
  space.subscribe(show);
  show();
  return pill;
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
