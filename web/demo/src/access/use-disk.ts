import type { Space } from "@syncline/client";
import { useEffect, useState } from "react";
import { type Disk, readDisk } from "./disk.js";

/** How soon after something has happened the disk is looked at, and how often where nothing happens, in milliseconds. */
const SOON = 60;
const OFTEN = 1000;

/** What is on the disk of a user; undefined if nobody knows. */
export function useDisk(user: string, space: Space): Disk | undefined {
  const [disk, setDisk] = useState<Disk>();
  useEffect(() => {
    let here = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      const found = document.hidden ? undefined : await readDisk(user).catch(() => undefined);
      if (!here) return;
      if (!document.hidden) setDisk((before) => (same(before, found) ? before : found));
      next(OFTEN);
    };
    const next = (delay: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => void look(), delay);
    };
    const ended = [space.onEvent(() => next(SOON)), space.subscribe(() => next(SOON))];
    next(SOON);
    return () => {
      here = false;
      clearTimeout(timer);
      for (const end of ended) end();
    };
  }, [user, space]);
  return disk;
}

function same(a: Disk | undefined, b: Disk | undefined): boolean {
  return a?.size === b?.size && JSON.stringify([...(a?.found ?? [])]) === JSON.stringify([...(b?.found ?? [])]);
}
