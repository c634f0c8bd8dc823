/** A Firefox with a profile on disk, driven by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/): the driver of the other tests speaks a newer one than the ESR does. */

import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";
import { Program } from "./program.js";
import { asText, fromText, type Remote, type RemoteTab } from "./remote.js";
import { onPath } from "./window.js";

/** Nothing that a fresh profile would fetch or ask. */
const QUIET = [
  'user_pref("app.normandy.enabled", false);',
  'user_pref("browser.safebrowsing.update.enabled", false);',
  'user_pref("browser.sessionstore.resume_from_crash", false);',
  'user_pref("datareporting.policy.dataSubmissionEnabled", false);',
  'user_pref("network.captive-portal-service.enabled", false);',
  'user_pref("network.connectivity-service.enabled", false);',
  'user_pref("toolkit.telemetry.enabled", false);',
].join("\n");

interface Reply {
  readonly id?: number;
  readonly error?: string;
  readonly message?: string;
  readonly result?: unknown;
}

export class Firefox implements Remote {
  readonly #profile: string;
  #program: Program | undefined;
  #socket: WebSocket | undefined;
  #calls = 0;
  readonly #waiting = new Map<number, (reply: Reply) => void>();

  private constructor(profile: string) {
    this.#profile = profile;
  }

  /** Starts with an empty profile. */
  static async start(): Promise<Firefox> {
    const profile = await mkdtemp(join(tmpdir(), "syncline-firefox-"));
    await writeFile(join(profile, "user.js"), QUIET);
    const firefox = new Firefox(profile);
    await firefox.run();
    return firefox;
  }

  /** Starts the browser on its profile. */
  async run(): Promise<void> {
    const executable = process.env["FIREFOX"] || onPath("firefox-esr", "firefox");
    const args = ["--headless", "--no-remote", "--profile", this.#profile, "--remote-debugging-port=0", "about:blank"];
    this.#program = await Program.start(executable, args, ".", /(?<=WebDriver BiDi listening on )ws:\S+/, true);
    const socket = new WebSocket(this.#program.sign + "/session");
    this.#socket = socket;
    await once(socket, "open");
    socket.on("message", (data: Buffer) => {
      const reply = JSON.parse(data.toString()) as Reply;
      if (reply.id !== undefined) this.#waiting.get(reply.id)?.(reply);
    });
    await this.#call("session.new", { capabilities: {} });
  }

  async open(url: string): Promise<RemoteTab> {
    const { context } = await this.#call<{ context: string }>("browsingContext.create", { type: "tab" });
    await this.#call("browsingContext.navigate", { context, url, wait: "complete" });
    return {
      evaluate: async (fn, arg) => {
        const params = { functionDeclaration: asText(fn), arguments: [{ type: "string", value: JSON.stringify(arg ?? null) }], target: { context }, awaitPromise: true };
        const { result, exceptionDetails } = await this.#call<{ result?: { value?: unknown }; exceptionDetails?: { text: string } }>("script.callFunction", params);
        if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
        return fromText(result?.value);
      },
      close: async () => void (await this.#call("browsingContext.close", { context })),
    };
  }

  async #call<T>(method: string, params: object): Promise<T> {
    const id = ++this.#calls;
    const answered = new Promise<Reply>((resolve) => this.#waiting.set(id, resolve));
    this.#socket?.send(JSON.stringify({ id, method, params }));
    const { error, message, result } = await answered;
    this.#waiting.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error}: ${message}`);
    return result as T;
  }

  /** Kills all processes of the browser at once. */
  async kill(): Promise<void> {
    await this.#program?.kill();
    this.#socket?.terminate();
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
