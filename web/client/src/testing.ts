/**
 * Tests of a definition's rules from a TypeScript test, of whatever framework, in Node. The questions are answered by the
 * `syncline` binary, which runs beside the test: each goes the way that it goes in a server. Neither network nor server is needed.
 *
 *     const rules = await openRules("app.ts");
 *     const team = await rules.scene("team/alpha", { "members/bob": { user: "bob", team: "alpha" } });
 *     await team.as({ uid: "bob" }).allowed({ put: "cards/new", value: { owner: "bob" } });
 *     await rules.close();
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";

/** How the binary is run. */
export interface RulesOptions {
  /** The path of the binary; else that of the environment variable SYNCLINE_BIN, else `syncline` on the PATH. */
  readonly binary?: string;
  /** A JavaScript file with the mutators, for a definition in YAML or JSON. One in TypeScript has its own. */
  readonly mutators?: string;
  /** The directory that paths are relative to; else the process's. */
  readonly cwd?: string;
}

/** Who asks, as rules see them: `auth`. `{}` is nobody. */
export interface Principal {
  readonly uid?: string;
  readonly [claim: string]: unknown;
}

/** An operation on `collection/id`, or the call of a mutator. `at` is what rules see as `now` (RFC 3339); the beginning of 2026 if not given. */
export type Write =
  | { readonly put: string; readonly value: object; readonly at?: string }
  | { readonly patch: string; readonly value: object; readonly at?: string }
  | { readonly delete: string; readonly at?: string }
  | { readonly call: string; readonly args?: unknown; readonly at?: string };

/** What becomes of a write. */
export interface Verdict {
  readonly allowed: boolean;
  /** Of a refusal: its code, what of the write is meant, and what the writer is told. */
  readonly code?: string;
  readonly path?: string;
  readonly message?: string;
  /** Why, as an operator is told it: the atoms that decided. */
  readonly why?: string;
  /** Of a write that {@link Actor.try} finds allowed: the hooks that are told of it, and those that have to agree to it first; none if not given. */
  readonly tells?: readonly string[];
  readonly asks?: readonly string[];
}

/** Why somebody may or may not see or write an entry. */
export interface Explanation {
  readonly allowed: boolean;
  /** For people: the rules part by part, what each looked at and found, and what decided. */
  readonly text: string;
  /** The same for programs, as `syncline explain --json` prints it. */
  readonly details: { readonly [name: string]: unknown };
}

/** A test's expectation that is not met, or a question that cannot be answered. */
export class RulesError extends Error {
  override readonly name = "RulesError";
}

/** What is answered to one request. */
type Answer = { readonly [name: string]: unknown };

/**
 * Compiles a definition (YAML, JSON or TypeScript). Rejects with a {@link RulesError} that says file, line and reason if it does not compile, or if
 * there is no binary. It must be closed.
 */
export async function openRules(file: string, options: RulesOptions = {}): Promise<Rules> {
  const binary = options.binary ?? process.env["SYNCLINE_BIN"] ?? "syncline";
  const args = ["rules", "session", ...(options.mutators === undefined ? [] : ["--mutators", options.mutators]), "--", file];
  const session = new Session(spawn(binary, args, { stdio: "pipe", ...(options.cwd === undefined ? {} : { cwd: options.cwd }) }), binary);
  return new Rules(session, text(await session.first, "ready"));
}

/** A definition, compiled. Its questions are answered in the order in which they are asked. */
export class Rules {
  readonly #session: Session;
  /** The definition's version, as `syncline rules check` prints it. */
  readonly version: string;

  /** @internal */
  constructor(session: Session, version: string) {
    this.#session = session;
    this.version = version;
  }

