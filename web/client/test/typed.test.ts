import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import type { Doc, Space } from "../src/api.js";
import type { Client } from "../src/client.js";
import { SynclineError } from "../src/errors.js";
import { MemoryDisk, MemoryStore } from "../src/memory.js";
import type { StandardSchema } from "../src/standard.js";
import { InvalidError, type Misfit, typed } from "../src/typed.js";
import { FakeServer } from "./fake.js";
import { connect, settle } from "./harness.js";

const VIEW = [{ in: "cards" }, { in: "people" }];

interface Shape {
  title: string;
  votes: number;
  tags: string[];
  due?: string;
}
/** The same by two libraries; a due date is stored as text, and shown as a Date. */
const libraries = {
  zod: {
    cards: z.object({ title: z.string(), votes: z.number().int(), tags: z.array(z.string()), due: z.iso.datetime().transform((text) => new Date(text)).optional() }),
    people: z.object({ name: z.string().default("somebody") }),
  },
  valibot: {
    cards: v.object({ title: v.string(), votes: v.pipe(v.number(), v.integer()), tags: v.array(v.string()), due: v.optional(v.pipe(v.string(), v.isoTimestamp(), v.transform((text) => new Date(text)))) }),
    people: v.object({ name: v.optional(v.string(), "somebody") }),
  },
};
const card = (votes = 0): Shape => ({ title: "Write", votes, tags: [] });

