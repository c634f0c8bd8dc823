/** The notices below the header. */

import type { Client, Space } from "@syncline/client";
import { useStatus } from "@syncline/client/react";
import { type ReactNode, useEffect, useState } from "react";
import { Icon } from "./icon.js";
import { type Notice, noticesOf } from "./notices.js";
import { useReady } from "./ready.js";

/** How long a connection may take before it is worth a word, in milliseconds. */
const PATIENCE = 3000;

export function NoticeBar({ client, space }: { readonly client: Client; readonly space: Space }): ReactNode {
  const told = useStatus(space);
  // A page that opens without a network is told of no change of it: the client tries, and the browser knows better.
  const status = told.state === "connecting" && !navigator.onLine ? { ...told, state: "offline" as const } : told;
  const waited = useLasting(status.state === "connecting");
  const known = useReady(space);
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  const notices = noticesOf(status, waited, known).filter(({ id }) => !gone.has(id));
  return (
    <div className="notices" role="status" aria-live="polite">
      {notices.map((notice) => (
        <div key={notice.id} className="notice" data-tone={notice.tone} data-notice={notice.id}>
          <p><strong>{notice.title}</strong> {notice.text}</p>
          <Action notice={notice} client={client} />
          {notice.tone === "calm" && (
            <button className="ghost" aria-label="Put this notice away" onClick={() => setGone(new Set([...gone, notice.id]))}><Icon name="close" /></button>
          )}
        </div>
      ))}
    </div>
  );
}

function Action({ notice: { action }, client }: { readonly notice: Notice; readonly client: Client }): ReactNode {
  if (action === undefined) return null;
  return action === "online" ? <button className="button" onClick={() => client.goOnline()}>Connect</button> : <button className="button" onClick={() => location.reload()}>Reload</button>;
}

/** Whether something has been so for some time. */
function useLasting(is: boolean): boolean {
  const [lasting, setLasting] = useState(false);
  useEffect(() => {
    if (!is) return undefined;
    const timer = setTimeout(() => setLasting(true), PATIENCE);
    return () => {
      clearTimeout(timer);
      setLasting(false);
    };
  }, [is]);
  return is && lasting;
}
