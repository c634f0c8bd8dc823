/** What the drivers of browsers other than Chromium have in common: a tab, in which a function can be run. */

export interface RemoteTab {
  /** Runs a function in the page, with an argument that is JSON, and returns what it does, or resolves to, if that is JSON. */
  evaluate<T, A = null>(fn: (arg: A) => T | Promise<T>, arg?: A): Promise<T>;
  close(): Promise<void>;
}

/** A browser that can be driven so. */
export interface Remote {
  /** Opens a tab; resolves when the page is loaded. */
  open(url: string): Promise<RemoteTab>;
  /** Kills it, and removes what it wrote. */
  remove(): Promise<void>;
}

/** The text of a function from JSON to a promise of JSON. */
export function asText(fn: (arg: never) => unknown): string {
  return `async (arg) => JSON.stringify(await (${String(fn)})(JSON.parse(arg)))`;
}

export function fromText<T>(text: unknown): T {
  return (typeof text === "string" ? JSON.parse(text) : undefined) as T;
}
