/** The page around the three devices. */

import { useStatus } from "@syncline/client/react";
import { type ReactNode, useEffect, useMemo } from "react";
import { Boundary } from "../app/boundary.js";
import { Header } from "../app/header.js";
import { Icon } from "../app/icon.js";
import { NoticeBar } from "../app/notice-bar.js";
import { displayName } from "../app/person.js";
import { announce, Voice } from "../app/voice.js";
import type { Device } from "./device.js";
import { Pane } from "./pane.js";
import { Strip } from "./strip.js";
import { beginAnew, DOCUMENTS, giveRole, isAsBegun, OWNER, projectOf } from "./studio.js";
import { useHoldings } from "./use-holdings.js";

export function AccessPage({ devices }: { readonly devices: readonly Device[] }): ReactNode {
  const owner = devices.find(({ user }) => user === OWNER) ?? devices[0];
  if (owner === undefined) throw new Error("there is no device");
  useEffect(() => {
    document.title = "Access · Syncline";
  }, []);
  const { projects, documents, members } = useHoldings(owner.space);
  // What is wrong with the server or the browser is the same for all three; of a network that was switched off its pane tells.
  const paused = useStatus(owner.space).state === "paused";
  /** All projects that there are, as the owner sees them: so a pane can say what it does not have. */
  const known = useMemo(() => projects.map(projectOf), [projects]);
  const act = (step: () => void): void => {
    for (const device of devices) device.diary.begin();
    step();
  };
  const reset = (): void => {
    for (const { client, space } of devices) {
      client.goOnline();
      for (const { id } of space.rejected) space.discard(id);
    }
    if (!isAsBegun(members, documents)) act(() => beginAnew(owner.space, members, documents));
    announce("Roles and documents are as they were at the beginning.");
  };
  return (
    <>
      <Header page="Access" />
      {!paused && <NoticeBar client={owner.client} space={owner.space} />}
      <main id="main" tabIndex={-1}>
        <h1 className="unseen">Access</h1>
        <Boundary what="The page">
          <div className="access">
            <Guide reset={reset} />
            <Strip devices={devices} />
            <div className="panes">
              {devices.map((device) => (
                <Boundary key={device.user} what={`${displayName(device.user)}’s device`}>
                  <Pane
                    device={device}
                    known={known}
                    give={device === owner ? (project, user, role) => act(() => giveRole(owner.space, project, user, role)) : undefined}
                    move={device === owner ? (id, to) => act(() => owner.space.patch(DOCUMENTS, id, { $set: { project: to } })) : undefined}
                  />
                </Boundary>
              ))}
            </div>
          </div>
        </Boundary>
      </main>
      <footer className="foot"><p>Each pane is a client of its own, with a store and a connection of its own. Nothing goes from one to the other but through the server.</p></footer>
      <Voice />
    </>
  );
}

function Guide({ reset }: { readonly reset: () => void }): ReactNode {
  return (
    <section className="guide" aria-label="What to try">
      <p className="lead">Three people, three devices: what somebody may no longer see leaves theirs.</p>
      <ol>
        <li><strong>Take a role away.</strong> As Ada, set Ben to <em>Out</em> in Archive: some 480 entries go at once, and soon no byte of them is on his disk.</li>
        <li><strong>While he is away.</strong> Switch Ben’s network off and let him edit a document of Aurora. Set him to <em>Out</em>. Switch it on: he loses Aurora before anything else comes, and keeps his own words.</li>
        <li><strong>One field.</strong> Make Cleo an editor of Aurora: its budget appears. Make her a viewer: it goes. Or move a document to another project.</li>
      </ol>
      <button className="button" onClick={reset}><Icon name="undo" />Begin anew</button>
    </section>
  );
}
