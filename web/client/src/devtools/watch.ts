import type { Mutation, Op, Space, SpaceEvent } from "../api.js";
import { seconds } from "./words.js";

/** How many events the time line keeps. */
export const NOTES = 200;
/** How many delays are kept. */
const LAGS = 100;
/** How many mutations of a space are timed. */
const TIMED = 1000;

/** One event of the time line: numbers and words only, so that no value is kept alive by it. */
export interface Note {
  readonly n: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly space: string;
  readonly kind: SpaceEvent["kind"];
  /** The commit; undefined for what is none. */
  readonly seq: number | undefined;
  /** Entries changed and removed; a reset names none. */
  readonly changed: number;
  readonly removed: number;
  /** `reset`, or why something was rejected. */
  readonly more: string;
}

/** How long own mutations took from being made to being applied, in milliseconds, of the last 100. */
export interface Lag {
  readonly last: number;
  readonly p50: number;
  readonly p95: number;
  readonly count: number;
}

interface Watched {
  /** When mutations were made, or first seen: then `late`. */
  readonly since: Map<string, { readonly at: number; readonly late: boolean }>;
  readonly end: () => void;
}

/** Takes notes of what happens in a client's spaces while somebody looks. Its work per event does not grow. */
export class Watch {
  readonly #changed: () => void;
  readonly #spaces = new Map<Space, Watched>();
  readonly #lags: number[] = [];
  #notes: Note[] = [];
  #n = 0;

  /** `changed` is called after each event and each change of a space. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** The last events, the latest first. */
  get notes(): readonly Note[] {
    return this.#notes.slice().reverse();
  }

  get lag(): Lag | undefined {
    const last = this.#lags.at(-1);
    if (last === undefined) return undefined;
    const sorted = [...this.#lags].sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? last;
    return { last, p50: at(0.5), p95: at(0.95), count: sorted.length };
  }

  /** Watches these spaces and no others. */
  follow(spaces: readonly Space[]): void {
    for (const [space, { end }] of this.#spaces) {
      if (spaces.includes(space)) continue;
      this.#spaces.delete(space);
      end();
    }
    for (const space of spaces) {
      if (this.#spaces.has(space)) continue;
      const since: Watched["since"] = new Map();
      const at = Date.now();
      for (const { id } of space.pending.slice(0, TIMED)) since.set(id, { at, late: true });
      const ends = [space.onEvent((event) => this.#take(space.path, since, event)), space.subscribe(this.#changed)];
      this.#spaces.set(space, { since, end: () => ends.forEach((end) => end()) });
    }
  }

  /** For how long a mutation has been waiting, as far as anybody here knows. */
  age(space: Space, { id }: Mutation): string {
    const made = this.#spaces.get(space)?.since.get(id);
    if (made === undefined) return "for an unknown time";
    return `${made.late ? "at least" : "for"} ${seconds(Date.now() - made.at)}`;
  }

  #take(space: string, since: Watched["since"], event: SpaceEvent): void {
    const { kind, at } = event;
    let note: Pick<Note, "changed"> & Partial<Note>;
    if (kind === "commit") {
      const { seq, changed, removed, reset } = event;
      note = { seq, changed, removed, more: reset ? "reset" : "" };
    } else if (kind === "rejected") {
      const { id, ops, outcome } = event.rejected;
      since.delete(id);
      note = { changed: entries(ops), more: outcome.code ?? outcome.outcome };
    } else {
      const { id, ops, mine } = event.mutation;
      const made = since.get(id);
      since.delete(id);
      if (kind === "queued") {
        since.set(id, { at, late: !mine });
        const [oldest = id] = since.keys();
        if (since.size > TIMED) since.delete(oldest);
      } else if (mine && made?.late === false) {
        this.#lags.push(at - made.at);
        if (this.#lags.length > LAGS) this.#lags.shift();
      }
      note = { changed: entries(ops) };
    }
    this.#notes.push({ n: ++this.#n, at, space, kind, seq: undefined, removed: 0, more: "", ...note });
    if (this.#notes.length > NOTES) this.#notes.shift();
    this.#changed();
  }
}

/** How many entries operations name. */
function entries(ops: readonly Op[]): number {
  return new Set(ops.map((op) => `${op.in}/${op.id}`)).size;
}
