/** The automated accessibility check. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import type axe from "axe-core";
import type { Page } from "playwright-core";

const source = await readFile(createRequire(join(import.meta.dirname, "../demo/package.json")).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds wrong with a page, best practices included: rule, element and why. Nothing moves meanwhile: a text that is fading in has another colour than it will have. */
export async function violations(page: Page): Promise<string[]> {
  // Not as a script of the page: its policy lets it run its own only.
  await page.evaluate(source);
  return page.evaluate(async () => {
    for (;;) {
      while (document.getAnimations().some(({ playState }) => playState === "running")) await new Promise(requestAnimationFrame);
      let moved = false;
      const move = (): void => void (moved = true);
      for (const event of ["animationstart", "transitionrun"]) document.addEventListener(event, move);
      const { violations } = await (window as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ["violations"] });
      moved ||= document.getAnimations().some(({ playState }) => playState === "running");
      for (const event of ["animationstart", "transitionrun"]) document.removeEventListener(event, move);
      // What has come in the meantime may have been looked at while it did.
      if (!moved) return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} at ${String(target)}: ${failureSummary ?? ""}`));
    }
  });
}
