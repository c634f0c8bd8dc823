import type { View } from "../src/api.js";
import { canonical } from "../src/value.js";
import type { Event, Outcome, Recording, Refusal, Row, Sent } from "./corpus-file.js";
import type { Seen, Shown } from "./corpus-player.js";

/**
 * Follows the Go replica through a recording and says where another one differs
 * from it. What is compared, and what is not because the protocol leaves it
 * open, stands in corpus.test.ts; the numbers in brackets are those there.
 */
export class Comparison {
  readonly #recording: Recording;
  #view: View;
  readonly #rows = new Map<string, Row>();
  #pending: readonly number[] = [];
  #rejected: readonly Refusal[] = [];
  #seq = 0;
  #live = false;

  /** The keys that mutation `n` names are at `n - 1`. */
  readonly #keys: ReadonlySet<string>[] = [];
  /** Which mutation Go has sent under which client and wire id. */
  readonly #wires = new Map<string, number>();
  #client = 1;
  /** What `opened` told of mutations that Go had in its queue, and all codes that it told. */
  readonly #told = new Map<number, Outcome>();
  readonly #codes = new Set<string>();
  /** How many `open` of the other replica have no answer yet, and whether the last answer was to none of them. */
  #unanswered = 0;
  #unasked = false;
  /** Since the last `open`: the pushes of Go but for those of what was told, the number of these, and the pushes of the other. */
  #wanted: string[] = [];
  #again = 0;
  #got: string[] = [];

  constructor(recording: Recording) {
    this.#recording = recording;
    this.#view = recording.view;
  }

  /** The differences after event `i`; `seen` is what was sent since the event before. */
  check(i: number, shown: Shown, seen: readonly Seen[]): string[] {
    const { events, end } = this.#recording;
    const event = events[i];
    if (event === undefined) return ["no such event"];
    this.#before(event);
    this.#take(event);
    const state = [...this.#lists(shown), ...this.#entries(shown.rows)];
    if (end !== "settled" && i === events.length - 1) return state; // [6]
    const opens = this.#sentByGo(event);
    const next = events[i + 1];
    if (next?.off === true && next.at === event.at) return state; // [5]
    return [...state, ...this.#liveness(shown.live), ...this.#messages(event, seen, opens)];
  }

  #before(event: Event): void {
    if (event.mutate !== undefined) this.#keys.push(new Set(event.mutate.ops.map((op) => `${op.in}/${op.id}`)));
    if (event.retry !== undefined) this.#keys.push(this.#keysOf(event.retry));
    if (event.view !== undefined) this.#view = event.view;
    if (event.on || event.off) {
      this.#unanswered = this.#again = 0;
      this.#unasked = false;
      this.#wanted = [];
      this.#got = [];
    }
    if (event.frame?.t !== "opened") return;
    this.#unasked = this.#unanswered === 0;
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    for (const outcome of event.frame.outcomes ?? []) {
      const n = this.#wires.get(`${this.#client} ${outcome.id}`);
      if (n === undefined || !this.#pending.includes(n)) continue;
      // Where the server does not say where, Go takes it to be in all that there is.
      this.#told.set(n, { ...outcome, seq: outcome.seq ?? Number.parseInt(event.frame.head ?? "0", 10) });
      this.#codes.add(`${n} ${outcome.code ?? ""}`);
    }
  }

  #take(event: Event): void {
    for (const row of event.put ?? []) this.#rows.set(`${row[0]}/${row[1]}`, row);
    for (const [collection, id] of event.del ?? []) this.#rows.delete(`${collection}/${id}`);
    this.#pending = event.pending ?? this.#pending;
    this.#rejected = event.rejected ?? this.#rejected;
    this.#live = event.live ?? this.#live;
    if (event.cursor !== undefined) this.#seq = Number.parseInt(event.cursor, 10);
  }

  #keysOf(n: number): ReadonlySet<string> {
    return this.#keys[n - 1] ?? new Set();
  }

