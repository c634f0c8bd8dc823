import type { Client } from "../client.js";
import { button, h } from "./dom.js";
import { Panel } from "./panel.js";
import { CSS } from "./style.js";

/** Where the panel is: in a corner of the window, or where its element is, as wide as that. */
export type Position = "bottom-right" | "bottom-left" | "inline";

/** A button that opens the panel, and the panel. Closed, it does nothing at all. */
export class Dock {
  readonly #client: Client;
  readonly #button: HTMLButtonElement;
  readonly #node: HTMLElement;
  #panel: Panel | undefined;
  #tab = 0;

  constructor(root: ShadowRoot, client: Client, open: boolean, position: Position) {
    this.#client = client;
    this.#button = button("Syncline", () => this.open(true), { class: "launch", "aria-expanded": "false" });
    this.#node = h("div", { class: `dock ${position}` }, this.#button);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    root.append(this.#node);
    if (open) this.open();
  }

  /** Opens the panel; with `focus` the keyboard goes there. */
  open(focus = false): void {
    if (this.#panel !== undefined) return;
    this.#panel = new Panel(this.#client, () => this.close(true));
    this.#node.replaceChildren(this.#panel.node);
    this.#panel.select(this.#tab);
    if (focus) this.#panel.focus();
  }

  /** Closes the panel; with `focus` the keyboard goes back to the button. */
  close(focus = false): void {
    if (this.#panel === undefined) return;
    this.#tab = this.#panel.selected;
    this.#panel.end();
    this.#panel = undefined;
    this.#node.replaceChildren(this.#button);
    if (focus) this.#button.focus();
  }

  /** Closes the panel and takes the button away, too. */
  remove(): void {
    this.close();
    this.#node.remove();
  }
}
