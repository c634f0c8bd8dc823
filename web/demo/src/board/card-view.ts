/** One card on the screen. */

import type { Entry } from "@syncline/client";
import { h, icon } from "../dom.js";
import { avatar, displayName } from "../person.js";
import type { Actions } from "./actions.js";
import { type Card, COLORS, readCard } from "./card.js";

/** What a card asks of the board. */
export interface CardHost {
  readonly actions: Actions;
  readonly user: string;
  /** The title of a card is being edited (or no longer: null). */
  editing(id: string | null): void;
  /** Moves a card by the keyboard. */
  nudge(card: Card, key: string): void;
}

export class CardView {
  readonly element = h("li", { class: "card", tabindex: 0 });
  card: Card;
  readonly #host: CardHost;
  readonly #title = h("div", { class: "card-title" });
  readonly #badge = h("span", { class: "badge" });
  readonly #tags = h("div", { class: "tags" });
  readonly #votes = h("span", { class: "count" });
  readonly #vote: HTMLButtonElement;
  readonly #claim: HTMLButtonElement;
  #entry: Entry;
  #editor: HTMLTextAreaElement | null = null;

  constructor(entry: Entry, host: CardHost) {
    const { id } = entry;
    const { actions } = host;
    this.#host = host;
    this.#entry = entry;
    this.card = readCard(entry);
    this.#vote = h("button", { class: "chip vote", onclick: () => actions.vote(id) }, icon("up"), this.#votes);
    this.#claim = h("button", { class: "chip claim", onclick: () => actions.claim(id) });
    const dot = h("button", { class: "dot", title: "Change colour", "aria-label": "Change colour", onclick: () => this.#recolor() });
    const remove = h("button", { class: "ghost remove", title: "Delete", "aria-label": "Delete card", onclick: () => actions.remove(id) }, icon("trash"));
    const grip = h("span", { class: "grip", title: "Drag", "aria-hidden": "true" }, icon("grip"));
    this.element.dataset["id"] = id;
    this.element.append(
      h("div", { class: "card-head" }, dot, this.#title, grip),
      this.#tags,
      h("div", { class: "card-foot" }, this.#vote, this.#claim, h("span", { class: "gap" }), this.#badge, remove),
    );
    this.#title.addEventListener("dblclick", () => this.edit());
    this.#title.addEventListener("click", (event) => {
      if ((event as PointerEvent).pointerType === "touch") this.edit();
    });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.#show();
  }

  update(entry: Entry): void {
    if (entry === this.#entry) return;
    this.#entry = entry;
    this.card = readCard(entry);
    this.#show();
  }

  /** Begins to edit the title in place. */
  edit(): void {
    if (this.#editor !== null) return;
    const editor = h("textarea", { class: "card-editor", rows: 1, maxlength: 200, "aria-label": "Title" });
    const fit = (): void => {
      editor.style.height = "auto";
      editor.style.height = `${editor.scrollHeight}px`;
    };
    const end = (save: boolean): void => {
      if (this.#editor === null) return;
      this.#editor = null;
      const title = editor.value.trim().replaceAll(/\s+/g, " ");
      editor.remove();
      this.#title.hidden = false;
      this.#host.editing(null);
      if (save && title !== "" && title !== this.card.title) this.#host.actions.rename(this.card.id, title);
    };
    editor.value = this.card.title;
    editor.addEventListener("input", fit);
    editor.addEventListener("blur", () => end(true));
    editor.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      end(event.key === "Enter");
      this.element.focus();
    });
    this.#editor = editor;
    this.#title.hidden = true;
    this.#title.after(editor);
    fit();
    editor.select();
    this.#host.editing(this.card.id);
  }

  #show(): void {
    const { title, votes, tags, color, owner } = this.card;
    const { state } = this.#entry;
    this.element.dataset["color"] = color;
    this.element.dataset["state"] = state;
    this.element.setAttribute("aria-label", title);
    this.#title.textContent = title;
    this.#title.title = "Double-click or press Enter to edit";
    this.#badge.textContent = state === "pending" ? "pending" : state === "rejected" ? "refused" : "";
    this.#votes.textContent = String(votes);
    this.#vote.setAttribute("aria-label", `Vote, ${votes} so far`);
    const mine = owner === this.#host.user;
    this.#claim.classList.toggle("mine", mine);
    this.#claim.classList.toggle("owned", owner !== null);
    this.#claim.title = owner === null ? "Claim this card: the first one gets it" : mine ? "Give it back" : `${displayName(owner)} has it. Click to take over`;
    if (owner === null) this.#claim.replaceChildren(icon("hand"), "Claim");
    else this.#claim.replaceChildren(avatar(owner), mine ? "You" : displayName(owner));
    this.#tags.replaceChildren(...tags.map((tag) => this.#tag(tag)), this.#newTag());
  }

  #tag(tag: string): HTMLElement {
    const remove = (): void => this.#host.actions.untag(this.card.id, tag);
    return h("span", { class: "tag" }, tag, h("button", { "aria-label": `Remove tag ${tag}`, onclick: remove }, icon("close")));
  }

  #newTag(): HTMLElement {
    const button = h("button", { class: "tag add", "aria-label": "Add a tag" }, icon("plus"), "tag");
    button.addEventListener("click", () => {
      const input = h("input", { class: "tag-input", maxlength: 24, "aria-label": "New tag", placeholder: "tag" });
      let done = false;
      const end = (save: boolean): void => {
        if (done) return;
        done = true;
        const tag = input.value.trim().toLowerCase().replaceAll(/\s+/g, "-").replace(/^#/, "");
        input.replaceWith(button);
        if (save && tag !== "") this.#host.actions.tag(this.card.id, tag);
      };
      input.addEventListener("blur", () => end(true));
      input.addEventListener("keydown", (event) => {
        event.stopPropagation();
        if (event.key === "Enter" || event.key === "Escape") end(event.key === "Enter");
      });
      button.replaceWith(input);
      input.focus();
    });
    return button;
  }

  #recolor(): void {
    const next = COLORS[(COLORS.indexOf(this.card.color) + 1) % COLORS.length];
    if (next !== undefined) this.#host.actions.color(this.card.id, next);
  }

  #key(event: KeyboardEvent): void {
    if (event.target !== this.element) return;
    if (event.altKey && event.key.startsWith("Arrow")) this.#host.nudge(this.card, event.key);
    else if (event.key === "Enter") this.edit();
    else if (event.key === "Delete") this.#host.actions.remove(this.card.id);
    else if (event.key === "v") this.#host.actions.vote(this.card.id);
    else return;
    event.preventDefault();
  }
}