  /** Runs the tests that the definition brings along; resolves to what is not as they say, a line each. */
  async failures(): Promise<readonly string[]> {
    return texts(await this.#session.ask({ check: true }), "failures");
  }

  /** A space of its own, at a path that a kind of space fits, with records by `collection/id`, whatever the rules. */
  async scene(space: string, entries: { readonly [key: string]: object } = {}): Promise<Scene> {
    const { scene } = await this.#session.ask({ new: { space, entries } });
    if (typeof scene !== "number") throw wrong("scene");
    return new Scene(this.#session, scene);
  }

  /** Ends the process. What is asked after that rejects. */
  async close(): Promise<void> {
    await this.#session.close();
  }
}

/** A space with entries in it, which steps change. */
export class Scene {
  readonly #session: Session;
  readonly #scene: number;

  /** @internal */
  constructor(session: Session, scene: number) {
    this.#session = session;
    this.#scene = scene;
  }

  /** Somebody in the scene, with claims. */
  as(who: Principal): Actor {
    return new Actor(this.#session, this.#scene, who);
  }

  /** Writes as one mutation, by the system, whom no rule holds back. Rejects if it cannot be carried out. */
  async step(...writes: readonly Write[]): Promise<void> {
    expectAllowed(verdictOf(await this.#session.ask({ scene: this.#scene, step: writes })), "the system", writes);
  }

  /** Forgets the scene. */
  async close(): Promise<void> {
    await this.#session.ask({ scene: this.#scene, drop: true });
  }
}

/** Somebody in a scene, as it is when they ask. */
export class Actor {
  readonly #session: Session;
  readonly #about: { readonly scene: number; readonly as: Principal };

  /** @internal */
  constructor(session: Session, scene: number, as: Principal) {
    this.#session = session;
    this.#about = { scene, as };
  }

  /** The `collection/id` of all entries that they may see, sorted: what a device of theirs would get. */
  async visible(): Promise<readonly string[]> {
    return texts(await this.#session.ask({ ...this.#about, visible: true }), "visible");
  }

  /** The records of all those entries by `collection/id`, each as they see it: without the fields that they may not see. */
  async seen(): Promise<{ readonly [entry: string]: { readonly [field: string]: unknown } }> {
    const { seen } = await this.#session.ask({ ...this.#about, seen: true });
    if (!isRecord(seen)) throw wrong("seen");
    return Object.fromEntries(
      Object.entries(seen).map(([entry, record]) => {
        if (!isRecord(record)) throw wrong("seen");
        return [entry, record];
      }),
    );
  }

  /** What would become of a write. Nothing changes. */
  async try(write: Write): Promise<Verdict> {
    return verdictOf(await this.#session.ask({ ...this.#about, try: write }));
  }

  /** Rejects, and says why, unless a write would be allowed. Nothing changes. */
  async allowed(write: Write): Promise<void> {
    expectAllowed(await this.try(write), this.#name(), [write]);
  }

  /**
   * Rejects unless a write would be refused: by the rules (`forbidden`, `not_found`), or, if `code` is given, with that code. Resolves to the refusal.
   * Nothing changes.
   */
  async denied(write: Write, code?: string): Promise<Verdict> {
    const verdict = await this.try(write);
    if (verdict.allowed) throw new RulesError(`${this.#name()} may ${JSON.stringify(write)}, and should not${because(verdict)}`);
    const expected = code === undefined ? ["forbidden", "not_found"] : [code];
    if (!expected.includes(verdict.code ?? "")) {
      throw new RulesError(`${JSON.stringify(write)} is refused as it should be, but with ${verdict.code} instead of ${expected.join(" or ")}: ${verdict.message}`);
    }
    return verdict;
  }

  /** Writes as one mutation, or calls a mutator, which the rules must allow: rejects, and says why, if they do not. */
  async step(...writes: readonly Write[]): Promise<void> {
    expectAllowed(verdictOf(await this.#session.ask({ ...this.#about, step: writes })), this.#name(), writes);
  }

  /** Why they may or may not see an entry, or write it. */
  async explain(entry: string, write?: Write): Promise<Explanation> {
    const answer = await this.#session.ask({ ...this.#about, explain: entry, ...(write === undefined ? {} : { write }) });
    const details = answer["answer"];
    if (!isRecord(details) || typeof details["allowed"] !== "boolean") throw wrong("answer");
    return { allowed: details["allowed"], text: text(answer, "text"), details };
  }

  #name(): string {
    return this.#about.as.uid ?? "nobody";
  }
}

function expectAllowed(verdict: Verdict, who: string, writes: readonly Write[]): void {
  if (verdict.allowed) return;
  throw new RulesError(`${who} may not ${writes.map((write) => JSON.stringify(write)).join(", ")}, and should: ${verdict.code} at "${verdict.path ?? ""}": ${verdict.message}${because(verdict)}`);
}

function because({ why }: Verdict): string {
  return why === undefined || why === "" ? "" : `: ${why}`;
}

function verdictOf(answer: Answer): Verdict {
  const verdict = answer["verdict"];
  if (!isRecord(verdict) || typeof verdict["allowed"] !== "boolean") throw wrong("verdict");
  const given = (names: readonly string[], read: (of: Answer, name: string) => unknown): object => Object.fromEntries(names.filter((name) => name in verdict).map((name) => [name, read(verdict, name)]));
  return { allowed: verdict["allowed"], ...given(["code", "path", "message", "why"], text), ...given(["tells", "asks"], texts) };
}

function isRecord(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(answer: Answer, name: string): string {
  const value = answer[name];
  if (typeof value !== "string") throw wrong(name);
  return value;
}

function texts(answer: Answer, name: string): readonly string[] {
  const value = answer[name];
  if (!Array.isArray(value) || !value.every((one) => typeof one === "string")) throw wrong(name);
  return value;
}

function wrong(name: string): RulesError {
  return new RulesError(`the binary does not answer with ${name}: is it of the same release?`);
}

/** What waits for an answer. */
interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: RulesError) => void;
}

/** How much of what the binary says on stderr is kept, in characters. */
const MAX_COMPLAINT = 64 << 10;

/** The binary, and its conversation: a JSON object a line, each answered by one, in order. */
class Session {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: Waiting[] = [];
  readonly #ended: Promise<void>;
  #over: RulesError | undefined;
  /** What it says before it is asked anything. */
  readonly first: Promise<Answer>;

  constructor(child: ChildProcessWithoutNullStreams, binary: string) {
    this.#child = child;
    this.first = new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    let complaint = "";
    child.stderr.setEncoding("utf8").on("data", (said: string) => {
      complaint = (complaint + said).slice(0, MAX_COMPLAINT);
    });
    child.stdin.on("error", () => {}); // it has ended, which says more
    createInterface({ input: child.stdout }).on("line", (line) => this.#hear(line));
    this.#ended = new Promise((resolve) => {
      child.on("error", (error) => {
        this.#end(new RulesError(`${binary} cannot be run (${error.message}): say where the binary is, by the option binary or by SYNCLINE_BIN`));
        resolve();
      });
      child.on("close", (code) => {
        this.#end(new RulesError(complaint.trim() || `${binary} has ended with ${code}`));
        resolve();
      });
    });
  }

  ask(request: object): Promise<Answer> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }

  async close(): Promise<void> {
    this.#over ??= new RulesError("the rules are closed");
    this.#child.stdin.end();
    await this.#ended;
  }

  #hear(line: string): void {
    const waiting = this.#waiting.shift();
    let answer: unknown;
    try {
      answer = JSON.parse(line);
    } catch {
      answer = undefined;
    }
    if (waiting === undefined || !isRecord(answer)) {
      const over = new RulesError(`what was run is no binary of Syncline: it says ${line.slice(0, 100)}`);
      waiting?.reject(over);
      this.#end(over);
      this.#child.kill();
      return;
    }
    if (typeof answer["error"] === "string") waiting.reject(new RulesError(answer["error"]));
    else waiting.resolve(answer);
  }

  #end(why: RulesError): void {
    this.#over ??= why;
    for (const { reject } of this.#waiting.splice(0)) reject(why);
  }
}
