/** Mutations and their refusals, in words. */

import type { Op, Outcome } from "@syncline/client";
import { displayName } from "./person.js";
import { MEMBERS } from "./roles.js";

/** The title of an entry, also of one that is gone. */
export type TitleOf = (collection: string, id: string) => string;

/** What a mutation does, such as: Vote for “Write the docs”. */
export function describe(ops: readonly Op[], titleOf: TitleOf): string {
  const first = ops[0];
  if (first === undefined) return "Nothing";
  const text = describeOp(first, titleOf);
  return ops.length === 1 ? text : `${text} and ${ops.length - 1} more`;
}

function describeOp(op: Op, titleOf: TitleOf): string {
  if (op.in === MEMBERS) return describeRole(op);
  const title = `“${titleOf(op.in, op.id)}”`;
  if (op.op === "put") return `Add ${title}`;
  if (op.op === "delete") return `Delete ${title}`;
  const { $set = {}, $unset = [], $inc = {}, $add = {}, $remove = {} } = op.patch;
  if ("owner" in $set) return `Claim ${title}`;
  if ($unset.includes("owner")) return `Release ${title}`;
  if ("column" in $set) return `Move ${title} to ${String($set["column"])}`;
  if ("order" in $set) return `Reorder ${title}`;
  if ("title" in $set) return `Rename to “${String($set["title"])}”`;
  if ("color" in $set) return `Colour ${title}`;
  if ("project" in $set) return `Move ${title} to ${displayName(String($set["project"]))}`;
  if ("votes" in $inc) return `Vote for ${title}`;
  if ("tags" in $add) return `Tag ${title} ${($add["tags"] ?? []).map((tag) => `#${String(tag)}`).join(" ")}`;
  if ("tags" in $remove) return `Untag ${title} ${($remove["tags"] ?? []).map((tag) => `#${String(tag)}`).join(" ")}`;
  const names = Object.keys($set);
  return names.length > 0 ? `Set ${names.join(", ")} of ${title}` : `Change ${title}`;
}

/** Ids of members end in the user's. */
function describeRole(op: Op): string {
  const who = displayName(op.id.slice(op.id.lastIndexOf("-") + 1));
  if (op.op === "delete") return `Take ${who}’s role away`;
  const role = op.op === "put" ? op.value["role"] : op.patch.$set?.["role"];
  return role === undefined ? `Change ${who}’s role` : `Make ${who} ${String(role)}`;
}

/** Why a mutation was refused. */
export function reason(outcome: Outcome): string {
  switch (outcome.code) {
    case "stale": {
      const owner = outcome.current?.value?.["owner"];
      if (typeof owner === "string") return `${displayName(owner)} was first`;
      return outcome.current !== undefined && outcome.current.value === undefined ? "It has been deleted" : "Somebody else changed it first";
    }
    case "not_found":
      return "It no longer exists, or you may not see it any more";
    case "forbidden":
      return "Your role does not allow it";
    default:
      return outcome.message ?? outcome.code ?? outcome.outcome;
  }
}
