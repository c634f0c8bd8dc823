/**
 * A panel that shows what a client does: connection, entries, queue, rejected
 * mutations, events. For development and for support; an application that does
 * not import it does not carry it.
 *
 * ```ts
 * const unmount = mountDevtools(client);
 * ```
 *
 * @module
 */
import type { Client } from "./client.js";
import { Dock, type Position } from "./devtools/dock.js";

export type { Position };

/** Options of {@link mountDevtools}. */
export interface DevtoolsOptions {
  /** Where to put the panel's element; by default at the end of the document's body. */
  readonly parent?: ParentNode;
  /** Whether it begins open; by default it is a button. */
  readonly open?: boolean;
  /**
   * By default `bottom-right`, at a distance from the bottom that is the CSS property `--syncline-devtools-inset`. An `inline` panel is
   * as wide as `parent`; its height is the CSS property `--syncline-devtools-height`.
   */
  readonly position?: Position;
}

/**
 * Shows the panel; the result takes it away, with all that it has running.
 * Closed it does nothing. Open, it reads and draws while it is seen, at most
 * four times a second, and notes the last 200 events; the tab of entries reads
 * the collection that is chosen there from the store. It needs a browser.
 */
export function mountDevtools(client: Client, options: DevtoolsOptions = {}): () => void {
  const host = document.createElement("div");
  (options.parent ?? document.body).append(host);
  const dock = new Dock(host.attachShadow({ mode: "open" }), client, options.open === true, options.position ?? "bottom-right");
  return () => {
    dock.remove();
    host.remove();
  };
}

/** An element of {@link defineDevtools}. Its attributes `open` and `position` are read when it gets client and document. */
export interface DevtoolsElement extends HTMLElement {
  /** Whose panel it is. Without one the element is empty. */
  client: Client | undefined;
}

/**
 * Registers the panel as a custom element: `<syncline-devtools open position="inline">`,
 * whose property `client` must be set. Throws what `customElements.define` throws if the name is taken or none.
 */
export function defineDevtools(name = "syncline-devtools"): void {
  customElements.define(
    name,
    class extends HTMLElement implements DevtoolsElement {
      readonly #root = this.attachShadow({ mode: "open" });
      #client: Client | undefined;
      #dock: Dock | undefined;

      get client(): Client | undefined {
        return this.#client;
      }

      set client(client: Client | undefined) {
        if (client === this.#client) return;
        this.#client = client;
        this.disconnectedCallback();
        if (this.isConnected) this.connectedCallback();
      }

      connectedCallback(): void {
        // Set before the element was defined, the property hides the one of this class.
        if (Object.hasOwn(this, "client")) {
          const { client } = this;
          delete (this as { client?: unknown }).client;
          this.#client = client;
        }
        if (this.#client === undefined) return;
        this.#dock ??= new Dock(this.#root, this.#client, this.hasAttribute("open"), position(this.getAttribute("position")));
      }

      disconnectedCallback(): void {
        this.#dock?.remove();
        this.#dock = undefined;
      }
    },
  );
}

function position(name: string | null): Position {
  return name === "bottom-left" || name === "inline" ? name : "bottom-right";
}