let server: FakeServer;
let client: Client;
let space: Space;
let reported: Error[];

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  reported = [];
  vi.stubGlobal("reportError", (error: Error) => reported.push(error));
  server = new FakeServer();
  client = connect(server);
  space = client.space("demo/board", { view: VIEW });
});
afterEach(() => {
  client.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Puts a record as a program without schema does. */
const write = (id: string, value: Doc, collection = "cards"): void => server.space().write({ op: "put", in: collection, id, value });
const thrown = (fn: () => unknown): unknown => {
  try {
    fn();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe.each(["zod", "valibot"] as const)("with schemas of %s,", (library) => {
  // The types of the two are the same but for their names: those of one do for the test.
  const app = libraries[library] as unknown as (typeof libraries)["zod"];

  it("a value that fits is stored as it was passed, and shown as the schema makes it", async () => {
    const board = typed(space, app);
    board.put("cards", "c", { ...card(), due: "2026-01-01T00:00:00Z" });
    board.put("people", "p", {});
    await settle();
    expect(server.space().data.get("cards/c")?.value).toEqual({ title: "Write", votes: 0, tags: [], due: "2026-01-01T00:00:00Z" });
    expect(server.space().data.get("people/p")?.value).toEqual({});
    expect(board.get("cards", "c")?.value?.due).toEqual(new Date(Date.UTC(2026, 0, 1)));
    expect(board.get("people", "p")?.value).toEqual({ name: "somebody" });
    expect(board.get("people", "p")?.stored).toBe(space.get("people", "p"));
    expect(board.get("people", "nobody")).toBe(undefined);
  });

  it("a value that does not fit is refused, with what is wrong where, and changes nothing", () => {
    const board = typed(space, app);
    const error = thrown(() => board.put("cards", "c", { ...card(), votes: 1.5, tags: ["a", 1 as unknown as string] }));
    expect(error).toBeInstanceOf(InvalidError);
    expect(error).toBeInstanceOf(SynclineError);
    const { code, path, issues, message } = error as InvalidError;
    expect([code, path, issues.map((issue) => issue.path)]).toEqual(["invalid", "votes", ["votes", "tags.1"]]);
    expect(message).toMatch(/^cards\/c would not fit its schema: votes: .+; tags\.1: .+\. Nothing was changed$/);
    expect([space.pending, space.get("cards", "c")]).toEqual([[], undefined]);
  });

  it("a patch is refused if the record fits and would not any more", () => {
    const board = typed(space, app);
    board.put("cards", "c", card());
    board.patch("cards", "c", { $inc: { votes: 2 }, $add: { tags: ["x"] } });
    expect(board.get("cards", "c")?.value).toMatchObject({ votes: 2, tags: ["x"] });
    expect(thrown(() => board.patch("cards", "c", { $set: { due: "tomorrow" } }))).toMatchObject({ code: "invalid", path: "due" });
    expect(thrown(() => board.patch("cards", "c", { $set: { votes: 0.5 } }))).toMatchObject({ code: "invalid", path: "votes" });
    expect(space.pending.length).toBe(2);
    // What cannot be checked is the server's business.
    board.patch("cards", "elsewhere", { $set: { due: "tomorrow" } });
    // So is what does nothing here.
    board.patch("cards", "c", { $add: { title: ["x"] } as object });
    expect(space.pending.length).toBe(4);
  });

  it("stored records that do not fit are apart from the rows, and said", async () => {
    write("a", { ...card(1) });
    write("b", { title: "Old", votes: "many", tags: [] });
    write("c", { ...card(3) });
    const board = typed(space, app);
    const query = board.query({ in: "cards", sort: ["title", "votes"] });
    await settle();
    expect(query.rows.map(({ id, value }) => [id, value.votes])).toEqual([["a", 1], ["c", 3]]);
    expect(query.total).toBe(3);
    expect(query.misfits).toEqual([{
      collection: "cards", id: "b", value: undefined, version: 2, state: "confirmed", stored: space.get("cards", "b"),
      issues: [{ path: "votes", message: expect.any(String) as string }],
    }]);
    expect(query.result).toMatchObject({ status: "live", total: 3, rows: query.rows, misfits: query.misfits });
    const misfit = board.get("cards", "b");
    expect(misfit).toBe(query.misfits[0]);
    expect([misfit?.value?.title, misfit?.stored.value]).toEqual([undefined, { title: "Old", votes: "many", tags: [] }]);
    expect(await board.misfits()).toEqual(query.misfits);
    // Nobody listens, so it is an error that nobody caught: once.
    expect(reported.map(({ message }) => message)).toEqual([expect.stringMatching(/^demo\/board: cards\/b does not fit its schema .+ votes: /)]);
    // A patch may mend it, and one that does not is no reason to refuse it.
    board.patch("cards", "b", { $set: { title: "Older" } });
    expect(query.misfits.map(({ stored }) => stored.value["title"])).toEqual(["Older"]);
    board.patch("cards", "b", { $set: { votes: 2 } });
    expect([query.rows.length, query.misfits]).toEqual([3, []]);
    await settle();
    expect([await board.misfits(), reported.length]).toEqual([[], 1]);
  });

  it("unchanged rows, lists and results stay the same objects", async () => {
    write("a", { ...card(1) });
    write("b", { wrong: true });
    const board = typed(space, app);
    board.onMisfit(() => undefined);
    const query = board.query({ in: "cards" });
    await settle();
    const { result, rows, misfits } = query;
    expect([query.result === result, query.rows === rows, result.rows === rows]).toEqual([true, true, true]);
    board.put("cards", "c", card());
    expect(query.rows).not.toBe(rows);
    expect(query.rows[0]).toBe(rows[0]);
    expect(query.misfits[0]).toBe(misfits[0]);
    expect(board.get("cards", "a")).toBe(rows[0]);
    const other = board.query({ in: "cards" });
    expect(other.rows[0]).toBe(rows[0]);
    other.close();
    const now = query.rows;
    client.goOffline();
    expect(query.result).toMatchObject({ status: "offline" });
    expect(query.rows).toBe(now);
  });

  it("a mutation checks what it writes, and reads misfits, too", async () => {
    write("old", { title: "Old", votes: "many", tags: [] });
    write("one", { ...card(1) });
    const board = typed(space, app);
    const told: Misfit[] = [];
    board.onMisfit((misfit) => told.push(misfit));
    await settle();
    const mutation = board.mutate((tx) => {
      expect(tx.query({ in: "cards" }).map(({ id, value }) => [id, value?.votes])).toEqual([["old", undefined], ["one", 1]]);
      tx.put("cards", "c", card(5));
      tx.patch("cards", "c", { $inc: { votes: 1 } });
      expect(tx.get("cards", "c")?.value?.votes).toBe(6);
      expect(tx.get("cards", "old")?.issues?.[0]?.path).toBe("votes");
      tx.delete("cards", "one");
    });
    expect(mutation.ops.map(({ op }) => op)).toEqual(["put", "patch", "delete"]);
    await settle();
    expect(mutation.state).toBe("applied");
    // It is not there any more: nothing to check.
    board.mutate((tx) => (tx.delete("cards", "old"), tx.patch("cards", "old", { $set: { due: "never" } })));
    await settle();
    const before = space.pending.length;
    for (const bad of [
      () => board.mutate((tx) => (tx.delete("cards", "c"), tx.put("cards", "d", { ...card(), votes: 0.5 }))),
      () => board.mutate((tx) => (tx.put("cards", "d", card()), tx.patch("cards", "d", { $set: { votes: 0.5 } }))),
      () => board.mutate((tx) => (tx.patch("cards", "c", { $inc: { votes: 1 } }), tx.patch("cards", "c", { $set: { due: "" } }))),
    ]) expect(thrown(bad)).toMatchObject({ code: "invalid" });
    expect(space.pending.length).toBe(before);
    await settle();
    expect(told.map(({ id }) => id)).toEqual(["old"]);
    expect(reported).toEqual([]);
  });

  it("checking a patch is no read of a serializable mutation", async () => {
    const board = typed(space, app);
    board.put("cards", "c", card());
    await settle();
    client.goOffline();
    board.mutate((tx) => tx.patch("cards", "c", { $inc: { votes: 1 } }), { serializable: true });
    server.space().write({ op: "patch", in: "cards", id: "c", patch: { $inc: { votes: 1 } } });
    client.goOnline();
    await settle();
    expect([space.rejected, board.get("cards", "c")?.value?.votes]).toEqual([[], 2]);
  });

  it("pages go on after the stored row", async () => {
    const board = typed(space, app);
    for (const n of [1, 2, 3]) board.put("cards", `c${n}`, { ...card(n), due: "2026-01-01T00:00:00Z" });
    const first = board.query({ in: "cards", sort: [{ votes: "desc" }], limit: 2 });
    const last = first.rows.at(-1);
    const next = board.query({ in: "cards", sort: [{ votes: "desc" }], ...(last && { after: last.stored }) });
    expect([first.rows, next.rows].map((rows) => rows.map(({ id }) => id))).toEqual([["c3", "c2"], ["c1"]]);
  });

  it("all misfits are found where the collection is still on the disk", async () => {
    const disk = new MemoryDisk();
    const store = async (): Promise<MemoryStore> => new MemoryStore(disk);
    write("a", { wrong: true });
    write("p", { name: 7 }, "people");
    const before = connect(server, { store, tabs: false });
    const seen = before.space("demo/board", { view: VIEW });
    await settle();
    expect(seen.status.state).toBe("live");
    before.close();
    await settle();
    server.answer = () => true;
    const after = connect(server, { store, tabs: false });
    const board = typed(after.space("demo/board", { view: VIEW }), app);
    board.onMisfit(() => undefined);
    const found = board.misfits();
    await settle();
    expect((await found).map(({ collection, id }) => `${collection}/${id}`)).toEqual(["cards/a", "people/p"]);
    after.close();
  });
});

describe("misfits", () => {
  const app = libraries.zod;

  it("are told once as they are, and again if something else is wrong", async () => {
    const board = typed(space, app);
    const told: string[] = [];
    const end = board.onMisfit(({ id, issues }) => told.push(`${id} ${issues.map(({ path }) => path).join()}`));
    const query = board.query({ in: "cards" });
    query.subscribe(() => void query.rows);
    write("a", { title: "A", votes: "x", tags: [] });
    await settle();
    write("a", { title: "B", votes: "x", tags: [] });
    await settle();
    expect(told).toEqual(["a votes"]);
    write("a", { title: 1, votes: 1, tags: [] });
    await settle();
    expect(told).toEqual(["a votes", "a title"]);
    write("a", { ...card() });
    await settle();
    write("a", { title: 1, votes: 1, tags: [] });
    await settle();
    expect(told).toEqual(["a votes", "a title", "a title"]);
    end();
    write("b", {});
    await settle();
    expect([told.length, reported.length]).toEqual([3, 1]);
  });

  it("do not break who listens, or the page, if the listener throws", async () => {
    const board = typed(space, app);
    board.onMisfit(() => {
      throw new Error("mine");
    });
    board.query({ in: "cards" }).subscribe(() => undefined);
    write("a", {});
    await settle();
    expect(board.query({ in: "cards" }).misfits.length).toBe(1);
    await settle();
    expect(reported.map(({ message }) => message)).toEqual(["mine"]);
  });
});

describe("schemas", () => {
  it("that are asynchronous are refused: nothing is written, and nothing that is stored is hidden", async () => {
    write("old", { name: "Ada" }, "people");
    const rejecting: StandardSchema<Doc> = { "~standard": { version: 1, vendor: "mine", validate: () => Promise.reject(new Error("unheard")) } };
    for (const people of [z.object({ name: z.string().refine(async () => true) }), v.objectAsync({ name: v.pipeAsync(v.string(), v.checkAsync(async () => true)) }), rejecting] as StandardSchema<Doc>[]) {
      const board = typed(space, { people });
      const told: Misfit[] = [];
      board.onMisfit((misfit) => told.push(misfit));
      await settle();
      expect(thrown(() => board.put("people", "p", { name: "Bo" }))).toMatchObject({ code: "async_schema", message: expect.stringContaining("people/p cannot be checked: the schema") as string });
      expect(thrown(() => board.patch("people", "old", { $set: { name: "Bo" } }))).toMatchObject({ code: "async_schema" });
      expect(board.query({ in: "people" }).misfits.map(({ id, issues }) => [id, issues.length])).toEqual([["old", 1]]);
      await settle();
      expect(told.map(({ issues: [issue] }) => issue?.message)).toEqual([expect.stringContaining("is asynchronous")]);
    }
    expect(space.pending).toEqual([]);
  });

  it("that throw are issues of the value", async () => {
    write("old", { name: "Ada" }, "people");
    const broken: StandardSchema<Doc> = { "~standard": { version: 1, vendor: "mine", validate: () => { throw new TypeError("no such thing"); } } };
    const board = typed(space, { people: broken });
    await settle();
    expect(thrown(() => board.put("people", "p", {}))).toMatchObject({ code: "invalid", path: "", message: expect.stringContaining("the schema threw: TypeError: no such thing") as string });
    expect(board.query({ in: "people" }).misfits.length).toBe(1);
  });

  it("name the place by keys or by objects that have them", () => {
    const picky: StandardSchema<Doc> = { "~standard": { version: 1, vendor: "mine", validate: () => ({ issues: [{ message: "no", path: ["a", { key: 1 }, { key: "b" }] }] }) } };
    expect(thrown(() => typed(space, { people: picky }).put("people", "p", {}))).toMatchObject({ path: "a.1.b" });
  });

  it("that are none are refused", () => {
    for (const people of [{}, undefined, { "~standard": { version: 2 } }] as unknown as StandardSchema[]) {
      expect(thrown(() => typed(space, { people }))).toMatchObject({ code: "bad_schema", message: expect.stringContaining("the schema of people") as string });
    }
    // Some libraries' are functions.
    const fn = Object.assign(() => true, { "~standard": { version: 1, vendor: "fn", validate: (value: unknown) => ({ value }) } as const });
    expect(typed(space, { people: fn }).put("people", "p", { name: "x" }).ops.length).toBe(1);
  });

  it("and a space make one typed space", () => {
    expect(typed(space, libraries.zod)).toBe(typed(space, libraries.zod));
    expect(typed(space, libraries.zod)).not.toBe(typed(space, { ...libraries.zod }));
    expect(typed<{ a: Shape }>(space)).toBe(typed<{ b: Shape }>(space));
  });
});

describe("types alone", () => {
  it("check and change nothing", async () => {
    const board = typed<{ cards: Shape }>(space);
    write("a", { wrong: true });
    const query = board.query({ in: "cards" });
    await settle();
    board.put("cards", "b", card(2));
    expect(query.rows.map(({ value }) => value)).toEqual([{ wrong: true }, card(2)]);
    expect(query.rows[0]?.value).toBe(space.get("cards", "a")?.value);
    expect([query.misfits, await board.misfits()]).toEqual([[], []]);
    board.delete("cards", "b");
    expect(board.pending.length).toBe(2);
    expect([board.path, board.status, board.rejected, board.space]).toEqual([space.path, space.status, [], space]);
    let changes = 0;
    board.subscribe(() => changes++)();
    await board.ready;
    await settle();
    expect(changes).toBe(0);
  });
});
