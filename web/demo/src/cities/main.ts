/** The page `/cities`: more than 100,000 rows, filtered, sorted and edited in the browser. */

import type { Json, LiveQuery } from "@syncline/client";
import type { TitleOf } from "../describe.js";
import { framed, h } from "../dom.js";
import { displayName, hueOf } from "../person.js";
import { connect } from "../session.js";
import { mountShell } from "../shell.js";
import { CITIES, loadRegions } from "./city.js";
import { CountingSocket, receivedSoFar } from "./counting-socket.js";
import { Queries } from "./queries.js";
import { type Mark, Table } from "./table.js";
import { Toolbar } from "./toolbar.js";

const began = performance.now();
const { client, user } = connect(CountingSocket);
const space = client.space("demo/cities", { view: [{ in: CITIES }], presence: true });
const titleOf: TitleOf = (collection, id) => String(space.get(collection, id)?.value["name"] ?? "a city");
const number = new Intl.NumberFormat("en");

const toolbar = new Toolbar(() => choose(true));
const table = new Table(space, toolbar.head, { active: (id, field) => space.presence.set({ page: "cities", id, field }) });
const queries = new Queries(space, (changed) => {
  if (changed === shown) refresh();
});
const all = queries.everything;
let shown: LiveQuery = all;
let loadedMs: number | null = null;

const refresh = framed(() => choose(false));

/** Shows what the toolbar asks for. */
function choose(top: boolean): void {
  shown = queries.get(toolbar.wanted);
  table.show(shown.rows, top);
  showCount();
}

function showCount(): void {
  const { state } = space.status;
  const loading = all.total === 0 && (all.result.status === "loading" || state === "connecting" || state === "syncing");
  toolbar.loading(loading);
  if (loading) {
    toolbar.say("Loading… ", `${(receivedSoFar() / 1e6).toFixed(1)} MB so far`);
    return;
  }
  const { prefix, country } = toolbar.wanted;
  if (prefix !== "" || country !== "") {
    toolbar.say(number.format(shown.total), ` of ${number.format(all.total)} cities`);
  } else {
    toolbar.say(number.format(all.total), ` cities${loadedMs === null ? "" : `, ${(receivedSoFar() / 1e6).toFixed(1)} MB loaded in ${(loadedMs / 1000).toFixed(1)} s`}`);
  }
}

/** After the first load, and then only when cities come or go. */
let counted = 0;
function takeStock(): void {
  if (all.total === counted) return;
  counted = all.total;
  loadedMs ??= performance.now() - began;
  const codes = new Set<string>();
  for (const { value } of all.rows) if (typeof value["country"] === "string") codes.add(value["country"]);
  toolbar.offer(codes);
  showCount();
}

function showPeers(): void {
  const marks: Mark[] = [];
  for (const peer of space.presence.peers.values()) {
    const { id, field } = asObject(peer.state);
    if (typeof id === "string" && typeof field === "string") marks.push({ id, field, user: peer.user, hue: hueOf(peer.user) });
  }
  table.mark(marks);
}

function asObject(json: Json): { readonly [name: string]: Json | undefined } {
  return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as { [name: string]: Json }) : {};
}

mountShell({
  client,
  space,
  user,
  page: "/cities",
  titleOf,
  main: h("main", { class: "cities" }, toolbar.element, table.element, h("footer", { class: "credit" }, "Double-click or press Enter to edit a cell. Data: GeoNames, CC BY 4.0")),
  panel: false,
  hint: `You are ${displayName(user)}. The whole table is in this window: filter and sort without a server. Open a second window side by side and edit a name, a coordinate or a note.`,
});
document.title = `Cities · ${displayName(user)} · Syncline`;
space.presence.set({ page: "cities", id: null, field: null });
space.presence.subscribe(framed(showPeers));
space.subscribe(framed(showCount));
all.subscribe(takeStock);
setInterval(() => {
  if (all.total === 0) showCount();
}, 200);
takeStock();
choose(false);
loadRegions().then(() => choose(true), () => undefined);
