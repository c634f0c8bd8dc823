/** What is being read from the disk. */

import { useEffect, useState } from "react";

/** Whether a space or a query has been read from the store, or the store was found not to be there. */
export function useReady(of: { readonly ready: Promise<unknown> }): boolean {
  const [read, setRead] = useState<typeof of>();
  useEffect(() => {
    let here = true;
    void of.ready.then(() => here && setRead(of));
    return () => {
      here = false;
    };
  }, [of]);
  return read === of;
}
