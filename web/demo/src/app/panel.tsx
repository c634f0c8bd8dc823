/** The panel at the side: how the window stands with the server, what waits, what was refused, what to try. */

import type { Client, Mutation, Rejected, Space } from "@syncline/client";
import { usePending, useRejected, useStatus } from "@syncline/client/react";
import { type ReactNode, useEffect, useState } from "react";
import { describe, reason, type TitleOf } from "./describe.js";
import { Icon } from "./icon.js";
import { People } from "./people.js";
import { CAST, displayName, seenAs } from "./person.js";
import { MAY } from "./roles.js";
import { ago, STATE_NAMES } from "./status.js";
import { useRoles } from "./use-roles.js";

/** Only so many pending writes are listed one by one. */
const LISTED = 50;

/** A key, or several, and what it does. */
export type Keys = readonly (readonly [keys: string, what: string])[];

export interface PanelProps {
  readonly client: Client;
  readonly space: Space;
  readonly user: string;
  readonly page: string;
  readonly titleOf: TitleOf;
  /** A word on what to try. */
  readonly hint: string;
  readonly keys: Keys;
}

export function Panel({ client, space, user, page, titleOf, hint, keys }: PanelProps): ReactNode {
  const other = CAST.find((name) => name !== user) ?? CAST[0];
  const role = useRoles(space).get(user);
  const stranger = useStatus(space).error?.code === "forbidden";
  return (
    <aside className="panel" id="panel" aria-label="Sync" tabIndex={0}>
      <Facts client={client} space={space} />
      <Refused space={space} titleOf={titleOf} />
      <Pending space={space} titleOf={titleOf} />
      <People space={space} user={user} where={`the ${page.toLowerCase()}`} />
      <section className="try">
        <h2>Try it</h2>
        <p>You are <strong>{displayName(user)}</strong>{stranger ? ", and have no role here" : role !== undefined && <> and {MAY[role]}</>}. {stranger ? "Ada can give you one." : role === "viewer" ? "Ada can make you an editor; then try again what was refused." : hint}</p>
        <a className="button main" href={seenAs(other)} target="_blank" rel="noopener"><Icon name="window" />{displayName(other)}’s window</a>
        <a className="button" href={seenAs(user)} target="_blank" rel="noopener"><Icon name="tabs" />Another tab of yours</a>
        <p className="small">Your tabs share one store and one connection. What a person has stored opens without a network, too.</p>
      </section>
      <section className="keys">
        <h2>By keyboard</h2>
        <dl>{keys.map(([key, what]) => <div key={key}><dt>{key.split(" ").map((part) => (part === "or" ? " or " : <kbd key={part}>{part}</kbd>))}</dt><dd>{what}</dd></div>)}</dl>
      </section>
    </aside>
  );
}

function Facts({ client, space }: { readonly client: Client; readonly space: Space }): ReactNode {
  const { state, transport, lastSynced } = useStatus(space);
  const now = useNow();
  const facts = [
    ["State", STATE_NAMES[state]],
    ["Connection", client.leading ? (transport ?? "none") : "by another tab"],
    ["Last synced", state === "live" ? "now" : ago(lastSynced, now)],
  ] as const;
  return (
    <section>
      <h2>This window</h2>
      <dl className="facts">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
    </section>
  );
}

function Pending({ space, titleOf }: { readonly space: Space; readonly titleOf: TitleOf }): ReactNode {
  const pending = usePending(space);
  const { state } = useStatus(space);
  return (
    <section className="queue pending">
      <h2>Pending <span className="number">{pending.length}</span></h2>
      {pending.length === 0 ? (
        <p className="none">{state === "live" ? "Everything has reached the server." : "Nothing waits. What you change now is kept here."}</p>
      ) : (
        <ol>{pending.slice(0, LISTED).map((mutation) => <Waiting key={mutation.id} mutation={mutation} titleOf={titleOf} />)}</ol>
      )}
      {pending.length > LISTED && <p className="none">and {pending.length - LISTED} more</p>}
    </section>
  );
}

function Waiting({ mutation: { ops, state }, titleOf }: { readonly mutation: Mutation; readonly titleOf: TitleOf }): ReactNode {
  return (
    <li data-state={state}>
      <span className="what">{describe(ops, titleOf)}</span>
      <span className="mutation-state">{state}</span>
    </li>
  );
}

function Refused({ space, titleOf }: { readonly space: Space; readonly titleOf: TitleOf }): ReactNode {
  const rejected = useRejected(space);
  if (rejected.length === 0) return null;
  return (
    <section className="queue rejected">
      <h2>Refused <span className="number">{rejected.length}</span></h2>
      <ol>{rejected.map((one) => <Refusal key={one.id} space={space} rejected={one} titleOf={titleOf} />)}</ol>
    </section>
  );
}

function Refusal({ space, rejected: { id, ops, outcome }, titleOf }: { readonly space: Space; readonly rejected: Rejected; readonly titleOf: TitleOf }): ReactNode {
  return (
    <li data-code={outcome.code ?? outcome.outcome}>
      <span className="what">{describe(ops, titleOf)}</span>
      <span className="why">{reason(outcome)} <code>{outcome.code ?? outcome.outcome}</code></span>
      <span className="choices">
        <button className="retry" onClick={() => space.retry(id)}>Retry</button>
        <button className="discard" onClick={() => space.discard(id)}>Discard</button>
      </span>
    </li>
  );
}

/** The time, which goes on by seconds. */
function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
