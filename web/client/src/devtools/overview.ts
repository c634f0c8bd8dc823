import type { Space, Status } from "../api.js";
import { button, h, List, mark, type Row, say } from "./dom.js";
import { type Desk, reason, type Tab } from "./tab.js";
import { ago, bytes, count, number, seconds, span, STATES } from "./words.js";

/** How often the browser is asked what is stored, in milliseconds. */
const USAGE = 10_000;
const CHECKING = "Checking";

/** Connection, lag, storage, and the spaces with their check. */
export function overview(desk: Desk): Tab {
  const facts = h("dl");
  const spaces = new List<Space>(h("ul"), "No space is open.", (space) => space, (space) => row(space, desk));
  let usage = "…";
  let asked = -Infinity;

  const fact = (name: string): ((text: string, is?: string) => void) => {
    const node = h("dd");
    facts.append(h("dt", {}, name), node);
    return (text, is) => {
      say(node, text);
      mark(node, "data-is", is);
    };
  };
  const connection = fact("Connection");
  const last = fact("Last synced");
  const delay = fact("Lag");
  const waiting = fact("Changes");
  const store = fact("Storage");
  const room = fact("Room");

  const ask = (): void => {
    if (performance.now() - asked < USAGE) return;
    asked = performance.now();
    desk.client
      .usage()
      .then(({ used, quota, persisted }) => `${bytes(used)} used of ${bytes(quota)}, ${persisted ? "kept by the browser" : "the browser may remove it"}`)
      .catch(reason)
      .then((text) => {
        usage = text;
        desk.soon();
      });
  };

  return {
    name: "Overview",
    node: h("div", {}, facts, h("h2", {}, "Spaces"), spaces.node, spaces.note),
    draw() {
      const { status, leading, spaces: open } = desk.client;
      const { lag } = desk.watch;
      const { kind, message, lost } = status.storage;
      ask();
      connection(standing(status) + (leading ? "" : ", through another tab"), status.state);
      last(synced(status));
      delay(lag ? `last ${span(lag.last)}, p50 ${span(lag.p50)}, p95 ${span(lag.p95)} of ${lag.count}` : "no own change seen yet");
      waiting(changes(status));
      store(kind + (message ? `: ${message}` : "") + (lost ? `; ${count(lost, "unsent change")} lost` : ""), kind);
      room(usage);
      spaces.draw(open);
    },
  };
}

function row(space: Space, desk: Desk): Row<Space> {
  const state = h("span");
  const about = h("span", { class: "dim" });
  const result = h("p", { class: "dim" });
  const answer = (text: string): void => {
    say(result, text);
    desk.say(`${space.path}: ${text}`);
    mark(check, "aria-disabled", text === CHECKING ? "true" : undefined);
  };
  const ask = (): void => {
    if (result.textContent === CHECKING) return;
    answer(CHECKING);
    space
      .check()
      .then(({ ok, count: n, sum }) => `${ok ? "Same as the server" : "Differed from the server, fetched anew"}: ${count(n, "entry", "entries")}, sum ${sum}`)
      .catch((error: unknown) => `Not checked: ${reason(error)}`)
      .then(answer);
  };
  const check = button("Check", ask, { "aria-label": `Check ${space.path}` });
  return {
    node: h("li", {}, h("div", { class: "line" }, h("code", {}, space.path), state, about, check), result),
    draw({ status, presence }) {
      const others = presence.peers.size;
      say(state, standing(status));
      mark(state, "data-is", status.state);
      say(about, `Synced ${synced(status)}; ${changes(status)}${others > 0 ? `; ${count(others, "other")} here` : ""}`);
    },
  };
}

function standing({ state, transport, error }: Status): string {
  return STATES[state] + (transport ? ` by ${transport}` : "") + (error ? `: ${error.message} (${error.code})` : "");
}

function synced({ state, lastSynced }: Status): string {
  if (lastSynced === null) return "never";
  const ms = Date.now() - lastSynced;
  return state === "live" ? `now, live for ${seconds(ms)}` : ago(ms);
}

function changes({ pending, rejected }: Status): string {
  return `${number(pending)} waiting, ${number(rejected)} rejected`;
}