  /** Whether Go waits for the answer to a mutation whose outcome was told [1]. */
  #waits(n: number): boolean {
    return this.#told.has(n) && this.#pending.includes(n);
  }

  #lists({ pending, rejected }: Shown): string[] {
    const out: string[] = [];
    const want = this.#pending.filter((n) => !this.#waits(n)).join();
    const got = pending.filter((n) => !this.#waits(n)).join();
    if (want !== got) out.push(`pending are ${got}, not ${want}`);
    const left = new Map(rejected.map((one) => [one[0], one]));
    for (const one of this.#rejected) {
      const [n, wire, code] = one;
      const other = left.get(n);
      left.delete(n);
      if (other === undefined) out.push(`mutation ${n} is not rejected`);
      else if ((wire !== 0 && other[1] !== wire) || (other[2] !== code && !this.#codes.has(`${n} ${other[2]}`))) { // [2]
        out.push(`mutation ${n} is rejected as ${other.join()}, not ${one.join()}`);
      }
    }
    for (const n of left.keys()) if (!this.#waits(n) || !refused(this.#told.get(n))) out.push(`mutation ${n} is rejected`);
    return out;
  }

  #entries(rows: readonly Row[]): string[] {
    const out: string[] = [];
    const { open, marked } = this.#refusalsToCome();
    const got = new Map(rows.map((row) => [`${row[0]}/${row[1]}`, row]));
    for (const key of new Set([...this.#rows.keys(), ...got.keys()])) {
      const a = got.get(key);
      const b = this.#rows.get(key);
      if (open.has(key) || String(a) === String(b)) continue;
      const sooner = marked.has(key) && a?.[3] === "rejected" && b?.[3] === "confirmed" && a[2] === b[2] && a[4] === b[4];
      if (!sooner) out.push(`${key} is ${JSON.stringify(a)}, not ${JSON.stringify(b)}`);
    }
    return out;
  }

  /** Keys that may show either way, and those that may count as rejected already, since a refusal was told [1]. */
  #refusalsToCome(): { open: Set<string>; marked: Set<string> } {
    const open = new Set<string>();
    const marked = new Set<string>();
    for (const [n, outcome] of this.#told) {
      if (!refused(outcome) || !this.#waits(n)) continue;
      for (const key of this.#keysOf(n)) ((outcome.seq ?? 0) > this.#seq ? open : marked).add(key);
    }
    // A mutation that touches one of them may show or not, with all that it touches.
    for (let size = -1; size !== open.size; ) {
      size = open.size;
      for (const n of this.#pending) {
        const keys = [...this.#keysOf(n)];
        if (keys.some((key) => open.has(key))) keys.forEach((key) => open.add(key));
      }
    }
    return { open, marked };
  }

  #liveness(live: boolean): string[] {
    if (live === this.#live) this.#unasked = false;
    return live === this.#live || this.#unasked ? [] : [`live is ${String(live)}`]; // [4]
  }

  #messages(event: Event, seen: readonly Seen[], opens: Open[]): string[] {
    const out: string[] = [];
    for (const { sent, view } of seen) {
      if (sent[0] === "push") {
        const text = sent.join();
        const again = event.frame?.t === "opened" && this.#got.includes(text); // [4]
        if (!this.#told.has(sent[3]) && !again) this.#got.push(text);
        continue;
      }
      this.#unanswered++;
      this.#got = [];
      const want = opens.shift();
      if (!sameView(view, this.#view)) out.push(`asked for the view ${JSON.stringify(view)}`);
      if (want === undefined) out.push(`opened the space: ${JSON.stringify(sent)}`);
      else if (!this.#sameOpen(sent, want)) out.push(`opened the space with ${JSON.stringify(sent)}, not ${JSON.stringify(want)}`);
    }
    for (const one of opens) out.push(`did not open the space: ${JSON.stringify(one)}`);
    // [3] Where Go sends some again that the other does not, the window of the other is wider by as many.
    const [want, got] = [this.#wanted, this.#got].map((list) => (this.#again > 0 ? [...new Set(list)] : list)) as [string[], string[]];
    const common = Math.min(want.length, got.length);
    if (want.slice(0, common).join(" ") !== got.slice(0, common).join(" ") || Math.max(want.length, got.length) - common > this.#again) {
      out.push(`pushed (client, id, mutation) ${got.join(" ")}, not ${want.join(" ")}`);
    }
    return out;
  }

  /** Takes note of what Go sent and returns the `open` among it. */
  #sentByGo(event: Event): Open[] {
    const opens: Open[] = [];
    for (const one of event.sent ?? []) {
      this.#client = one[1];
      if (one[0] === "open") {
        opens.push(one);
        this.#wanted = [];
        this.#again = 0;
        continue;
      }
      this.#wires.set(`${one[1]} ${one[2]}`, one[3]);
      if (this.#told.has(one[3])) this.#again++;
      else this.#wanted.push(one.join());
    }
    return opens;
  }

  #sameOpen(got: Open, want: Open): boolean {
    const told = [...this.#told].filter(([n]) => this.#waits(n)).map(([, { id }]) => id);
    const acked = got[2] === want[2] || (got[2] > want[2] && got[2] <= Math.max(...told)); // [1]
    return acked && got[1] === want[1] && got[3] === want[3] && sameView(got[4], want[4]);
  }
}

type Open = Sent & readonly ["open", ...unknown[]];

function refused(outcome: Outcome | undefined): boolean {
  return outcome?.outcome === "rejected" || outcome?.outcome === "quarantined";
}

/** The order of a view's parts means nothing. */
function sameView(a: View | undefined, b: View | undefined): boolean {
  const [one, other] = [a, b].map((view) => (view ?? []).map((part) => canonical(part)).sort().join());
  return one === other;
}
