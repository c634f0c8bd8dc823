/** How long what is held of which collections may be shown without contact, in milliseconds. */
export interface Leases {
  readonly [collection: string]: number;
}

/** What is stored of a {@link Lease}: when the question was asked that the server has answered last, and the latest time there has been. */
export type Term = readonly [seen: number, high: number];

/** Milliseconds without an answer after which the server is asked, and of a term that a crash may forget, which hides earlier. */
const SILENCE = 25_000;
const UNKEPT = 60_000;

/** The shortest of the leases, in milliseconds. */
export function shortest(leases: Leases): number {
  return Math.min(...Object.values(leases));
}

/**
 * What is hidden of a space because the server was not heard of for too long.
 * Contact is an answer, and counts from when the question was asked: what lay in
 * a buffer while the page was frozen is none. A clock that is set back prolongs
 * nothing; one that was wrong is forgiven at the next contact. Pure: times are
 * handed in, in milliseconds since 1970.
 */
export class Lease {
  #seen = 0;
  #high = 0;
  /** How far the clock is behind the latest time. */
  #skew = 0;
  #stored = 0;
  /** The collections that are hidden. */
  hidden: readonly string[] = [];

  get seen(): number {
    return this.#seen;
  }

  get term(): Term {
    this.#stored = this.#high;
    return [this.#seen, this.#high];
  }

  /** What was stored. Of no meaning if there is more to go by. */
  load([seen, high]: Term): void {
    if (this.#seen === 0) [this.#seen, this.#high, this.#stored] = [seen, high, high];
  }

  /** The server has answered a question that was asked then. */
  contact(asked: number, now: number): void {
    // An older one than is known comes from a tab that was frozen; unless the clock was ahead.
    if (asked < this.#seen && this.#seen <= now) return;
    this.#seen = this.#high = asked;
    this.#skew = 0;
  }

  /** Lets it be `now`; true if other collections are hidden than before. */
  pass(now: number, leases: Leases = {}): boolean {
    this.#skew = Math.max(this.#skew, this.#high - now);
    this.#high = now + this.#skew;
    const hidden = Object.keys(leases).filter((name) => this.#high - this.#seen > (leases[name] as number)).sort();
    if (hidden.join() === this.hidden.join()) return false;
    this.hidden = hidden;
    this.#stored = 0; // what has run out is to stay so over a restart
    return true;
  }

  /** Whether the server is to be asked for a sign of life. */
  asks(leases: Leases): boolean {
    return this.#high - this.#seen >= Math.min(SILENCE, shortest(leases) / 4);
  }

  /** Whether the {@link term} is to be stored. */
  due(leases: Leases): boolean {
    return Math.abs(this.#high - this.#stored) >= Math.min(UNKEPT, shortest(leases) / 16);
  }
}
