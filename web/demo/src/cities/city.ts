/** What a city is, and the names of countries and regions. */

import type { Entry, Json } from "@syncline/client";

export const CITIES = "cities";

/** A column of the table. */
export interface Field {
  readonly name: "name" | "country" | "region" | "lat" | "lng" | "note";
  readonly label: string;
  readonly editable: boolean;
  /** The path to sort by, if it sorts. Coordinates are text in the data: their order would be that of words. */
  readonly sort?: string;
}

export const FIELDS: readonly Field[] = [
  { name: "name", label: "City", editable: true, sort: "name" },
  { name: "country", label: "Country", editable: false, sort: "country" },
  { name: "region", label: "Region", editable: false },
  { name: "lat", label: "Latitude", editable: true },
  { name: "lng", label: "Longitude", editable: true },
  { name: "note", label: "Note", editable: true, sort: "note" },
];

const countries = new Intl.DisplayNames(["en"], { type: "region" });
const countryNames = new Map<string, string>();

/** The names of first-level regions by "<country>.<code>". */
export type Regions = { readonly [code: string]: string };

/** "DE" as "Germany". */
export function countryName(code: string): string {
  let name = countryNames.get(code);
  if (name === undefined) {
    name = /^[A-Z]{2}$/.test(code) ? (countries.of(code) ?? code) : code;
    countryNames.set(code, name);
  }
  return name;
}

export async function loadRegions(): Promise<Regions> {
  const answer = await fetch("/regions.json");
  if (!answer.ok) throw new Error(`no names of regions: ${answer.status}`);
  return (await answer.json()) as Regions;
}

/** A field of a city as text. A region without a name is its code. */
export function cellText({ value }: Entry, field: Field, regions: Regions = {}): string {
  switch (field.name) {
    case "country":
      return `${text(value["country"])}  ${countryName(text(value["country"]))}`;
    case "region":
      return regions[`${text(value["country"])}.${text(value["admin1"])}`] ?? text(value["admin1"]);
    default:
      return text(value[field.name]);
  }
}

/** What was typed, as a value of the same type as before; undefined if it makes none. */
export function parseCell({ value }: Entry, field: Field, typed: string): Json | undefined {
  const trimmed = typed.trim();
  if (field.name === "name") return trimmed === "" ? undefined : trimmed;
  if (field.name === "note") return trimmed;
  const number = Number(trimmed.replace(",", "."));
  const limit = field.name === "lat" ? 90 : 180;
  if (trimmed === "" || !Number.isFinite(number) || Math.abs(number) > limit) return undefined;
  return typeof value[field.name] === "string" ? String(number) : number;
}

function text(json: Json | undefined): string {
  return json === undefined || json === null ? "" : String(json);
}
