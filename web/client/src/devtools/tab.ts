import type { Space } from "../api.js";
import type { Client } from "../client.js";
import type { Watch } from "./watch.js";

/** What a tab of the panel may ask of the panel. */
export interface Desk {
  readonly client: Client;
  readonly watch: Watch;
  /** Says something to everybody, also to those who cannot see. */
  say(text: string): void;
  /** Draws within a quarter of a second. */
  soon(): void;
  /** Draws now, since the user has done something. */
  now(): void;
}

/** One tab. */
export interface Tab {
  readonly name: string;
  readonly node: HTMLElement;
  /** What is behind the name in the list of tabs: how many things wait there. */
  count?(): number;
  /** Draws what there is now. Called while the tab is seen only, at most four times a second but for what the user does. */
  draw(): void;
  /** The tab is not seen any more: ends what it has running. It may be drawn again later. */
  hide?(): void;
}

/** Something in one of the spaces. */
export interface Held<T> {
  readonly space: Space;
  readonly item: T;
}

/** What the spaces have, each with its space. */
export function held<T>({ client }: Desk, list: (space: Space) => readonly T[]): Held<T>[] {
  return client.spaces.flatMap((space) => list(space).map((item) => ({ space, item })));
}

/** What went wrong, for the user. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
