/** A project on a device: its budget, if it may be seen there, its documents, and for the owner the roles in it. */

import type { Entry } from "@syncline/client";
import { type FormEvent, type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Icon } from "../app/icon.js";
import { CAST } from "../app/person.js";
import { RolePicker } from "../app/role-picker.js";
import { type Given, rolesOf } from "../app/roles.js";
import type { Device } from "./device.js";
import { type Document, DOCUMENTS, OWNER, type Project } from "./studio.js";

/** How many documents are listed before the rest is a number. */
const LISTED = 3;
const BADGES = { confirmed: "", pending: "unsent", rejected: "refused" } as const;

interface ProjectCardProps {
  readonly device: Device;
  readonly project: Project;
  readonly documents: readonly Document[];
  readonly members: readonly Entry[];
  /** How often the project is named on the disk; undefined if nobody knows. */
  readonly found: number | undefined;
  /** The other projects, for documents to move to. */
  readonly others: readonly Project[];
  readonly give?: ((user: string, role: Given) => void) | undefined;
  readonly move?: ((document: string, to: string) => void) | undefined;
}

export function ProjectCard({ device, project, documents, members, found, others, give, move }: ProjectCardProps): ReactNode {
  const roles = rolesOf(members);
  const more = documents.length - LISTED;
  return (
    <li className="project" data-project={project.id}>
      <header className="project-head">
        <h3>{project.name}</h3>
        <span className="project-role">{roles.get(device.user) ?? "no role"}</span>
        <Budget amount={project.budget} />
      </header>
      {give && <div className="project-roles">{CAST.filter((user) => user !== OWNER).map((user) => <RolePicker key={user} user={user} role={roles.get(user)} where={project.name} give={(role) => give(user, role)} />)}</div>}
      <ul className="documents">
        {documents.slice(0, LISTED).map((document) => <DocumentRow key={document.id} device={device} document={document} others={others} move={move} />)}
      </ul>
      <p className="small">{more > 0 ? `and ${more.toLocaleString("en")} more ${more === 1 ? "document" : "documents"}. ` : ""}{found !== undefined && <>Found on its disk: <span className="found">{found.toLocaleString("en")}</span> times</>}</p>
    </li>
  );
}

/** A field of its own rule: who may not see it has the project without it. */
function Budget({ amount }: { readonly amount: number | undefined }): ReactNode {
  return <span className="budget" data-hidden={amount === undefined ? "" : undefined}>{amount === undefined ? "no budget on this device" : `Budget €${amount.toLocaleString("en")}`}</span>;
}

/** A project that this device does not have: the page knows of it from the owner's. */
export function GoneCard({ project, known, found }: { readonly project: Project; readonly known: boolean; readonly found: number }): ReactNode {
  return (
    <li className="project gone" data-gone={project.id}>
      <h3>{project.name}</h3>
      <p className="small">Nothing of it is here.{known && (found === 0 ? " Nothing of it is on the disk, either." : <> Being removed from the disk: <span className="found">{found.toLocaleString("en")}</span> times found</>)}</p>
    </li>
  );
}

interface DocumentRowProps {
  readonly device: Device;
  readonly document: Document;
  readonly others: readonly Project[];
  readonly move?: ((document: string, to: string) => void) | undefined;
}

function DocumentRow({ device: { space }, document: { id, title, text, state }, others, move }: DocumentRowProps): ReactNode {
  const [editing, setEditing] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const back = useRef(false);
  useEffect(() => {
    if (editing || !back.current) return;
    back.current = false;
    button.current?.focus();
  }, [editing]);
  const close = (next?: string): void => {
    back.current = true;
    setEditing(false);
    if (next !== undefined && next !== text) space.patch(DOCUMENTS, id, { $set: { text: next } });
  };
  return (
    <li className="document" data-id={id} data-state={state}>
      {editing ? (
        <Editor title={title} text={text} close={close} />
      ) : (
        <button ref={button} className="document-text" aria-label={`Edit “${title}”: ${text}`} onClick={() => setEditing(true)}><strong>{title}</strong> {text}</button>
      )}
      <span><span className="badge">{BADGES[state]}</span></span>
      {move && !editing && (
        <select className="move" aria-label={`Move “${title}” to another project`} title="Move to another project" value="" onChange={({ target }) => move(id, target.value)}>
          <option value="" disabled>Move</option>
          {others.map((other) => <option key={other.id} value={other.id}>{other.name}</option>)}
        </select>
      )}
    </li>
  );
}

/** `close` gets what was written, nothing if it is to stay as it was. */
function Editor({ title, text, close }: { readonly title: string; readonly text: string; readonly close: (text?: string) => void }): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    close(input.current?.value.trim());
  };
  const key = (event: KeyboardEvent): void => {
    if (event.key === "Escape") close();
  };
  return (
    <form className="document-editor" onSubmit={submit} onKeyDown={key}>
      <input ref={input} aria-label={title} defaultValue={text} maxLength={400} autoComplete="off" enterKeyHint="done" />
      <button className="ghost" aria-label="Save" title="Save"><Icon name="check" /></button>
      <button type="button" className="ghost" aria-label="Leave it as it was" title="Leave it as it was" onClick={() => close()}><Icon name="close" /></button>
    </form>
  );
}
