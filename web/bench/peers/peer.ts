/** What every engine is asked to do, and the records that it is asked to do it with. */
export type Row = {
  readonly id: string;
  readonly title: string;
  readonly number: number;
  readonly flag: boolean;
  readonly group: string;
};

/** One engine. One object serves one page; `open` comes before everything but `load`, which opens what it needs itself. */
export interface Peer {
  /** Makes what a server would have sent, and returns what takes it: resolves when the rows are stored. */
  prepare(rows: readonly Row[]): () => Promise<void>;
  /** Opens what an earlier page has stored. */
  open(): Promise<void>;
  /** The ids of the first `PAGE` rows by title. */
  first(): Promise<readonly string[]>;
  /** Reads every row, in the form that the engine gives: how many there are, and the sum of their numbers. */
  all(): Promise<Totals>;
  title(id: string): Promise<string | undefined>;
  /** Keeps one page of the list that is sorted by title. `told` gets its ids, now and after each change; resolves when it has them. */
  watch(page: number, told: (ids: readonly string[]) => void): Promise<void>;
  /** A local write. Resolves when it is stored. */
  rename(id: string, title: string): Promise<void>;
}

export interface Totals {
  readonly count: number;
  readonly sum: number;
}

/** Rows of a page, and how many live queries there are: neighbouring pages, as a list that scrolls holds them. */
export const PAGE = 50;
export const PAGES = 10;

/** Records of some 100 bytes whose titles are in another order than their ids. */
export function make(count: number): Row[] {
  const digits = (n: number): string => String(n).padStart(8, "0");
  return Array.from({ length: count }, (_, i) => ({
    id: `r${digits(i)}`,
    title: `Record ${digits((i * 7919) % count)} of the list`,
    number: i,
    flag: i % 3 === 0,
    group: `group ${i % 100}`,
  }));
}

/** The ids of one page of `ids`. */
export function pageOf(ids: readonly string[], page: number): readonly string[] {
  return ids.slice(page * PAGE, (page + 1) * PAGE);
}
