import type { Entry, Space } from "@syncline/client";
import { useQuery } from "@syncline/client/react";
import { ALL } from "./studio.js";

/** Everything that a device holds of the studio. */
export interface Holdings {
  readonly projects: readonly Entry[];
  readonly documents: readonly Entry[];
  readonly members: readonly Entry[];
  readonly count: number;
}

export function useHoldings(space: Space): Holdings {
  const projects = useQuery(space, ALL.projects).rows;
  const documents = useQuery(space, ALL.documents).rows;
  const members = useQuery(space, ALL.members).rows;
  return { projects, documents, members, count: projects.length + documents.length + members.length };
}
