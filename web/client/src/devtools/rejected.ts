import type { Rejected } from "../api.js";
import { button, h, List } from "./dom.js";
import { operations } from "./queue.js";
import { type Desk, held, type Held, reason, type Tab } from "./tab.js";
import { brief, clock } from "./words.js";

/** What was refused, and what can be done about it. */
export function rejected(desk: Desk): Tab {
  const list = new List<Held<Rejected>>(h("ul"), "Nothing was rejected.", ({ item }) => item.id, (item) => ({ node: row(item) }));
  const act = (done: string, fn: () => void): void => {
    try {
      fn();
      desk.say(done);
    } catch (error) {
      desk.say(reason(error));
    }
    desk.now();
    // The button that had the focus has gone with its row.
    list.node.closest<HTMLElement>("[role=tabpanel]")?.focus();
  };
  const copy = (what: object): void => {
    // Without a secure context there is no clipboard: that ends here, too.
    Promise.resolve()
      .then(() => navigator.clipboard.writeText(JSON.stringify(what, undefined, 2)))
      .then(() => desk.say("Copied"))
      .catch((error: unknown) => desk.say(`Not copied: ${reason(error)}`));
  };

  const row = ({ space, item }: Held<Rejected>): HTMLElement => {
    const { id, outcome, at } = item;
    const { code, message, path, current } = outcome;
    const had = current && `Server had ${current.in}/${current.id} ${current.value ? `at version ${current.version}: ${brief(current.value)}` : "not"}`;
    return h(
      "li",
      {},
      h("div", { class: "line" }, h("code", {}, space.path), h("span", { "data-is": "rejected" }, code ?? outcome.outcome), h("span", { class: "dim" }, clock(at))),
      h("p", {}, (message ?? "The server gave no reason.") + (path ? ` (${path})` : "")),
      operations(item),
      h("p", { class: "data" }, had ?? ""),
      h(
        "div",
        { class: "line" },
        button("Retry", () => act("Queued again", () => space.retry(id))),
        button("Discard", () => act("Discarded", () => space.discard(id))),
        button("Copy as JSON", () => copy({ space: space.path, ...item })),
      ),
    );
  };

  return {
    name: "Rejected",
    node: h("div", {}, list.node, list.note),
    count: () => desk.client.status.rejected,
    draw: () => list.draw(held(desk, (space) => space.rejected)),
  };
}
