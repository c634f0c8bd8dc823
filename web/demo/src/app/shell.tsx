/** What the board and the table have around them: header, notices, panel, devtools. */

import type { Client, Space } from "@syncline/client";
import { mountDevtools } from "@syncline/client/devtools";
import { usePresence, useStatus } from "@syncline/client/react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Avatar } from "./avatar.js";
import { Boundary } from "./boundary.js";
import { describe, reason, type TitleOf } from "./describe.js";
import { Header } from "./header.js";
import { Icon } from "./icon.js";
import { NoticeBar } from "./notice-bar.js";
import { type Keys, Panel } from "./panel.js";
import { PersonSwitch } from "./people.js";
import { displayName } from "./person.js";
import { StatusPill } from "./status.js";
import { note, Voice } from "./voice.js";

export interface ShellProps {
  readonly client: Client;
  readonly space: Space;
  readonly user: string;
  readonly page: "Board" | "Cities";
  readonly titleOf: TitleOf;
  readonly hint: string;
  readonly keys: Keys;
  /** Whether the panel is open at first, where there is room for it. */
  readonly panel: boolean;
  /** Buttons of the page. */
  readonly tools?: ReactNode;
  /** A line at the bottom. */
  readonly foot: ReactNode;
  readonly children: ReactNode;
}

/** From this width on the panel stands beside the page. */
const ROOMY = 1000;
/** How many people are shown before the rest is a number. */
const SHOWN = 5;

export function Shell({ client, space, user, page, titleOf, hint, keys, panel, tools, foot, children }: ShellProps): ReactNode {
  const [open, setOpen] = useState(panel && innerWidth >= ROOMY);
  useEffect(() => {
    document.title = `${page} · ${displayName(user)} · Syncline`;
  }, [page, user]);
  useRefusals(space, titleOf, open);
  return (
    <>
      <Header page={page} tools={tools}>
        <Others space={space} />
        <PersonSwitch space={space} user={user} />
        <StatusPill client={client} space={space} />
        <Toggle space={space} open={open} toggle={() => setOpen(!open)} />
      </Header>
      <NoticeBar client={client} space={space} />
      <div className={open ? "layout with-panel" : "layout"}>
        <main id="main" tabIndex={-1}>
          <h1 className="unseen">{page}</h1>
          <Boundary what={`The ${page.toLowerCase()}`}>{children}</Boundary>
        </main>
        {open && <Boundary what="The panel"><Panel client={client} space={space} user={user} page={page} titleOf={titleOf} hint={hint} keys={keys} /></Boundary>}
      </div>
      <footer className="foot"><p>{foot}</p><Devtools client={client} /></footer>
      <Voice />
    </>
  );
}

/** The others who have this space open. */
function Others({ space }: { readonly space: Space }): ReactNode {
  const others = [...usePresence(space)];
  const more = others.length - SHOWN;
  if (others.length === 0) return null;
  return (
    <div className="people" role="group" aria-label="Others here">
      {others.slice(0, SHOWN).map(([session, peer]) => <Avatar key={session} user={peer.user} />)}
      {more > 0 && <span className="avatar more">+{more}</span>}
    </div>
  );
}

function Toggle({ space, open, toggle }: { readonly space: Space; readonly open: boolean; readonly toggle: () => void }): ReactNode {
  const { pending, rejected } = useStatus(space);
  const label = `Sync panel${rejected > 0 ? `, ${rejected} refused` : ""}${pending > 0 ? `, ${pending} pending` : ""}`;
  return (
    <button className="ghost panel-toggle" title="Sync panel" aria-label={label} aria-expanded={open} aria-controls={open ? "panel" : undefined} onClick={toggle}>
      <Icon name="panel" />
      {pending + rejected > 0 && <span className={rejected > 0 ? "bubble bad" : "bubble"} aria-hidden="true">{rejected || pending}</span>}
    </button>
  );
}

/** The devtools' button, and the devtools: they are a part of the client, not of this page. */
function Devtools({ client }: { readonly client: Client }): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => (place.current === null ? undefined : mountDevtools(client, { parent: place.current })), [client]);
  return <div className="devtools" ref={place} />;
}

/** Says so when something is refused while the panel is closed. */
function useRefusals(space: Space, titleOf: TitleOf, open: boolean): void {
  useEffect(
    () =>
      space.onEvent((event) => {
        if (event.kind !== "rejected" || open) return;
        const { ops, outcome } = event.rejected;
        note("Refused:", `${describe(ops, titleOf)}: ${reason(outcome)}`);
      }),
    [space, titleOf, open],
  );
}
