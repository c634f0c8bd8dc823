/**
 * A WebKit, the engine of Safari, in its GTK port, driven by WebDriver (https://www.w3.org/TR/webdriver2/), on a screen that nobody sees.
 * What it stores lasts as long as it runs: a browser that is automated keeps nothing on the disk.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { freePort } from "./program.js";
import { asText, fromText, type Remote, type RemoteTab } from "./remote.js";
import { onPath } from "./window.js";

export class WebKit implements Remote {
  readonly #processes: readonly ChildProcess[];
  readonly #driver: string;
  #session = "";
  /** The tab that it starts with. Who has closed the one that was switched to last cannot open another. */
  #home = "";
  /** Commands are for the tab that was switched to last: a switch and what follows it come one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(driver: string, processes: readonly ChildProcess[]) {
    this.#driver = driver;
    this.#processes = processes;
  }

  static async start(): Promise<WebKit> {
    const screen = spawn(onPath("Xvfb"), ["-displayfd", "3", "-screen", "0", "1280x900x24"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
    const [display] = (await once(screen.stdio[3] as Readable, "data")) as [Buffer];
    const port = await freePort();
    const driver = spawn(onPath("WebKitWebDriver"), [`--port=${port}`], { stdio: "ignore", detached: true, env: { ...process.env, DISPLAY: `:${display.toString().trim()}` } });
    const webkit = new WebKit(`http://127.0.0.1:${port}`, [driver, screen]);
    try {
      while (!(await fetch(`${webkit.#driver}/status`).then(({ ok }) => ok, () => false))) {
        if (driver.exitCode !== null) throw new Error(`the driver ended with ${driver.exitCode}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const { sessionId } = await webkit.#call<{ sessionId: string }>("POST", "/session", { capabilities: {} });
      webkit.#session = `/session/${sessionId}`;
      webkit.#home = await webkit.#call("GET", `${webkit.#session}/window`);
      return webkit;
    } catch (error) {
      await webkit.remove();
      throw error;
    }
  }

  async open(url: string): Promise<RemoteTab> {
    const { handle } = await this.#in(this.#home, () => this.#call<{ handle: string }>("POST", `${this.#session}/window/new`, { type: "tab" }));
    await this.#in(handle, () => this.#call("POST", `${this.#session}/url`, { url }));
    return {
      evaluate: async (fn, arg) => {
        const script = `const [arg, done] = arguments; (${asText(fn)})(arg).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
        const args = [JSON.stringify(arg ?? null)];
        const { value, error } = await this.#in(handle, () => this.#call<{ value?: unknown; error?: string }>("POST", `${this.#session}/execute/async`, { script, args }));
        if (error !== undefined) throw new Error(error);
        return fromText(value);
      },
      close: async () => void (await this.#in(handle, () => this.#call("DELETE", `${this.#session}/window`))),
    };
  }

  async remove(): Promise<void> {
    for (const child of this.#processes) {
      if (child.pid === undefined || child.exitCode !== null) continue;
      const ended = once(child, "exit");
      if (child === this.#processes[0]) process.kill(-child.pid, "SIGKILL"); // and the browser that it has started
      else child.kill("SIGKILL");
      await ended;
    }
  }

  #in<T>(handle: string, then: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      await this.#call("POST", `${this.#session}/window`, { handle });
      return then();
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(this.#driver + path, { method, ...(body && { body: JSON.stringify(body) }) });
    const { value } = (await answer.json()) as { value: T & { message?: string } };
    if (!answer.ok) throw new Error(`${method} ${path}: ${value.message}`);
    return value;
  }
}
