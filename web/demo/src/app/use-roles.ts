import type { Space } from "@syncline/client";
import { useQuery } from "@syncline/client/react";
import { useMemo } from "react";
import { MEMBERS, type Role, rolesOf } from "./roles.js";

const QUERY = { in: MEMBERS };

/** The roles of a space whose members have one for all of it, by user. */
export function useRoles(space: Space): ReadonlyMap<string, Role> {
  const { rows } = useQuery(space, QUERY);
  return useMemo(() => rolesOf(rows), [rows]);
}
