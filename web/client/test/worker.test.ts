/** The client in a web worker and in a service worker of Chromium, beside a page: three users of one store, one connection. */
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { Doc, Status } from "../src/api.js";
import { bundled } from "./bundle.js";
import { NodeServer } from "./node.js";
import { VIEW } from "./harness.js";

// On a busy machine a browser takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** What each of them does: it shows what it has, and writes what it is told. */
interface Seat {
  look(): { readonly rows: Record<string, Doc>; readonly status: Status; readonly page: boolean };
  put(id: string): void;
}

const SEAT = `
  import { Client } from "../src/index.js";
  const client = new Client({ url: location.origin + "/base", user: "ada" });
  const space = client.space("demo/board", { view: [{ in: "cards" }] });
  const query = space.query({ in: "cards" });
  const seat = {
    look: () => ({ rows: Object.fromEntries(query.rows.map(({ id, value }) => [id, value])), status: space.status, page: typeof document === "object" }),
    put: (id) => void space.put("cards", id, { by: self.constructor.name }),
  };
`;
const WORKER = `${SEAT}
  addEventListener("message", ({ data: [call, ...args], ports: [port] }) => port.postMessage(seat[call](...args)));
`;
const PAGE = `${SEAT}
  const ask = (of) => (...call) => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data);
    of.postMessage(call, [port2]);
  });
  const open = async () => {
    await navigator.serviceWorker.register("/worker.js");
    const { active } = await navigator.serviceWorker.ready;
    return { page: async (call, ...args) => seat[call](...args), worker: ask(new Worker("/worker.js")), service: ask(active) };
  };
  globalThis.seats = open();
`;

let server: NodeServer;
let browser: Browser;
let address: string;

beforeAll(async () => {
  const files: Record<string, [type: string, text: string]> = {
    "/": ["text/html", "<!doctype html><script type=module src=/page.js></script>"],
    "/page.js": ["text/javascript", bundled(PAGE, "browser")],
    "/worker.js": ["text/javascript", bundled(WORKER, "browser")],
  };
  server = new NodeServer();
  server.refuse = ({ url = "" }, response) => {
    const [type, text] = files[url] ?? [];
    if (type !== undefined) response.writeHead(200, { "Content-Type": type }).end(text);
    return type !== undefined;
  };
  address = new URL("/", await server.listen()).href;
  browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

it("works without a page around it, and together with one", async () => {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(address);
  const names = ["page", "worker", "service"] as const;
  type Name = (typeof names)[number];
  const call = (name: Name, ...args: string[]): Promise<ReturnType<Seat["look"]>> =>
    page.evaluate(async ([of, ...rest]) => {
      const seats = await (globalThis as unknown as { seats: Promise<Record<string, (...args: string[]) => Promise<never>>> }).seats;
      return seats[of as string]?.(...rest) as never;
    }, [name, ...args]);
  for (const name of names) await call(name, "put", name);
  const rows = { page: { by: "Window" }, worker: { by: "DedicatedWorkerGlobalScope" }, service: { by: "ServiceWorkerGlobalScope" } };
  for (const name of names) {
    await expect.poll(async () => {
      const { rows: shown, status } = await call(name, "look");
      return { shown, state: status.state, storage: status.storage.kind, pending: status.pending };
    }, { timeout: 60_000 }).toEqual({ shown: rows, state: "live", storage: "disk", pending: 0 });
    expect((await call(name, "look")).page).toBe(name === "page");
  }
  expect(server.fake.space().visible(VIEW)).toEqual({ "cards/page": rows.page, "cards/worker": rows.worker, "cards/service": rows.service });
  expect(server.fake.links.filter(({ over }) => !over).length).toBe(1);
  expect(errors).toEqual([]);
});
