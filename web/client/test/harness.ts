import { vi } from "vitest";
import type { Doc, Space, View } from "../src/api.js";
import { Client, type ClientOptions } from "../src/client.js";
import type { FakeServer } from "./fake.js";

export const VIEW: View = [{ in: "cards" }];

/** A client of a fake server; delays are as long as they may be. */
export function connect(server: FakeServer, options: Partial<ClientOptions> = {}): Client {
  return new Client({ url: "http://fake", user: "ada", random: () => 0.999, now: () => Date.now(), ...options }, server.dials());
}

/** Lets everything happen that needs no time to pass. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await vi.advanceTimersByTimeAsync(0);
}

/** Lets time pass, in milliseconds. */
export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** What a space shows of its cards. */
export function cards(space: Space): Record<string, Doc> {
  const query = space.query({ in: "cards" });
  const rows = Object.fromEntries(query.rows.map((entry) => [`cards/${entry.id}`, entry.value]));
  query.close();
  return rows;
}
