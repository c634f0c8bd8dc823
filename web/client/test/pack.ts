/** The package as others get it: packed by npm, and installed from the file into an empty directory, without network. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const client = join(import.meta.dirname, "..");
/** Where other packages come from. */
const modules = join(client, "../node_modules");

// What npm says to the scripts that it runs would make another npm work on our directory.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_ENV$|VITE|VITEST|INIT_CWD$)/i.test(name)));

/** Builds and packs the client; the path of the tarball in `into`. */
export async function pack(into: string): Promise<string> {
  await run("npm", ["pack", "--silent", "--pack-destination", into], { cwd: client, env });
  const file = (await readdir(into)).find((name) => name.endsWith(".tgz"));
  if (file === undefined) throw new Error(`npm pack has made no tarball in ${into}`);
  return join(into, file);
}

/** A directory of an application that has the packed client, and what else its tests need. */
export class Consumer {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Installs the tarball by npm, and links `others` from this repository. */
  static async install(tarball: string, others: readonly string[] = []): Promise<Consumer> {
    const consumer = new Consumer(await mkdtemp(join(tmpdir(), "syncline-consumer-")));
    await consumer.write("package.json", JSON.stringify({ name: "consumer", private: true, type: "module" }));
    await consumer.run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--silent", tarball]);
    for (const name of others) await consumer.link(name);
    return consumer;
  }

  /** Makes a package of this repository's node_modules one of the application's. */
  async link(name: string): Promise<void> {
    const path = join(this.dir, "node_modules", name);
    await mkdir(dirname(path), { recursive: true });
    await symlink(join(modules, name), path);
  }

  /** Writes a file, and the directories that it is in. */
  async write(path: string, text: string): Promise<void> {
    const file = join(this.dir, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }

  /** Runs a program in the directory; its output. Rejects, with its output, if it fails. */
  async run(program: string, args: readonly string[]): Promise<string> {
    try {
      return (await run(program, args, { cwd: this.dir, env })).stdout;
    } catch (error) {
      const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
      throw new Error(`${program} ${args.join(" ")} failed:\n${stdout}${stderr}`, { cause: error });
    }
  }

  /** Runs the program of a linked package. */
  async tool(path: string, args: readonly string[]): Promise<string> {
    return this.run(process.execPath, [join(modules, path), ...args]);
  }

  /** Installed files below a directory of the package, by their paths in it. */
  async installed(): Promise<string[]> {
    const found = await readdir(join(this.dir, "node_modules/@syncline/client"), { recursive: true, withFileTypes: true });
    const root = join(this.dir, "node_modules/@syncline/client/");
    return found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name).slice(root.length)).sort();
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}
