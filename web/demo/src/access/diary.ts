/** What happens on one device, in sentences. */

import type { Rejected, Space, SpaceEvent, SyncState } from "@syncline/client";
import { describe, reason, type TitleOf } from "../app/describe.js";
import { Held } from "../app/held.js";
import type { Meter, Weight } from "./meter.js";

export interface Line {
  readonly n: number;
  /** `drop` is what has left the device, `refused` a write of its own, `net` its network. */
  readonly kind: "come" | "drop" | "refused" | "net";
  readonly text: string;
}

/** How many lines are kept. */
const KEPT = 20;

export class Diary {
  readonly lines = new Held<readonly Line[]>([]);
  readonly #meter: Meter;
  readonly #titleOf: TitleOf;
  #count = 0;
  #state: SyncState | undefined;
  /** When the owner last did something that changes what others may see, by the page's clock in milliseconds; undefined once that was told. */
  #since: number | undefined;
  /** Whether nothing has come yet since the device came back. */
  #back = false;

  constructor(space: Space, meter: Meter, titleOf: TitleOf) {
    this.#meter = meter;
    this.#titleOf = titleOf;
    this.#state = space.status.state;
    space.onEvent((event) => this.#event(event));
    space.subscribe(() => this.#moved(space.status.state));
  }

  /** The owner has just done something. */
  begin(): void {
    this.#since = this.#state === "live" ? performance.now() : undefined;
  }

  #event(event: SpaceEvent): void {
    if (event.kind === "rejected") this.#say("refused", this.#refusal(event.rejected));
    if (event.kind !== "commit") return;
    const weight = this.#meter.take();
    const { changed, removed, reset } = event;
    if (removed > 0) this.#say("drop", `${entries(removed)} left this device${this.#first()}${this.#when()}${inWords(weight)}.`);
    if (changed > 0) this.#say("come", `${entries(changed)} came or changed${reset ? ", all that there is to see" : ""}${removed > 0 ? "" : this.#when()}${removed > 0 ? " with it" : inWords(weight)}.`);
  }

  #moved(state: SyncState): void {
    if (state === this.#state) return;
    if (state === "paused") this.#say("net", "Switched off the network. What is here stays, and can be changed.");
    if (state === "connecting" && this.#state === "paused") this.#say("net", "Switched on the network.");
    this.#back ||= this.#state === "paused";
    this.#state = state;
  }

  /** Said once of the first thing that happens after an absence. */
  #first(): string {
    const first = this.#back;
    this.#back = false;
    return first ? " before anything else came" : "";
  }

  #when(): string {
    const since = this.#since;
    this.#since = undefined;
    return since === undefined ? "" : `, ${Math.max(1, Math.round(performance.now() - since))} ms after Ada’s click`;
  }

  #refusal({ ops, outcome }: Rejected): string {
    return `Refused: ${describe(ops, this.#titleOf)}. ${reason(outcome)}.`;
  }

  #say(kind: Line["kind"], text: string): void {
    if (kind === "come") this.#back = false;
    this.lines.set([{ n: ++this.#count, kind, text }, ...this.lines.get()].slice(0, KEPT));
  }
}

function entries(n: number): string {
  return n === 1 ? "1 entry" : `${n.toLocaleString("en")} entries`;
}

function inWords(weight: Weight | undefined): string {
  if (weight === undefined) return "";
  const { messages, bytes } = weight;
  const size = bytes < 2000 ? `${bytes} bytes` : `${(bytes / 1000).toFixed(0)} kB`;
  return messages === 1 ? `: one message of ${size}` : `: ${messages} messages, ${size} in all`;
}
