import type { Op, SyncState } from "../api.js";

/** What the states of a connection are called on the screen. */
export const STATES: Readonly<Record<SyncState, string>> = {
  live: "Up to date",
  syncing: "Catching up",
  connecting: "Connecting",
  paused: "Switched off",
  offline: "No network",
  unauthorized: "Sign-in needed",
  stopped: "Stopped",
};

const UNITS: readonly (readonly [ms: number, name: string])[] = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1000, "s"]];

/** A time span in milliseconds, in its largest unit. */
export function span(ms: number): string {
  for (const [unit, name] of UNITS) if (ms >= unit) return `${ms < 10_000 && name === "s" ? (ms / unit).toFixed(1) : Math.floor(ms / unit)} ${name}`;
  return `${Math.max(0, Math.round(ms))} ms`;
}

/** A time span that goes on, to the second. */
export function seconds(ms: number): string {
  return ms < 1000 ? "less than 1 s" : span(Math.floor(ms / 1000) * 1000).replace(".0", "");
}

/** How long ago something was, to the second. */
export function ago(ms: number): string {
  return ms < 1000 ? "just now" : `${seconds(ms)} ago`;
}

/** The local time of day of milliseconds since 1970. */
export function clock(at: number): string {
  const date = new Date(at);
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** A number of bytes; undefined is one that nobody knows. */
export function bytes(n: number | undefined): string {
  if (n === undefined) return "unknown";
  let unit = 0;
  for (; n >= 1000 && unit < 4; unit++) n /= 1000;
  return `${unit === 0 ? n : n.toPrecision(3)} ${["B", "kB", "MB", "GB", "TB"][unit]}`;
}

/** A number, its thousands apart. */
export function number(n: number): string {
  return n.toLocaleString("en");
}

/** A number and what it counts. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${number(n)} ${n === 1 ? one : many}`;
}

/** A JSON value in one line of about `limit` characters. Its work is bounded by that, too, whatever the value's size. */
export function brief(value: unknown, limit = 240): string {
  let text = "";
  const list = (items: Iterable<unknown>, write: (item: unknown) => void): void => {
    let first = true;
    for (const item of items) {
      if (text.length > limit) return;
      if (!first) text += ", ";
      first = false;
      write(item);
    }
  };
  const write = (part: unknown): void => {
    if (typeof part === "string") text += JSON.stringify(part.slice(0, limit));
    else if (Array.isArray(part)) {
      text += "[";
      list(part, write);
      text += "]";
    } else if (typeof part === "object" && part !== null) {
      const members = part as { readonly [name: string]: unknown };
      text += "{";
      list(Object.keys(members), (name) => {
        text += JSON.stringify((name as string).slice(0, limit)) + ": ";
        write(members[name as string]);
      });
      text += "}";
    } else text += String(part);
  };
  write(value);
  return text.length > limit ? text.slice(0, limit) + "…" : text;
}

/** An operation in words, and what it is given. */
export function describe(op: Op): string {
  const only = op.if === undefined ? "" : op.if === 0 ? " if there is none" : ` if at version ${op.if}`;
  const what = op.op === "put" ? `: ${brief(op.value)}` : op.op === "patch" ? `: ${brief(op.patch)}` : "";
  return `${{ put: "Put", patch: "Change", delete: "Delete" }[op.op]} ${op.in}/${op.id}${only}${what}`;
}
