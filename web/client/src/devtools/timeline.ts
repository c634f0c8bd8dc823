import { h, List } from "./dom.js";
import type { Desk, Tab } from "./tab.js";
import { NOTES, type Note } from "./watch.js";
import { clock, number } from "./words.js";

/** The last events of all spaces, the latest first. */
export function timeline(desk: Desk): Tab {
  const rows = new List<Note>(h("tbody"), "Nothing has happened since the panel was opened.", ({ n }) => n, (note) => ({ node: row(note) }), NOTES);
  const head = h("tr", {}, ...["Time", "Event", "Seq", "Entries", "Space"].map((name) => h("th", { scope: "col" }, name)));
  return {
    name: "Time line",
    node: h("div", {}, h("table", {}, h("thead", {}, head), rows.node), rows.note),
    draw: () => rows.draw(desk.watch.notes),
  };
}

function row({ at, kind, seq, changed, removed, more, space }: Note): HTMLElement {
  const entries = kind === "commit" && more !== "" ? "all anew" : number(changed) + (removed > 0 ? `, ${number(removed)} removed` : "");
  const what = kind + (kind === "rejected" ? `: ${more}` : "");
  // Where it is narrow, texts are cut off: the title has all of it.
  const event = h("td", { "data-is": kind, title: what }, what);
  const [first, ...rest] = [clock(at), seq === undefined ? "" : number(seq), entries, space].map((text) => h("td", { title: text }, text));
  return h("tr", {}, first ?? "", event, ...rest);
}
