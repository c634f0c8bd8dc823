/** Filter, country and counts above the table. */

import { type ReactNode, useEffect, useState } from "react";
import { receivedSoFar } from "./counting-socket.js";
import type { Wanted } from "./queries.js";
import type { Stock } from "./stock.js";

export interface ToolbarProps {
  readonly wanted: Wanted;
  readonly want: (part: Partial<Wanted>) => void;
  readonly countries: Stock["countries"];
  readonly total: number;
  /** Whether there is nothing since nothing has come yet. */
  readonly empty: boolean;
  /** Whether they are still being read from the disk. */
  readonly reading: boolean;
  /** How many rows there are of what is shown. */
  readonly found: number;
  /** Whether what is shown is not yet what is wanted. */
  readonly busy: boolean;
}

export function Toolbar({ wanted: { prefix, country }, want, countries, total, empty, reading, found, busy }: ToolbarProps): ReactNode {
  const [typed, setTyped] = useState(prefix);
  const filter = (text: string): void => {
    setTyped(text);
    if (text.trim() !== prefix) want({ prefix: text.trim() });
  };
  return (
    <div className="toolbar" role="search">
      <input type="search" className="filter" placeholder="City begins with…" aria-label="Filter by name" autoComplete="off" spellCheck={false} value={typed} onChange={(event) => filter(event.target.value)} />
      <select aria-label="Country" value={country} onChange={(event) => want({ country: event.target.value })}>
        <option value="">All countries</option>
        {countries.map(([code, name]) => <option key={code} value={code}>{name}</option>)}
      </select>
      <Count total={total} empty={empty} reading={reading} found={found} filtered={prefix !== "" || country !== ""} busy={busy} />
    </div>
  );
}

const number = new Intl.NumberFormat("en");

interface CountProps extends Pick<ToolbarProps, "total" | "empty" | "reading" | "found" | "busy"> {
  readonly filtered: boolean;
}

function Count({ total, empty, reading, found, filtered, busy }: CountProps): ReactNode {
  const took = useTook(total > 0 && !reading);
  const received = useReceived(empty);
  if (empty) {
    return (
      <>
        <p className="count-line" role="status"><strong>Loading…</strong> {received > 0 ? `${megabytes(received)} so far` : "the whole table, once"}</p>
        <div className="progress" />
      </>
    );
  }
  if (reading) return <p className="count-line" role="status"><strong>{number.format(total)}</strong> cities, reading what is stored…</p>;
  if (filtered) return <p className="count-line" role="status" aria-busy={busy}><strong>{number.format(found)}</strong> of {number.format(total)} cities</p>;
  const bytes = receivedSoFar();
  const how = bytes > 1e6 ? `${megabytes(bytes)} loaded in ${took}` : `from this device in ${took}`;
  return <p className="count-line" role="status"><strong>{number.format(total)}</strong> cities{took !== undefined && <span className="took">, {how}</span>}</p>;
}

/** How long the page took until it had something. */
function useTook(there: boolean): string | undefined {
  const [took, setTook] = useState<number>();
  useEffect(() => {
    if (there) setTook((known) => known ?? performance.now());
  }, [there]);
  return took === undefined ? undefined : `${(took / 1000).toFixed(1)} s`;
}

/** What has arrived so far: a view of this size says nothing itself until it is whole. */
function useReceived(coming: boolean): number {
  const [received, setReceived] = useState(0);
  useEffect(() => {
    if (!coming) return undefined;
    const timer = setInterval(() => setReceived(receivedSoFar()), 200);
    return () => clearInterval(timer);
  }, [coming]);
  return received;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
