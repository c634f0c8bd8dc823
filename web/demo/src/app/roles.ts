/** Roles: what members of a board, a table or a project may do. The rules are the server's (web/demo/demo.yaml); this only shows them. */

import type { Entry, Space } from "@syncline/client";

export const MEMBERS = "members";
export const ROLES = ["owner", "editor", "viewer"] as const;
export type Role = (typeof ROLES)[number];
/** What an owner may make of somebody else; null: no role. */
export const GIVEN = ["editor", "viewer", null] as const;
export type Given = (typeof GIVEN)[number];

/** What each role may do, after "you". */
export const MAY: { readonly [R in Role]: string } = {
  owner: "may change everything, and give roles to the others",
  editor: "may change everything but the roles",
  viewer: "may look; what you change shows, and is then refused",
};

/** Roles by user. */
export function rolesOf(members: readonly Entry[]): ReadonlyMap<string, Role> {
  const roles = new Map<string, Role>();
  for (const { value: { user, role } } of members) {
    const known = ROLES.find((name) => name === role);
    if (typeof user === "string" && known !== undefined) roles.set(user, known);
  }
  return roles;
}

/** Gives a user a role, or takes it away, in a space whose members have one for all of it. */
export function giveRole(space: Space, user: string, role: Given): void {
  if (role === null) space.delete(MEMBERS, user);
  else space.put(MEMBERS, user, { user, space: space.path, role });
}
