/** Bad states in sentences: what has happened, what becomes of the work, and what to do. */

import type { Status } from "@syncline/client";

export interface Notice {
  readonly id: string;
  /** `calm` can be put away, `wait` mends itself or by the action, `bad` needs somebody. */
  readonly tone: "calm" | "wait" | "bad";
  readonly title: string;
  readonly text: string;
  readonly action?: "online" | "reload";
}

const KEPT = "What you change is kept in this browser";

/** What there is to say. `waited` is whether the connection has been missing for some time, `known` whether the store has been opened. */
export function noticesOf(status: Status, waited: boolean, known: boolean): readonly Notice[] {
  return [connection(status, waited), ...(known ? storage(status) : [])].filter((notice) => notice !== undefined);
}

function connection({ state, error, pending, storage }: Status, waited: boolean): Notice | undefined {
  const kept = storage.kind === "disk" ? KEPT : "What you change stays on this page as long as it is open";
  switch (state) {
    case "paused":
      return { id: state, tone: "wait", title: "You have switched the network off.", text: `${kept}, and is sent when you switch it on again.`, action: "online" };
    case "offline":
      return { id: state, tone: "wait", title: "This device has no network.", text: `Go on working: ${lower(kept)}, and is sent by itself when there is one.` };
    case "connecting":
      if (!waited) return undefined;
      return { id: state, tone: "wait", title: "The server does not answer.", text: `Go on working: ${lower(kept)}, and is sent when it does. If the server is yours, look whether it runs.` };
    case "unauthorized":
      return signedOut(pending);
    case "stopped":
      // Without a way to another token the client stops.
      if (error?.code === "unauthorized") return signedOut(pending);
      if (error?.code === "forbidden") return { id: "forbidden", tone: "bad", title: "You have no role here.", text: "The server does not let you open this, and nothing of it is kept in this browser but what you wrote and it refused. Once the owner has given you a role, reload the page.", action: "reload" };
      if (error?.code === "upgrade_required") return { id: state, tone: "bad", title: "This page is out of date.", text: "A newer version of it is open in another window, which sends what you have made here. Reload the page to go on.", action: "reload" };
      if (error?.code === "signed_out") return { id: state, tone: "bad", title: "You have signed out.", text: "This window follows nothing any more. Reload the page to begin again.", action: "reload" };
      return { id: state, tone: "bad", title: "The connection has ended.", text: `${sentence(error?.message ?? "The server gave no reason")} ${unsent(pending)} Connect again; if that does not last, reload the page.`, action: "online" };
    default:
      return error === undefined ? undefined : { id: `error-${error.code}`, tone: "calm", title: "Something was put right.", text: `${sentence(error.message)} There is nothing to do.` };
  }
}

function* storage({ storage: { kind, message, lost = 0 }, pending }: Status): Iterable<Notice> {
  const why = message === undefined ? "" : ` (${message})`;
  switch (kind) {
    case "memory":
      yield { id: kind, tone: "bad", title: "This browser stores nothing for this page.", text: `Private windows and blocked site data do that${why}. Everything works, but what is not sent is gone when you close the page: wait until nothing is pending, or use an ordinary window.` };
      break;
    case "full":
      yield { id: kind, tone: "bad", title: "The disk is full, or what this site may use of it.", text: `Keep this page open until nothing is pending${pending > 0 ? ` (${pending} now)` : ""}. Make room: remove data of other sites in the browser's settings. It is tried again by itself${why}.` };
      break;
    case "lost":
      yield { id: kind, tone: "wait", title: "The browser cannot read or write what was stored.", text: `It is made anew from this page and the server${why}. Keep the page open; if this stays, reload it.` };
      break;
    case "disk":
      if (message !== undefined && lost === 0) yield { id: `healed-${message}`, tone: "calm", title: "What was stored had to be put right.", text: `${sentence(message)} There is nothing to do.` };
  }
  if (lost > 0) yield { id: `lost-${lost}`, tone: "bad", title: lost === 1 ? "A change was lost." : `${lost} changes were lost.`, text: `The browser has removed what this site had stored, and ${lost === 1 ? "one change was" : "some were"} not sent yet. Look through what you did last, and do it again.` };
}

function signedOut(pending: number): Notice {
  return { id: "unauthorized", tone: "bad", title: "You are signed out.", text: `The server does not take this window's sign-in any more. ${unsent(pending)} Reload the page to sign in again.`, action: "reload" };
}

function unsent(pending: number): string {
  return pending === 0 ? "Nothing is lost." : pending === 1 ? "Nothing is lost: one change waits here." : `Nothing is lost: ${pending} changes wait here.`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
