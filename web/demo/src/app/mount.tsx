/** Brings a page to the screen. */

import type { Client } from "@syncline/client";
import { SynclineProvider } from "@syncline/client/react";
import type { ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { Boundary } from "./boundary.js";
import { noteFailures } from "./voice.js";
import "../css/base.css";
import "../css/shell.css";
import "../css/panel.css";

/** `client` is that of the page, if it has one. */
export function mount(page: ReactNode, client?: Client): void {
  const root = document.getElementById("root");
  if (root === null) throw new Error("the page has no element #root");
  noteFailures();
  createRoot(root).render(
    <SynclineProvider {...(client && { client })}>
      <Boundary what="The page">{page}</Boundary>
    </SynclineProvider>,
  );
  void keepOffline();
}

/** Lets the page open without a network from now on, where the browser can: see worker/sw.ts. */
async function keepOffline(): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" });
  } catch (error) {
    console.warn("this page will not open without a network:", error);
  }
}
