/** Who has which role here, in the panel; and the switch in the header by which one looks at the page as another of them. */

import type { Space } from "@syncline/client";
import type { ReactNode } from "react";
import { Avatar } from "./avatar.js";
import { CAST, displayName, seenAs } from "./person.js";
import { RolePicker } from "./role-picker.js";
import { giveRole, type Role } from "./roles.js";
import { useRoles } from "./use-roles.js";

interface PeopleProps {
  readonly space: Space;
  readonly user: string;
  /** What the roles are in, such as "the board". */
  readonly where: string;
}

export function People({ space, user, where }: PeopleProps): ReactNode {
  const roles = useRoles(space);
  if (roles.size === 0) return null; // whoever has none is not told those of others
  const give = roles.get(user) === "owner";
  const everybody = [...new Set([...CAST, ...roles.keys()])];
  return (
    <section className="roles" aria-label="Roles">
      <h2>Roles</h2>
      {everybody.map((name) => <RolePicker key={name} user={name} role={roles.get(name)} where={where} give={give ? (role) => giveRole(space, name, role) : undefined} />)}
    </section>
  );
}

/** Each person has a client and a store of their own: switching leaves this one's as they are and opens the other's. */
export function PersonSwitch({ space, user }: { readonly space: Space; readonly user: string }): ReactNode {
  const roles = useRoles(space);
  const everybody = CAST.some((name) => name === user) ? CAST : [...CAST, user];
  return (
    <label className="person-switch" title="Look at this page as another person">
      <Avatar user={user} named />
      <span className="unseen">You are</span>
      <select value={user} onChange={({ target }) => location.assign(seenAs(target.value))}>
        {everybody.map((name) => <option key={name} value={name}>{named(name, roles.get(name))}</option>)}
      </select>
    </label>
  );
}

function named(user: string, role: Role | undefined): string {
  return role === undefined ? displayName(user) : `${displayName(user)}, ${role}`;
}
