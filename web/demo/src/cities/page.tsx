/** The page around the table. */

import { usePresence, useSpace, useStatus } from "@syncline/client/react";
import { type ReactNode, useDeferredValue, useEffect, useMemo, useState } from "react";
import type { Keys } from "../app/panel.js";
import { MEMBERS } from "../app/roles.js";
import type { Session } from "../app/session.js";
import { Shell } from "../app/shell.js";
import { useTitles } from "../app/titles.js";
import { CITIES, loadRegions, type Regions } from "./city.js";
import { marksOf } from "./marks.js";
import { EVERYTHING, Queries, type Wanted } from "./queries.js";
import { useStock } from "./stock.js";
import { Table } from "./table.js";
import { Toolbar } from "./toolbar.js";

const OPTIONS = { view: [{ in: CITIES }, { in: MEMBERS }], presence: true, indexes: { [CITIES]: ["name", "country"] } };
const KEYS: Keys = [
  ["← ↑ ↓ →", "Go from cell to cell"],
  ["PgUp or PgDn", "A page up or down"],
  ["Home or End", "First or last row"],
  ["Enter or F2", "Edit; Enter saves, Esc does not"],
];
const HINT = "The whole table is in this window: filter and sort without a server. Open a second window side by side and edit a name, a coordinate or a note.";

export function CitiesPage({ client, user }: Session): ReactNode {
  const space = useSpace("demo/cities", OPTIONS);
  const titleOf = useTitles(space, "name", "a city");
  const [wanted, setWanted] = useState(EVERYTHING);
  // What is typed shows at once; the rows follow as soon as the machine can.
  const shown = useDeferredValue(wanted);
  const queries = useMemo(() => new Queries(space), [space]);
  const { total, reading, countries } = useStock(queries.everything);
  const live = useMemo(() => queries.get(shown), [queries, shown]);
  const [found, setFound] = useState(0);
  const peers = usePresence(space);
  const marks = useMemo(() => marksOf(peers), [peers]);
  const { state } = useStatus(space);
  const regions = useRegions();
  const empty = total === 0 && (state === "connecting" || state === "syncing");
  const want = (part: Partial<Wanted>): void => setWanted({ ...wanted, ...part });
  return (
    <Shell client={client} space={space} user={user} page="Cities" titleOf={titleOf} hint={HINT} keys={KEYS} panel={false} foot={<><span className="wide">Double-click or press Enter to edit a cell. </span>Data: GeoNames, CC BY 4.0</>}>
      <div className="cities">
        <Toolbar wanted={wanted} want={want} countries={countries} total={total} empty={empty} reading={reading} found={found} busy={wanted !== shown} />
        <Table space={space} live={live} wanted={shown} sortBy={(sort, direction) => want({ sort, direction })} marks={marks} regions={regions} counted={setFound} empty={empty} />
      </div>
    </Shell>
  );
}

const NONE: Regions = {};

function useRegions(): Regions {
  const [regions, setRegions] = useState(NONE);
  useEffect(() => {
    // Without them the table shows codes.
    loadRegions().then(setRegions, () => undefined);
  }, []);
  return regions;
}
