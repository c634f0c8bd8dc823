/**
 * What Syncline needs of Standard Schema, version 1 (standardschema.dev):
 * written down here, so that no library and no package of types is needed.
 * Zod, Valibot, ArkType, Effect Schema and others are such schemas.
 */

/** A schema of any library. Only those that validate synchronously can be used. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    /** The name of the library. */
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** For TypeScript only: nothing of it is there at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What `validate` says: a value, or issues. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One thing that is wrong with a value. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema takes: what is stored. */
export type InputOf<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>["input"];

/** What a schema makes of it: what is shown. */
export type OutputOf<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>["output"];

/** One thing that is wrong with a record. */
export interface Issue {
  /** Where, as names and positions with dots between them; empty for the whole record. */
  readonly path: string;
  /** In the words of the schema's library. */
  readonly message: string;
}

/** What a schema says of a value. Not `sync`: it wants to be waited for, which nobody does. */
export type Verdict = { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly Issue[]; readonly sync: boolean };

/** Validates. Never throws: a schema that does, as where it is asynchronous, is an issue of the value. */
export function validate(schema: StandardSchema, value: unknown): Verdict {
  try {
    const result = schema["~standard"].validate(value);
    if ("then" in result) {
      result.then(undefined, () => undefined); // nobody waits for it
      return { issues: [{ path: "", message: `the schema (${schema["~standard"].vendor}) is asynchronous: records are checked while they are drawn, so it must not wait for anything` }], sync: false };
    }
    return result.issues ? { issues: result.issues.map(issueOf), sync: true } : result;
  } catch (error) {
    return { issues: [{ path: "", message: `the schema threw: ${String(error)}` }], sync: true };
  }
}

function issueOf({ message, path = [] }: StandardIssue): Issue {
  return { path: path.map((part) => String(typeof part === "object" ? part.key : part)).join("."), message };
}
