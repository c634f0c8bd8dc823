/** The head of the table, by which it is sorted. */

import type { ReactNode } from "react";
import { Icon } from "../app/icon.js";
import { FIELDS } from "./city.js";
import type { Wanted } from "./queries.js";

interface HeadProps {
  readonly wanted: Wanted;
  readonly sortBy: (sort: string, direction: "asc" | "desc") => void;
}

export function Head({ wanted: { sort: by, direction }, sortBy }: HeadProps): ReactNode {
  return (
    <div className="heads" role="rowgroup">
      <div className="row head" role="row" aria-rowindex={1}>
        {FIELDS.map(({ name, label, sort }, i) => {
          const sorted = sort !== undefined && sort === by;
          const order = sort === undefined ? undefined : !sorted ? "none" : direction === "asc" ? "ascending" : "descending";
          return (
            <div key={name} className="head-cell" role="columnheader" data-field={name} aria-colindex={i + 1} aria-sort={order}>
              {sort === undefined ? label : <button onClick={() => sortBy(sort, sorted && direction === "asc" ? "desc" : "asc")}>{label}<Icon name="up" /></button>}
            </div>
          );
        })}
      </div>
    </div>
  );
}
