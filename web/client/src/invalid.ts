import { SynclineError } from "./errors.js";
import type { Issue } from "./standard.js";

/** A value does not fit the schema of its collection. Its `code` is `invalid`; nothing was changed. */
export class InvalidError extends SynclineError {
  /** Of the first issue. */
  readonly path: string;
  readonly issues: readonly Issue[];

  constructor(collection: string, id: string, issues: readonly Issue[]) {
    super("invalid", `${collection}/${id} would not fit its schema: ${spell(issues)}. Nothing was changed`);
    this.name = "InvalidError";
    this.path = issues[0]?.path ?? "";
    this.issues = issues;
  }
}

/** Issues in one line. */
export function spell(issues: readonly Issue[]): string {
  return issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
}
