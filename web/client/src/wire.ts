import type { Doc, Json, Outcome, View } from "./api.js";
import { isDrops } from "./drop.js";
import { SynclineError } from "./errors.js";
import type { Leases } from "./lease.js";

/** The messages of the server, PROTOCOL.md; members that are not used here are left out. */
export interface Welcome {
  readonly t: "welcome";
  readonly session: string;
  readonly user?: string;
  /** The server's clock, in milliseconds since 1970. */
  readonly time?: number;
  readonly limits: { readonly [name: string]: number };
  /** When the token ends, by that clock. */
  readonly expires?: number;
}
export interface Opened {
  readonly t: "opened";
  readonly space: string;
  readonly view?: string;
  readonly from?: string;
  readonly head?: string;
  readonly last: number;
  readonly outcomes: readonly Outcome[];
  readonly resume?: "current" | "diff" | "reset";
  readonly reason?: string;
  /** Names what may be seen; there is none where no rules are known. */
  readonly scope?: string;
  /** With the scope. */
  readonly leases?: Leases;
  readonly self?: string;
}
export interface Ack {
  readonly t: "ack";
  readonly space: string;
  readonly outcomes: readonly Outcome[];
}
export type Put = readonly [collection: string, id: string, version: number, value: Doc];
export type Del = readonly [collection: string, id: string];
export interface DiffMessage {
  readonly t: "diff";
  readonly space: string;
  readonly view: string;
  readonly from: string;
  readonly to: string;
  /** On the first part: goes of what is held before `put` and `del` are carried out. */
  readonly drop?: View;
  readonly put?: readonly Put[];
  readonly del?: readonly Del[];
  readonly more?: boolean;
  readonly reset?: boolean;
  readonly count?: number;
  readonly sum?: string;
  /** From here on, in place of that of {@link Opened}; with the last part. */
  readonly scope?: string;
  /** With the scope. */
  readonly leases?: Leases;
}
export interface Checked {
  readonly t: "checked";
  readonly space: string;
  readonly view: string;
  readonly at: string;
  readonly count: number;
  readonly sum: string;
}
export interface Present {
  readonly t: "present";
  readonly space: string;
  readonly reset?: boolean;
  readonly peers: readonly { readonly session: string; readonly user?: string; readonly state: Json }[];
}
export interface CastMessage {
  readonly t: "cast";
  readonly space: string;
  readonly session: string;
  readonly user?: string;
  readonly topic: string;
  readonly data?: Json;
}
export interface ErrorMessage {
  readonly t: "error";
  readonly code: string;
  readonly message: string;
  readonly space?: string;
  readonly fatal?: boolean;
  readonly retryMs?: number;
  readonly expected?: number;
  readonly limit?: string;
}
/** Messages that concern a space. */
export type SpaceMessage = Opened | Ack | DiffMessage | Checked | Present | CastMessage | ErrorMessage;
export type ServerMessage = Welcome | SpaceMessage | { readonly t: "closed"; readonly space: string } | { readonly t: "ping" | "pong" };

/** The number in a cursor. */
export function seqOf(cursor: string): number {
  return Number.parseInt(cursor, 10);
}

type Raw = { readonly [name: string]: unknown };
type Check = (v: unknown) => boolean;

const text: Check = (v) => typeof v === "string";
const count: Check = (v) => Number.isSafeInteger(v) && (v as number) >= 0;
const millis: Check = (v) => typeof v === "number" && v >= 0;
const flag: Check = (v) => typeof v === "boolean";
const any: Check = (v) => v !== undefined;
const object: Check = (v) => typeof v === "object" && v !== null && !Array.isArray(v);
const cursor: Check = (v) => typeof v === "string" && /^(0|[1-9][0-9]{0,15}-.+)$/.test(v);
const maybe = (check: Check): Check => (v) => v === undefined || check(v);
const list = (check: Check): Check => (v) => Array.isArray(v) && v.every(check);
const shape = (members: { readonly [name: string]: Check }): Check => {
  const all = Object.entries(members);
  return (v) => object(v) && all.every(([name, check]) => check((v as Raw)[name]));
};

const put: Check = (v) => Array.isArray(v) && text(v[0]) && text(v[1]) && count(v[2]) && object(v[3]);
const del: Check = (v) => Array.isArray(v) && text(v[0]) && text(v[1]);
const outcome = shape({ id: count, outcome: text, seq: maybe(count), code: maybe(text), message: maybe(text), retryMs: maybe(millis) });
const leases: Check = (v) => object(v) && Object.values(v as object).every(count);
const peer = shape({ session: text, user: maybe(text), state: any });

const shapes = new Map<unknown, Check>([
  ["welcome", shape({ session: text, limits: maybe(object), time: maybe(millis), expires: maybe(millis) })],
  ["ping", object],
  ["pong", object],
  ["closed", shape({ space: text })],
  ["opened", shape({ space: text, view: maybe(text), from: maybe(text), head: maybe(cursor), last: maybe(count), outcomes: maybe(list(outcome)), resume: maybe(text), reason: maybe(text), scope: maybe(text), leases: maybe(leases), self: maybe(text) })],
  ["ack", shape({ space: text, outcomes: list(outcome) })],
  ["diff", shape({ space: text, view: text, from: cursor, to: cursor, drop: maybe(isDrops), put: maybe(list(put)), del: maybe(list(del)), more: maybe(flag), reset: maybe(flag), count: maybe(count), sum: maybe(text), scope: maybe(text), leases: maybe(leases) })],
  ["checked", shape({ space: text, view: text, at: cursor, count, sum: text })],
  ["present", shape({ space: text, reset: maybe(flag), peers: list(peer) })],
  ["cast", shape({ space: text, session: text, user: maybe(text), topic: text })],
  ["error", shape({ code: text, message: maybe(text), space: maybe(text), fatal: maybe(flag), retryMs: maybe(millis), expected: maybe(count), limit: maybe(text) })],
]);

/**
 * Reads one message of the server; undefined for a type that this client does
 * not know. Unknown members are ignored. Throws `bad_frame` for anything else.
 */
export function decode(line: string): ServerMessage | undefined {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    throw badFrame("not JSON", line);
  }
  if (!object(message) || !text((message as Raw)["t"])) throw badFrame("no message", line);
  const raw = message as Raw;
  const check = shapes.get(raw["t"]);
  if (check === undefined) return undefined;
  if (!check(raw)) throw badFrame("a member is missing or wrong", line);
  // What may be left out has its meaning filled in.
  if (raw["t"] === "welcome") return { ...raw, limits: raw["limits"] ?? {} } as unknown as Welcome;
  if (raw["t"] === "opened") return { ...raw, last: raw["last"] ?? 0, outcomes: raw["outcomes"] ?? [] } as unknown as Opened;
  if (raw["t"] === "error") return { ...raw, message: raw["message"] ?? "" } as unknown as ErrorMessage;
  return raw as unknown as ServerMessage;
}

function badFrame(why: string, line: string): SynclineError {
  return new SynclineError("bad_frame", `${why}: ${line.slice(0, 100)}`);
}
