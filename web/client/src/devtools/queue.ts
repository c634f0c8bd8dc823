import type { Mutation } from "../api.js";
import { h, List, say } from "./dom.js";
import { type Desk, held, type Held, type Tab } from "./tab.js";
import { brief, describe } from "./words.js";

/** How many operations of a mutation are told. */
const OPS = 10;

/** What is sent, or waits to be. */
export function queue(desk: Desk): Tab {
  const list = new List<Held<Mutation>>(h("ul"), "Nothing waits to be sent.", ({ item }) => item.id, (made) => {
    const state = h("span", { class: "dim" });
    return {
      node: h("li", {}, h("div", { class: "line" }, h("code", {}, made.space.path), state), operations(made.item)),
      draw: ({ space, item }) => say(state, `${item.state}, ${desk.watch.age(space, item)}${item.mine ? "" : ", made in another tab or before the restart"}`),
    };
  });
  return {
    name: "Queue",
    node: h("div", {}, list.node, list.note),
    count: () => desk.client.status.pending,
    draw: () => list.draw(held(desk, (space) => space.pending)),
  };
}

/** A mutation in words: the call, if it is one, and the operations, which are what the call did here. */
export function operations({ ops, call }: Pick<Mutation, "ops" | "call">): HTMLElement {
  const node = h("ul", { class: "data" }, ...(call ? [h("li", {}, `Call ${call.name}(${call.args === undefined ? "" : brief(call.args)})`)] : []), ...ops.slice(0, OPS).map((op) => h("li", {}, describe(op))));
  if (ops.length > OPS) node.append(h("li", {}, `and ${ops.length - OPS} more`));
  return node;
}
