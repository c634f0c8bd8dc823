/** The first and the longest delay, in milliseconds. */
const LEAST = 250;
const MOST = 30_000;

/** The delay before attempt 0, 1, 2, …: a random part of one that doubles from 0.25 s to 30 s. Milliseconds. */
export function backoff(attempt: number, random: () => number): number {
  return random() * Math.min(MOST, LEAST * 2 ** Math.min(attempt, 20));
}

/** At least what the server asked for, and up to half more, so that not all come at once. Milliseconds. */
export function spread(retryMs: number, random: () => number): number {
  return Math.min(retryMs, 2 ** 30) * (1 + random() / 2);
}
