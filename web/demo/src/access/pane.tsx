/** One device on the screen: what its person has, what is on its disk, what was refused, and what has happened. */

import type { Entry, Rejected } from "@syncline/client";
import { useRejected, useStatus } from "@syncline/client/react";
import { type ReactNode, useId, useMemo } from "react";
import { Avatar } from "../app/avatar.js";
import { describe, reason } from "../app/describe.js";
import { useValue } from "../app/held.js";
import { displayName } from "../app/person.js";
import type { Given } from "../app/roles.js";
import { StatusPill } from "../app/status.js";
import type { Device } from "./device.js";
import { GoneCard, ProjectCard } from "./project-card.js";
import { type Document, documentOf, membersOf, type Project, projectOf } from "./studio.js";
import { useDisk } from "./use-disk.js";
import { useHoldings } from "./use-holdings.js";

interface PaneProps {
  readonly device: Device;
  /** All projects that there are, whether this device has them or not. */
  readonly known: readonly Project[];
  /** For the owner: gives a role in a project. */
  readonly give?: ((project: string, user: string, role: Given) => void) | undefined;
  /** For the owner: moves a document into another project. */
  readonly move?: ((document: string, to: string) => void) | undefined;
}

export function Pane({ device, known, give, move }: PaneProps): ReactNode {
  const { user, client, space } = device;
  const heading = useId();
  const { projects, documents, members, count } = useHoldings(space);
  const { pending } = useStatus(space);
  const disk = useDisk(user, space);
  const byProject = useMemo(() => grouped(documents), [documents]);
  const here = projects.map(projectOf);
  const gone = known.filter(({ id }) => !here.some((project) => project.id === id));
  return (
    <section className="pane" id={paneId(user)} data-user={user} aria-labelledby={heading} tabIndex={-1}>
      <header className="pane-head">
        <Avatar user={user} named />
        <h2 id={heading}>{displayName(user)}’s device</h2>
        <StatusPill client={client} space={space} of={displayName(user)} />
      </header>
      <dl className="measures">
        <div><dt>Entries here</dt><dd className="entries">{count.toLocaleString("en")}</dd></div>
        <div><dt>On its disk</dt><dd className="disk">{disk === undefined ? "unknown" : `${(disk.size / 1000).toFixed(1)} kB`}</dd></div>
        <div><dt>Unsent</dt><dd className="unsent">{pending}</dd></div>
      </dl>
      {give === undefined && <Happened device={device} />}
      <Refusals device={device} />
      <ul className="projects">
        {here.map((project) => (
          <ProjectCard
            key={project.id}
            device={device}
            project={project}
            documents={byProject.get(project.id) ?? []}
            members={membersOf(project.id, members)}
            found={disk?.found.get(project.id)}
            others={here.filter(({ id }) => id !== project.id)}
            give={give && ((who, role) => give(project.id, who, role))}
            move={move}
          />
        ))}
        {gone.map((project) => <GoneCard key={project.id} project={project} known={disk !== undefined} found={disk?.found.get(project.id) ?? 0} />)}
      </ul>
    </section>
  );
}

/** The id of somebody's pane in the page. */
export function paneId(user: string): string {
  return `device-${user}`;
}

function grouped(entries: readonly Entry[]): ReadonlyMap<string, readonly Document[]> {
  const groups = new Map<string, Document[]>();
  for (const document of entries.map(documentOf)) {
    const group = groups.get(document.project);
    if (group === undefined) groups.set(document.project, [document]);
    else group.push(document);
  }
  return groups;
}

/** What was refused is kept, with the person's own words, until they try it again or discard it. */
function Refusals({ device: { space, titleOf } }: { readonly device: Device }): ReactNode {
  const rejected = useRejected(space);
  if (rejected.length === 0) return null;
  return (
    <section className="queue rejected" aria-label="Refused">
      <ol>
        {rejected.map((one) => (
          <li key={one.id} data-code={one.outcome.code ?? one.outcome.outcome}>
            <span className="what">{describe(one.ops, titleOf)}</span>
            {wordsOf(one).map((words) => <q key={words} className="words">{words}</q>)}
            <span className="why">{reason(one.outcome)} <code>{one.outcome.code ?? one.outcome.outcome}</code></span>
            <span className="choices">
              <button className="retry" onClick={() => space.retry(one.id)}>Retry</button>
              <button className="discard" onClick={() => space.discard(one.id)}>Discard</button>
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** What the person had written. */
function wordsOf({ ops }: Rejected): readonly string[] {
  return ops.flatMap((op) => {
    const text = op.op === "patch" ? op.patch.$set?.["text"] : op.op === "put" ? op.value["text"] : undefined;
    return typeof text === "string" ? [text] : [];
  });
}

function Happened({ device: { diary, user } }: { readonly device: Device }): ReactNode {
  const lines = useValue(diary.lines);
  return (
    <section className="happened" aria-label={`What has happened on ${displayName(user)}’s device`}>
      <h3>What has happened here</h3>
      <div className="log" role="log" tabIndex={0} aria-label="Events, the newest first">
        <ol>{lines.map(({ n, kind, text }) => <li key={n} data-kind={kind}>{text}</li>)}</ol>
        {lines.length === 0 && <p className="small">Nothing yet.</p>}
      </div>
    </section>
  );
}
