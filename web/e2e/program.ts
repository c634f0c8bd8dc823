/** A program that serves something, as a process: the server's binary, a browser, or a tool of Node's. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";

/** The server's binary: that of SYNCLINE_BIN, or built into `directory`. */
export function syncline(directory: string): string {
  const given = process.env["SYNCLINE_BIN"];
  if (given) return given;
  const built = join(directory, "syncline");
  execFileSync("go", ["build", "-o", built, "./cmd/syncline"], { cwd: join(import.meta.dirname, "../.."), stdio: "inherit" });
  return built;
}

/** A port that was free just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export class Program {
  readonly #process: ChildProcess;
  /** What it printed as a sign that it serves. */
  readonly sign: string;
  readonly #said: () => string;
  readonly #group: boolean;

  private constructor(child: ChildProcess, sign: string, said: () => string, group: boolean) {
    this.#process = child;
    this.sign = sign;
    this.#said = said;
    this.#group = group;
  }

  /** All that it has printed so far. */
  get output(): string {
    return this.#said();
  }

  /** Starts it; resolves when it has printed `sign`. Rejects with what it printed if it ends before. With `group` the processes that it starts end with it. */
  static async start(command: string, args: readonly string[], cwd: string, sign: RegExp, group = false): Promise<Program> {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"], detached: group });
    let said = "";
    const printed = await new Promise<string>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        said += chunk.toString();
        const found = sign.exec(said);
        if (found !== null) resolve(found[0]);
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`${command} ended with ${code}:\n${said}`)));
    });
    return new Program(child, printed, () => said, group);
  }

  /** Lets it do nothing: a server still takes connections, and answers none. */
  freeze(): void {
    this.#process.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process.kill("SIGCONT");
  }

  /** Ends it at once, without giving it a chance to tidy up. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    if (this.#group && this.#process.pid !== undefined) process.kill(-this.#process.pid, "SIGKILL");
    else this.#process.kill("SIGKILL");
    await ended;
  }
}
