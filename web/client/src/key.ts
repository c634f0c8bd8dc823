import { SynclineError } from "./errors.js";
import { utf8Length } from "./value.js";

/** A collection and an id in one string: `collection/id`. A collection has no slash, so that it is unambiguous. */
export type Key = string;

export function keyOf(collection: string, id: string): Key {
  return collection + "/" + id;
}

/** The two halves of a key. */
export function splitKey(key: Key): [collection: string, id: string] {
  const at = key.indexOf("/");
  return [key.slice(0, at), key.slice(at + 1)];
}

const COLLECTION = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const PATH = /^[a-z0-9][a-z0-9_.-]*(\/[a-z0-9][a-z0-9_.-]*){0,7}$/;
// Control characters, and halves of surrogate pairs, which UTF-8 cannot carry.
const NOT_IN_ID = /[\u0000-\u001f\u007f\ud800-\udfff]/u;

/** Throws `bad_name` for what is no collection. */
export function checkCollection(collection: unknown): asserts collection is string {
  if (typeof collection !== "string" || !COLLECTION.test(collection)) {
    throw new SynclineError("bad_name", `no collection: ${String(collection).slice(0, 80)}`);
  }
}

/** Throws `bad_name` for what is no entry id: 1 to 256 bytes of UTF-8 without control characters. */
export function checkId(id: unknown): asserts id is string {
  if (typeof id !== "string" || id === "" || id.length > 256 || NOT_IN_ID.test(id) || utf8Length(id) > 256) {
    throw new SynclineError("bad_name", `no entry id: ${JSON.stringify(String(id).slice(0, 80))}`);
  }
}

/** Throws `bad_name` for what is no path of a space. */
export function checkPath(path: unknown): asserts path is string {
  if (typeof path !== "string" || path.length > 128 || !PATH.test(path)) {
    throw new SynclineError("bad_name", `no path of a space: ${String(path).slice(0, 80)}`);
  }
}
