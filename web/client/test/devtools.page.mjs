// Shows devtools.page.html, with things going on in it:
//   node test/devtools.page.mjs             serves it on http://localhost:4680
//   node test/devtools.page.mjs DIRECTORY   puts screenshots of every tab there: light, dark, and narrow
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const file = (name) => new URL(name, import.meta.url);

/** Some life: spaces, entries of all states, a queue, refusals. */
function live() {
  const { server, connect, open, fill, mountDevtools } = window.lab;
  const titles = ["Write the release notes", "Answer Mrs Kovács", "Order paper", "Look at the logs of Tuesday", "Pay the <b>baker</b>"];
  fill(1200, (i) => ({ title: titles[i % 5], done: i % 3 === 0, votes: i % 7, tags: ["office", "may"], by: { name: "Ada", mail: "ada@example.org" } }));
  fill(3, (i) => ({ name: ["Ada", "Bob", "Cyn"][i] }), "demo/board", "people");
  fill(40, (i) => ({ text: `note ${i}` }), "team/notes", "notes");
  server.answer = (message, link) => {
    if (message.t !== "push" || message.space !== "demo/board") return false;
    const refused = message.muts.filter(({ ops }) => ops[0].id === "c000002");
    if (refused.length === 0) return window.hold === true;
    const current = { in: "cards", id: "c000002", version: 9, value: { title: "Order paper and ink", done: true, votes: 3 } };
    server.space().accounts.get(link.name);
    link.tell({ t: "ack", space: message.space, outcomes: refused.map(({ id }) => ({ id, outcome: "rejected", seq: 9, code: "stale", message: "somebody has changed the card since it was read", current })) });
    return true;
  };
  const client = connect();
  const board = open(client, "demo/board", ["cards", "people"]);
  open(client, "team/notes", ["notes"]);
  const parent = document.getElementById("parent");
  mountDevtools(client, { open: true, ...(location.hash === "#inline" && { parent, position: "inline" }) });
  let n = 0;
  const beat = () => {
    if (n < 12) board.patch("cards", `c00010${n % 10}`, { $inc: { votes: 1 } });
    else if (n === 12) board.put("cards", "c000002", { title: "Order paper", done: false }, { if: 1 });
    else if (n === 13) window.hold = true;
    else if (n === 14) board.patch("cards", "c000001", { $set: { title: "Answer Mrs Kovács by phone" }, $inc: { votes: 2 } });
    else if (n === 15) board.mutate((tx) => ["c000003", "c000005"].forEach((id) => tx.delete("cards", id)));
    if (n++ < 16) setTimeout(beat, 60);
  };
  setTimeout(beat, 100);
}

const { outputFiles } = await build({ entryPoints: [file("devtools.page.ts").pathname], bundle: true, format: "iife", target: "es2022", write: false });
const script = `${outputFiles[0].text};(${live})();`;
const http = createServer(async ({ url }, response) => {
  const js = url === "/page.js";
  response.setHeader("content-type", js ? "text/javascript" : "text/html");
  response.end(js ? script : await readFile(file("devtools.page.html")));
});
const directory = process.argv[2];
http.listen(directory === undefined ? 4680 : 0, "localhost", async () => {
  const url = `http://localhost:${http.address().port}/`;
  if (directory === undefined) return console.log(url);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  for (const [name, width, colorScheme, hash] of [["light", 900, "light", ""], ["dark", 900, "dark", ""], ["narrow", 360, "light", ""], ["inline", 1100, "dark", "#inline"]]) {
    const page = await browser.newPage({ viewport: { width, height: 640 }, colorScheme });
    page.on("pageerror", (error) => console.error(error));
    await page.goto(url + hash);
    await page.waitForTimeout(2500);
    for (const tab of ["Overview", "Entries", "Queue", "Rejected", "Time line"]) {
      await page.getByRole("tab", { name: tab }).click();
      if (tab === "Overview") await page.getByRole("button", { name: "Check demo" }).click();
      if (tab === "Entries") await page.getByRole("row").nth(2).click();
      await page.waitForTimeout(600);
      await page.screenshot({ path: `${directory}/devtools-${name}-${tab.replace(" ", "").toLowerCase()}.png` });
    }
    await page.keyboard.press("Escape");
    await page.screenshot({ path: `${directory}/devtools-${name}-closed.png` });
    await page.close();
  }
  await browser.close();
  http.close();
});
