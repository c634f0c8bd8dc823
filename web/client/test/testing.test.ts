/** The helper for tests of rules, with the real binary, as it is documented and as it goes wrong. */
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openRules, RulesError } from "../src/testing.js";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 600_000 });

const root = join(import.meta.dirname, "../../..");
let dir: string;
let binary: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "syncline-testing-"));
  binary = join(dir, "syncline");
  execFileSync("go", ["build", "-o", binary, "./cmd/syncline"], { cwd: root });
  await writeFile(join(dir, "app.yaml"), `
spaces:
  team/{team}:
    open: auth.uid != ""
    relations: {member: {in: members, subject: user, object: team}}
    collections:
      members: {read: doc.user == auth.uid}
      cards: {read: doc.owner == auth.uid || member(space.team), create: new.owner == auth.uid, unique: [[slug]]}
      log: {read: member(space.team)}
      people: {read: "true", write: "true", fields: {pay: {read: doc.user == auth.uid || member(space.team)}}}
    deliver:
      payroll: {to: payroll, collections: [people], when: '"pay" in changed'}
    ask:
      budget: {to: budget, collections: [people], when: new.pay > 100}
    mutators:
      close: {allow: member(space.team), as: space}
tests:
  - {name: everybody, space: team/a, entries: {cards/c: {owner: ada}}, cases: [{as: {uid: bob}, sees: [cards/c]}]}
`);
  await writeFile(join(dir, "app.js"), `globalThis.__syncline = { mutators: { "team/{team}": {
    close(tx, { id }) { if (!tx.get("cards", id)) tx.reject("gone", { code: "gone" }); tx.put("log", tx.id(), { by: tx.user }); },
  } } };`);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe("openRules", () => {
  it("answers as a server would", async () => {
    const rules = await openRules("app.yaml", { binary, cwd: dir, mutators: "app.js" });
    try {
      expect(rules.version).toMatch(/^[\w-]{16}$/);
      expect(await rules.failures()).toEqual([expect.stringContaining("test everybody: case 1, as bob: should see cards/c, and does not")]);
      const team = await rules.scene("team/a", { "cards/c": { owner: "ada", slug: "s" }, "members/bob": { user: "bob", team: "a" } });
      const [ada, bob, eve] = [team.as({ uid: "ada" }), team.as({ uid: "bob" }), team.as({ uid: "eve" })];
      expect(await Promise.all([ada, bob, eve, team.as({})].map((who) => who.visible()))).toEqual([["cards/c"], ["cards/c", "members/bob"], [], []]);
      await ada.allowed({ put: "cards/d", value: { owner: "ada" } });
      expect(await bob.denied({ put: "cards/d", value: { owner: "ada" } })).toMatchObject({ allowed: false, code: "forbidden", why: expect.stringContaining("new.owner == auth.uid is false") as string });
      await expect(bob.allowed({ put: "cards/d", value: { owner: "ada" } })).rejects.toThrow(/^bob may not {"put":"cards\/d".*forbidden.*new.owner == auth.uid is false/);
      await expect(ada.denied({ put: "cards/d", value: { owner: "ada" } })).rejects.toThrow(/^ada may .*and should not/);
      await expect(ada.denied({ put: "cards/d", value: { owner: "ada", slug: "s" } })).rejects.toThrow(/with unique instead of forbidden or not_found/);
      await ada.denied({ put: "cards/d", value: { owner: "ada", slug: "s" } }, "unique");

      // Steps: a write, a call, and a revocation.
      await ada.step({ put: "cards/d", value: { owner: "ada" } });
      await expect(eve.step({ call: "close", args: { id: "d" } })).rejects.toThrow("eve may not");
      await bob.denied({ call: "close", args: { id: "x" } }, "gone");
      await bob.step({ call: "close", args: { id: "d" } });
      expect(await bob.visible()).toEqual(["cards/c", "cards/d", "log/#1", "members/bob"]);
      await team.step({ delete: "members/bob" });
      expect(await bob.visible()).toEqual([]);

      const why = await bob.explain("cards/c");
      expect(why).toMatchObject({ allowed: false, text: expect.stringContaining("denied, as bob: collections.cards.read is false") as string, details: { key: "cards/c" } });
      expect(await ada.explain("cards/e", { put: "cards/e", value: { owner: "ada" } })).toMatchObject({ allowed: true });

      // What is wrong with a question is said, and what follows is answered.
      await expect(rules.scene("team/a", { "cards": {} })).rejects.toThrow(RulesError);
      await expect(ada.try({ put: "cards/d", delete: "cards/d", value: {} } as never)).rejects.toThrow("a write has one of");
      await expect(ada.try({ put: "cards/d", value: {}, extra: 1 } as never)).rejects.toThrow("extra");
      await expect(team.as({ uid: 7 } as never).visible()).rejects.toThrow("uid is a string");
      await team.close();
      await expect(ada.visible()).rejects.toThrow("there is no scene 1");
    } finally {
      await rules.close();
    }
    await rules.close();
    await expect(rules.failures()).rejects.toThrow("the rules are closed");
  });

  it("shows what of an entry somebody sees, and which hooks a write concerns", async () => {
    const rules = await openRules("app.yaml", { binary, cwd: dir, mutators: "app.js" });
    try {
      const team = await rules.scene("team/a", { "people/ada": { user: "ada", pay: 7 }, "members/bob": { user: "bob", team: "a" } });
      const [ada, bob, eve] = [team.as({ uid: "ada" }), team.as({ uid: "bob" }), team.as({ uid: "eve" })];
      expect(await ada.seen()).toEqual({ "people/ada": { user: "ada", pay: 7 } });
      expect(await bob.seen()).toEqual({ "people/ada": { user: "ada", pay: 7 }, "members/bob": { user: "bob", team: "a" } });
      expect(await eve.seen()).toEqual({ "people/ada": { user: "ada" } });
      expect(await team.as({}).seen()).toEqual({});
      await team.step({ delete: "members/bob" });
      expect(await bob.seen()).toEqual({ "people/ada": { user: "ada" } });
      expect((await bob.explain("people/ada")).text).toMatch(/collections\.people\.fields\.pay\.read: no/);

      expect(await ada.try({ patch: "people/ada", value: { $set: { pay: 200 } } })).toMatchObject({ allowed: true, tells: ["payroll"], asks: ["budget"] });
      const quiet = await ada.try({ patch: "people/ada", value: { $set: { name: "Ada" } } });
      expect([quiet.allowed, quiet.tells, quiet.asks]).toEqual([true, undefined, undefined]);
    } finally {
      await rules.close();
    }
  });

  it("takes the binary from the environment, and says what is wrong with it or the file", async () => {
    vi.stubEnv("SYNCLINE_BIN", binary);
    await writeFile(join(dir, "wrong.yaml"), "spaces:\n  a:\n    open: nobody(1)\n");
    await expect(openRules(join(dir, "wrong.yaml"))).rejects.toThrow(/wrong\.yaml:3:17: spaces\.a\.open: undeclared reference/);
    await expect(openRules(join(dir, "none.yaml"))).rejects.toThrow("no such file");
    vi.unstubAllEnvs();
    await expect(openRules("app.yaml", { binary: join(dir, "none") })).rejects.toThrow(/cannot be run .*SYNCLINE_BIN/);
    for (const [says, want] of [["echo hello", "no binary of Syncline: it says hello"], ["echo '[]'", "no binary of Syncline"], ["echo '{}'", "of the same release"], ["exit 3", "has ended with 3"]] as const) {
      await writeFile(join(dir, "other"), `#!/bin/sh\n${says}\ncat > /dev/null\n`);
      await chmod(join(dir, "other"), 0o700);
      await expect(openRules("app.yaml", { binary: join(dir, "other") })).rejects.toThrow(want);
    }
  });

  it("does what docs/RULES.md shows", async () => {
    const docs = await readFile(join(root, "docs/RULES.md"), "utf8");
    const blocks = [...docs.matchAll(/```yaml\n((?:spaces:|tests:| {6}people:| {2}- name:)[^]*?)```/g)].map(([, block = ""]) => block);
    await writeFile(join(dir, "docs.yaml"), blocks.join(""));
    const [, code = ""] = /```ts rules\.test\.ts\n([^]*?)```/.exec(docs) ?? [];
    expect(code).toContain("openRules");
    // What it imports is here by another name; its tests run as part of this one.
    const tests: [string, () => Promise<void>][] = [];
    const body = code.replace(/^import .*;\n/gm, "").replace('"app.yaml"', "file");
    const run = new Function("openRules", "test", "expect", "file", `return (async () => {${body}})()`) as (...all: unknown[]) => Promise<void>;
    await run((file: string) => openRules(file, { binary }), (name: string, test: () => Promise<void>) => tests.push([name, test]), expect, join(dir, "docs.yaml"));
    expect(tests.length).toBeGreaterThan(0);
    for (const [, test] of tests) await test();
  });
});
