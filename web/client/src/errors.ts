import type { Outcome } from "./api.js";

/**
 * An error of the client itself. `code` is one of
 *
 * - `closed`: client or space was closed;
 * - `too_large`: a mutation, record, presence state or cast over the limits;
 * - `unknown_id`: no rejected mutation has that id;
 * - `not_live`: there is no connection to ask;
 * - `not_loaded`: a serializable mutation wanted to read a collection that is still being read from the store, or has yet to come from the server;
 * - `upgrade_required`: another tab runs a newer version of this program, or the server wants one: the page has to be reloaded; nothing more is made here (also in a status);
 * - `signed_out`: the user has signed out, perhaps in another tab (in a status);
 * - `user_differs`: the server says that the token is another user's (in a status);
 * - `view_differs`: the space is open with another view;
 * - `bad_name`: an invalid path, collection, id or view;
 * - `bad_frame`: the server sent what no server sends (in a status);
 * - `connection`: no carrier works (in a status);
 * - `invalid`: a value does not fit the schema of its collection (`InvalidError`); this and the next three are of typed.ts;
 * - `async_schema`: the schema of a collection waits for something;
 * - `bad_schema`: what was given as a schema is none;
 * - `misfit`: a stored record does not fit the schema of its collection (reported, not thrown);
 * - `integrity`: the replica differed from the server and was fetched anew (in a status);
 * - a code of the protocol (in a status).
 */
export class SynclineError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "SynclineError";
    this.code = code;
  }
}

/** The server refused a mutation; its operations are kept in {@link Space.rejected}. */
export class RejectedError extends SynclineError {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super(outcome.code ?? outcome.outcome, outcome.message ?? `the mutation was ${outcome.outcome}`);
    this.name = "RejectedError";
    this.outcome = outcome;
  }
}
