/** The automated accessibility check. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import type axe from "axe-core";
import type { Page } from "playwright-core";

const source = await readFile(createRequire(join(import.meta.dirname, "../demo/package.json")).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds wrong with a page, best practices included: rule, element and why. Nothing moves meanwhile. */
export async function violations(page: Page): Promise<string[]> {
  // A text that is fading in has another colour than it will have.
  await page.waitForFunction(() => document.getAnimations().every(({ playState }) => playState !== "running"));
  // Not as a script of the page: its policy lets it run its own only.
  await page.evaluate(source);
  return page.evaluate(async () => {
    const { violations } = await (window as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} at ${String(target)}: ${failureSummary ?? ""}`));
  });
}
