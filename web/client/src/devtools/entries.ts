import type { Entry, LiveQuery, Space } from "../api.js";
import { h, offer, say } from "./dom.js";
import { Grid } from "./grid.js";
import { Sieve } from "./sieve.js";
import type { Desk, Tab } from "./tab.js";
import { count, number } from "./words.js";

/** How much of one value is shown, in characters. */
const WHOLE = 64 * 1024;

/** The entries of one collection. It has one open query while it is seen. */
export function entries(desk: Desk): Tab {
  const paths = h("select", { "aria-label": "Space" });
  const collections = h("select", { "aria-label": "Collection" });
  const label = "Filter by id or value";
  const filter = h("input", { type: "search", placeholder: label, "aria-label": label, spellcheck: "false" });
  const sum = h("span", { class: "dim" });
  const whole = h("pre", { tabindex: "0", "aria-label": "The whole entry" });
  const sieve = new Sieve(() => desk.soon());
  const grid = new Grid(() => desk.now());
  let space: Space | undefined;
  let collection: string | undefined;
  let live: LiveQuery | undefined;
  let told: Entry | undefined;
  for (const control of [paths, collections, filter]) control.addEventListener("input", () => desk.now());

  const hide = (): void => {
    live?.close();
    live = undefined;
    sieve.stop();
  };

  /** Follows what is chosen; returns the open query. */
  const query = (): LiveQuery | undefined => {
    const { spaces } = desk.client;
    const path = offer(paths, spaces.map((each) => each.path));
    const there = spaces.find((each) => each.path === path);
    const name = offer(collections, [...new Set(there?.view.map((part) => part.in))]);
    if (there !== space || name !== collection) {
      hide();
      sieve.forget();
      grid.forget();
      space = there;
      collection = name;
    }
    if (live === undefined && space !== undefined && collection !== undefined) {
      live = space.query({ in: collection });
      live.subscribe(() => desk.soon()); // ends with the query
    }
    return live;
  };

  /** Shows all of the entry that was chosen. */
  const tell = (): void => {
    const id = grid.chosen;
    whole.hidden = id === undefined;
    if (space === undefined || collection === undefined || id === undefined) return;
    const entry = space.get(collection, id);
    if (entry !== undefined && entry === told) return;
    told = entry;
    const text = entry ? `${id}, version ${entry.version}, ${entry.state}\n${JSON.stringify(entry.value, undefined, 2)}` : `${id} is not there any more`;
    say(whole, text.length > WHOLE ? text.slice(0, WHOLE) + "\n…" : text);
  };

  return {
    name: "Entries",
    node: h("div", { class: "entries" }, h("div", { class: "line" }, paths, collections, filter, sum), grid.node, whole),
    draw() {
      const result = query()?.result;
      const rows = result?.rows ?? [];
      const shown = sieve.sift(rows, filter.value);
      const all = count(rows.length, "entry", "entries");
      const doing = result?.status === "loading" ? ", reading the store" : sieve.busy ? ", searching" : "";
      say(sum, result ? (shown === rows ? all : `${number(shown.length)} of ${all}`) + doing : "No space is open.");
      tell();
      grid.draw(shown);
    },
    hide,
  };
}
