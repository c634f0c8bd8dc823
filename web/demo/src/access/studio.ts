/** What is in the studio: projects, their documents, and who has which role in which project. */

import type { Entry, Query, Space, View } from "@syncline/client";
import { CAST } from "../app/person.js";
import { type Given, MEMBERS } from "../app/roles.js";

export const STUDIO = "demo/studio";
export const PROJECTS = "projects";
export const DOCUMENTS = "documents";
export const VIEW: View = [{ in: PROJECTS }, { in: DOCUMENTS }, { in: MEMBERS }];
/** All that a device has. */
export const ALL: { readonly [name in "projects" | "documents" | "members"]: Query } = {
  projects: { in: PROJECTS, sort: ["name"] },
  documents: { in: DOCUMENTS, sort: ["order"] },
  members: { in: MEMBERS },
};
/** Who owns all projects, and whose pane has the controls. */
export const OWNER = CAST[0];

export interface Project {
  readonly id: string;
  readonly name: string;
  /** Undefined where this device does not have it: viewers do not see it. */
  readonly budget: number | undefined;
}

export interface Document {
  readonly id: string;
  readonly project: string;
  readonly title: string;
  readonly text: string;
  readonly order: number;
  readonly state: Entry["state"];
}

/** The roles that people begin with; who is not named has none. */
const BEGINNING: { readonly [project: string]: { readonly [user: string]: Exclude<Given, null> } } = {
  aurora: { ben: "editor", cleo: "viewer" },
  harbour: { ben: "viewer", cleo: "editor" },
  archive: { ben: "editor" },
};

export function projectOf({ id, value: { name, budget } }: Entry): Project {
  return { id, name: text(name), budget: typeof budget === "number" ? budget : undefined };
}

export function documentOf({ id, value: { project, title, text: words, order }, state }: Entry): Document {
  return { id, project: text(project), title: text(title), text: text(words), order: typeof order === "number" ? order : 0, state };
}

/** The members of one project. */
export function membersOf(project: string, members: readonly Entry[]): readonly Entry[] {
  return members.filter(({ value }) => value["project"] === project);
}

/** Gives somebody a role in a project, or takes it away. */
export function giveRole(space: Space, project: string, user: string, role: Given): void {
  const id = `${project}-${user}`;
  if (role === null) space.delete(MEMBERS, id);
  else space.put(MEMBERS, id, { user, project, role });
}

/** Puts roles and documents back to where they were at the beginning, in one mutation; ids of documents begin with their first project. */
export function beginAnew(space: Space, members: readonly Entry[], documents: readonly Entry[]): void {
  const role = (project: string, user: string): unknown => members.find(({ value }) => value["project"] === project && value["user"] === user)?.value["role"];
  const astray = documents.map(documentOf).flatMap(({ id, project }) => {
    const home = id.slice(0, id.indexOf("-"));
    return home === project || !(home in BEGINNING) ? [] : [{ id, home }];
  });
  space.mutate((tx) => {
    for (const [project, roles] of Object.entries(BEGINNING)) {
      for (const user of CAST) {
        const [is, was] = [role(project, user), roles[user]];
        if (user === OWNER || is === was) continue;
        if (was === undefined) tx.delete(MEMBERS, `${project}-${user}`);
        else tx.put(MEMBERS, `${project}-${user}`, { user, project, role: was });
      }
    }
    for (const { id, home } of astray) tx.patch(DOCUMENTS, id, { $set: { project: home } });
  });
}

/** Whether there is anything for {@link beginAnew} to do. */
export function isAsBegun(members: readonly Entry[], documents: readonly Entry[]): boolean {
  const roles = new Map(members.map(({ value: { project, user, role } }) => [`${text(project)}-${text(user)}`, role]));
  return (
    Object.entries(BEGINNING).every(([project, given]) => CAST.every((user) => user === OWNER || roles.get(`${project}-${user}`) === given[user])) &&
    documents.every(({ id, value }) => id.startsWith(`${text(value["project"])}-`))
  );
}

function text(json: unknown): string {
  return typeof json === "string" ? json : "";
}
