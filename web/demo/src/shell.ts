/** What both pages have around them: header, people, network switch, panel. */

import type { Client, Space } from "@syncline/client";
import { h, icon } from "./dom.js";
import { Panel } from "./panel.js";
import { avatar, displayName } from "./person.js";
import { statusPill } from "./status.js";
import type { TitleOf } from "./describe.js";

export interface ShellOptions {
  readonly client: Client;
  readonly space: Space;
  readonly user: string;
  readonly page: "/" | "/cities";
  readonly titleOf: TitleOf;
  /** What the page is about. */
  readonly main: HTMLElement;
  /** Whether the panel is open at first, where there is room for it. */
  readonly panel: boolean;
  /** A word on what to try. */
  readonly hint: string;
}

const PAGES = [["/", "Board"], ["/cities", "Cities"]] as const;
/** How many people are shown before the rest is a number. */
const SHOWN = 5;

export function mountShell({ client, space, user, page, titleOf, main, panel: open, hint }: ShellOptions): void {
  const panel = new Panel(client, space, titleOf, hint);
  const count = h("span", { class: "bubble", hidden: true });
  const toggle = h("button", { class: "ghost panel-toggle", title: "Sync panel", "aria-label": "Sync panel", "aria-controls": "panel" }, icon("panel"), count);
  const layout = h("div", { class: "layout" }, main, panel.element);
  const show = (on: boolean): void => {
    layout.classList.toggle("with-panel", on);
    toggle.setAttribute("aria-expanded", String(on));
  };
  toggle.addEventListener("click", () => show(!layout.classList.contains("with-panel")));
  show(open && innerWidth >= 1000);

  const links = PAGES.map(([to, name]) => h("a", { href: to + location.search, "aria-current": to === page && "page" }, name));
  document.body.append(
    h(
      "header",
      { class: "top" },
      h("a", { class: "brand", href: `/${location.search}`, "aria-label": "Syncline" }, h("img", { src: "/icon.svg", alt: "", width: 26, height: 26 }), h("span", {}, "Syncline")),
      h("nav", { "aria-label": "Pages" }, ...links),
      h("span", { class: "gap" }),
      people(space, user),
      statusPill(client, space),
      toggle,
    ),
    layout,
  );

  const showCount = (): void => {
    const { pending, rejected } = space.status;
    count.hidden = pending + rejected === 0;
    count.textContent = String(rejected || pending);
    count.classList.toggle("bad", rejected > 0);
  };
  space.subscribe(showCount);
  showCount();
  toastRefusals(space, panel, () => layout.classList.contains("with-panel"));
}

/** Oneself and the others who have this space open. */
function people(space: Space, user: string): HTMLElement {
  const list = h("div", { class: "people", role: "group", "aria-label": "People here" });
  const me = avatar(user);
  me.classList.add("me");
  me.title = `${displayName(user)} (you)`;
  const show = (): void => {
    const others = [...space.presence.peers.values()].map((peer) => peer.user);
    const more = others.length - SHOWN;
    list.replaceChildren(...others.slice(0, SHOWN).map(avatar), more > 0 ? h("span", { class: "avatar more" }, `+${more}`) : "", me);
  };
  space.presence.subscribe(show);
  show();
  return list;
}

/** Says so when something is refused while the panel is closed. */
function toastRefusals(space: Space, panel: Panel, panelOpen: () => boolean): void {
  const region = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
  document.body.append(region);
  let newest = Math.max(0, ...space.rejected.map(({ at }) => at));
  space.subscribe(() => {
    for (const rejected of space.rejected) {
      if (rejected.at <= newest) continue;
      newest = rejected.at;
      if (panelOpen()) continue;
      const toast = h("div", { class: "toast" }, h("strong", {}, "Refused: "), panel.wordsFor(rejected));
      region.append(toast);
      toast.addEventListener("animationend", () => toast.remove());
    }
  });
}
