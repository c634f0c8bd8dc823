/** Reading of what other windows say: it may be another version of this page, or anything. */

import type { Json } from "@syncline/client";

/** The members of an object; none of what is no object. */
export function membersOf(json: Json | undefined): { readonly [name: string]: Json | undefined } {
  return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as { [name: string]: Json }) : {};
}
