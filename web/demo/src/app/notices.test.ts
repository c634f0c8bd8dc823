import type { Status } from "@syncline/client";
import { expect, test } from "vitest";
import { noticesOf } from "./notices.js";

const live: Status = { state: "live", lastSynced: 1, pending: 0, rejected: 0, transport: "websocket", storage: { kind: "disk" } };
const say = (part: Partial<Status>, waited = true, known = true): string[] => noticesOf({ ...live, ...part }, waited, known).map(({ tone, title, text, action }) => `${tone} ${title} ${text} ${action ?? ""}`);

test("where all is well nothing is said", () => {
  expect(say({})).toEqual([]);
  expect(say({ state: "syncing" })).toEqual([]);
  expect(say({ state: "connecting" }, false)).toEqual([]);
  expect(say({ storage: { kind: "memory", message: "the store is being opened" } }, true, false)).toEqual([]);
});

test("every state that lasts has a sentence about the work, and what to do", () => {
  for (const state of ["paused", "offline", "connecting", "unauthorized", "stopped"] as const) {
    const [text] = say({ state, pending: 3 });
    expect(text, state).toMatch(/kept in this browser|3 changes wait here/);
    expect(text, state).toMatch(/is sent|Reload the page|Connect again/);
  }
  expect(say({ state: "stopped", error: { code: "unauthorized", message: "expired" } })[0]).toContain("You are signed out.");
  expect(say({ state: "stopped", error: { code: "forbidden", message: "x" } })[0]).toContain("You have no role here.");
  expect(say({ state: "stopped", error: { code: "signed_out", message: "x" } })[0]).toContain("You have signed out.");
  expect(say({ state: "stopped", error: { code: "upgrade_required", message: "x" } })[0]).toContain("This page is out of date.");
  expect(say({ state: "stopped", error: { code: "connection", message: "no carrier works" } })[0]).toContain("No carrier works. Nothing is lost.");
  expect(say({ error: { code: "integrity", message: "the replica differed" } })).toEqual(["calm Something was put right. The replica differed. There is nothing to do. "]);
});

test("so has every state of the store", () => {
  expect(say({ storage: { kind: "memory", message: "denied" } })[0]).toContain("(denied)");
  expect(say({ storage: { kind: "full" }, pending: 2 })[0]).toContain("until nothing is pending (2 now)");
  expect(say({ storage: { kind: "lost", message: "deleted" } })[0]).toContain("made anew");
  expect(say({ storage: { kind: "disk", message: "a chunk was damaged" } })[0]).toContain("calm What was stored had to be put right. A chunk was damaged.");
  expect(say({ storage: { kind: "disk", message: "removed", lost: 2 } })).toEqual([expect.stringContaining("bad 2 changes were lost.")]);
  expect(say({ state: "paused", storage: { kind: "memory" } })[0]).toContain("as long as it is open");
});
