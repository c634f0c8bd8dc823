import type { View } from "./api.js";
import type { Replica } from "./replica.js";
import type { Step } from "./step.js";
import type { TabMessage } from "./tabs.js";
import type { Vault } from "./vault.js";

/** What a keeper needs of the client that it works for. */
export interface Household {
  /** The number of this leader; undefined while another tab leads. */
  readonly epoch: number | undefined;
  /** Tells the other tabs. */
  post(message: TabMessage): void;
  /** The store did not do as asked; with undefined it did again. */
  trouble(error: Error | undefined): void;
  /** Another tab has claimed the store since. */
  deposed(): void;
  newClient(): string;
  /** Milliseconds since 1970. */
  now(): number;
}

/** What the parts of a keeper share: keeper.ts, ledger.ts, mirror.ts. */
export interface Desk {
  readonly replica: Replica;
  readonly house: Household;
  /** What is wanted of the space: what is held is of these versions, or not shown. */
  spoken(): View;
  /** Undefined: nothing is stored. */
  readonly vault: Vault | undefined;
  /** Whether the store is another one, and what the leader has put into it is not known here yet. */
  readonly refilling: boolean;
  /** The replica has changed. */
  step(step: Step): void;
  /** Tells the other tabs of this space. */
  post(t: string, members?: { readonly [name: string]: unknown }): void;
  /** Runs what touches the store, after what came before. What it rejects with is dealt with. */
  run(task: () => Promise<void>): Promise<void>;
  /** Makes the replica what the store has; only within {@link run}. */
  resync(): Promise<void>;
  /** Writes all anew; only within {@link run}. */
  mend(): Promise<void>;
  /** What is stored is damaged. Writes it anew, if all of it is known here: else {@link doubt}. Only the leader, within {@link run}. */
  repair(): Promise<void>;
  /** What shows may not be what was confirmed. The server sends it again; until then it shows, and the store keeps what it has. */
  doubt(): void;
}
