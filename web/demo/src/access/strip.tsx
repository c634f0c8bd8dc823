/** How the devices stand, in one line: where the panes are one below the other, what happens in one of them would not be seen from the next. */

import { useStatus } from "@syncline/client/react";
import type { ReactNode } from "react";
import { Avatar } from "../app/avatar.js";
import { displayName } from "../app/person.js";
import { STATE_NAMES } from "../app/status.js";
import type { Device } from "./device.js";
import { paneId } from "./pane.js";
import { useHoldings } from "./use-holdings.js";

export function Strip({ devices }: { readonly devices: readonly Device[] }): ReactNode {
  return (
    <nav className="strip" aria-label="Devices">
      {devices.map((device) => <One key={device.user} device={device} />)}
    </nav>
  );
}

function One({ device: { user, space } }: { readonly device: Device }): ReactNode {
  const { state, rejected } = useStatus(space);
  const { count } = useHoldings(space);
  return (
    <a href={`#${paneId(user)}`} data-state={state}>
      <Avatar user={user} named />
      <span className="strip-text">
        <span>{displayName(user)}</span>
        <span className="small"><span key={count} className="strip-count">{count.toLocaleString("en")}</span> {rejected > 0 ? `here, ${rejected} refused` : state === "live" ? "here" : STATE_NAMES[state].toLowerCase()}</span>
      </span>
    </a>
  );
}
