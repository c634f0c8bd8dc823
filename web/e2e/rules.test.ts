/**
 * Access rules in a real browser, over a real server: what is revoked leaves
 * the page within a second, and the bytes of it the disk; what the user has
 * written stays theirs.
 */

import { createHmac } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, afterEach, expect, it } from "vitest";
import { Chromium } from "./chromium.js";
import { Program, syncline } from "./program.js";
import { eventually } from "./window.js";

const SECRET = "0123456789abcdef0123456789abcdef";
const DEFINITION = `
spaces:
  team/{team}:
    open: auth.admin == true || member(space.team)
    relations:
      member: {in: members, subject: user, object: team}
      on: {in: members, subject: user, object: project}
    collections:
      members: {read: doc.user == auth.uid || auth.admin == true, write: auth.admin == true}
      cards:
        read: doc.owner == auth.uid || on(doc.project)
        write: auth.admin == true || doc.owner == auth.uid || on(doc.project)
`;

let work: string;
let server: Program;
let script: string;
let chrome: Chromium;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "syncline-rules-"));
  await writeFile(join(work, "app.yaml"), DEFINITION);
  await writeFile(join(work, "secret"), SECRET);
  await writeFile(join(work, "tokens.json"), JSON.stringify({ issuers: [{ name: "test", audience: ["syncline"], algorithm: "HS256", secretFile: join(work, "secret") }] }));
  const args = ["serve", "--dir", join(work, "data"), "--listen", "127.0.0.1:0", "--admin", "", "--definition", join(work, "app.yaml"), "--tokens", join(work, "tokens.json")];
  server = await Program.start(syncline(work), args, ".", /http:\/\/127\.0\.0\.1:[1-9]\d*/);
  const client = join(import.meta.dirname, "../client/src/index.ts");
  const { outputFiles } = await build({ entryPoints: [join(import.meta.dirname, "pages/rules.ts")], bundle: true, format: "esm", write: false, alias: { "@syncline/client": client } });
  script = outputFiles[0]?.text ?? "";
});
afterAll(async () => {
  await server.kill();
  await rm(work, { recursive: true, force: true });
});
beforeEach(async () => {
  chrome = await Chromium.start(async (context: BrowserContext) => {
    await context.route(/\/rules\.html/, (route) => route.fulfill({ contentType: "text/html", body: `<!doctype html><title>rules</title><script type="module">${script}</script>` }));
  });
});
afterEach(() => chrome.remove());

function token(user: string, life = 3600, claims: object = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${part({ alg: "HS256", typ: "JWT" })}.${part({ iss: "test", aud: "syncline", sub: user, exp: Math.floor(Date.now() / 1000) + life, ...claims })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

async function put(path: string, value: object): Promise<void> {
  const answer = await fetch(`${server.sign}/v1/spaces/team/alpha/-/${path}`, {
    method: "PUT", body: JSON.stringify(value), headers: { authorization: `Bearer ${token("root", 60, { admin: true })}`, "content-type": "application/json" },
  });
  expect(answer.status, await answer.text()).toBeLessThan(300);
}

async function open(user: string, life?: number): Promise<Page> {
  const { page } = await chrome.open(`${server.sign}/rules.html?user=${user}#${token(user, life)}`);
  await page.waitForFunction(() => "ruled" in window);
  return page;
}

const cards = (page: Page): Promise<string[]> => page.evaluate(() => window.ruled.cards.rows.map(({ id }) => id));
const disk = (page: Page): Promise<string> => page.evaluate(() => window.ruled.disk());

it("takes what is revoked from the page and from the disk, and keeps what the user wrote", { timeout: 90_000 }, async () => {
  await put("members/bob", { user: "bob", team: "alpha", project: "x" });
  await put("members/ada", { user: "ada", team: "alpha", project: "x" });
  for (let i = 0; i < 50; i++) await put(`cards/c${i}`, { owner: "ada", project: "x", text: `canary-${i}` });
  await put("cards/mine", { owner: "bob", project: "y", text: "own" });
  const [a, b] = [await open("bob"), await open("bob")];
  for (const page of [a, b]) await eventually(async () => (await cards(page)).length, 51);
  await eventually(async () => (await disk(a)).includes("canary-49"), true);

  const revoked = Date.now();
  await put("members/bob", { user: "bob", team: "alpha", project: "none" });
  for (const page of [a, b]) await eventually(() => cards(page), ["mine"]);
  expect(Date.now() - revoked, "milliseconds").toBeLessThan(10_000);
  await eventually(async () => (await disk(a)).includes("canary"), false);

  // While nobody is connected, with an unsent write on what goes.
  await put("members/bob", { user: "bob", team: "alpha", project: "x" });
  for (const page of [a, b]) await eventually(async () => (await cards(page)).length, 51);
  await a.evaluate(() => window.ruled.client.goOffline());
  await b.evaluate(async () => {
    await window.ruled.space.patch("cards", "c7", { $set: { text: "my own words" } }).saved;
  });
  await put("members/bob", { user: "bob", team: "alpha", project: "none" });
  await a.evaluate(() => window.ruled.client.goOnline());
  for (const page of [a, b]) {
    await eventually(() => cards(page), ["mine"]);
    await eventually(() => page.evaluate(() => [window.ruled.space.status.pending, window.ruled.space.status.rejected]), [0, 1] as number[]);
  }
  expect(await a.evaluate(() => JSON.stringify(window.ruled.space.rejected[0]?.ops))).toContain("my own words");
  await eventually(async () => (await disk(a)).includes("canary"), false);

  // Out of the space: nothing of it is left but that.
  await put("members/bob", { user: "bob", team: "other", project: "none" });
  for (const page of [a, b]) await eventually(() => cards(page), []);
  await eventually(() => a.evaluate(() => [window.ruled.space.status.state, window.ruled.space.status.error?.code]), ["stopped", "forbidden"] as (string | undefined)[]);
  await eventually(async () => [(await disk(a)).includes('"own"'), (await disk(a)).includes("my own words")], [false, true]);
});

it("asks for another token before one ends, and stays live", { timeout: 60_000 }, async () => {
  await put("members/eve", { user: "eve", team: "alpha", project: "x" });
  const page = await open("eve", 12);
  await eventually(() => page.evaluate(() => window.ruled.space.status.state), "live");
  await page.evaluate((text) => window.ruled.renew(text), token("eve"));
  await eventually(() => page.evaluate(() => window.ruled.asked()), 2);
  await page.waitForTimeout(12_000);
  expect(await page.evaluate(() => [window.ruled.space.status.state, window.ruled.lost()])).toEqual(["live", 0]);
});
