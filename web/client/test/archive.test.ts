import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { Doc, Entry, View } from "../src/api.js";
import { Archive, DamageError, type Delta } from "../src/archive.js";
import { hash, MAX_ROWS, MAX_SIZE, manifestOf, manifestText, type Manifest } from "../src/chunk.js";
import type { Changes } from "../src/store.js";
import type { Confirmed } from "../src/sum.js";
import { coverOf } from "../src/drop.js";
import type { Shelf } from "../src/shelf.js";
import { MapStore } from "./mapstore.js";

// Much to compute, on machines that have other things to do.
vi.setConfig({ testTimeout: 120_000 });

const PREFIX = "s/a";
const MIN_LOG = 64 << 10;
const VIEW: View = [{ in: "cards" }];

type Contents = Map<string, Map<string, readonly [version: number, value: Doc]>>;

/** What an archive should hold. */
class Model {
  rev = 0;
  cursor: string | undefined;
  view: View | undefined;
  contents: Contents = new Map();

  copy(): Model {
    const copy = Object.assign(new Model(), this);
    copy.contents = new Map([...this.contents].map(([name, entries]) => [name, new Map(entries)]));
    return copy;
  }

  apply({ rev, cursor, view, drop = [], put, del }: Delta): void {
    Object.assign(this, { rev, cursor, view });
    const { covers } = coverOf(drop);
    for (const [name, entries] of this.contents) for (const [id, [, value]] of entries) if (covers(name, value)) entries.delete(id);
    for (const [name, id, version, value] of put) {
      if (!this.contents.has(name)) this.contents.set(name, new Map());
      this.contents.get(name)?.set(id, [version, value]);
    }
    for (const [name, id] of del) this.contents.get(name)?.delete(id);
  }

  /** The entries of a collection, in order. */
  entries(collection: string): Entry[] {
    return [...(this.contents.get(collection) ?? [])]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, [version, value]]) => ({ collection, id, value, version, state: "confirmed" }));
  }

  confirmed(): Confirmed {
    // In the order of the map, which is that of arrival and not of ids.
    return new Map([...this.contents].map(([collection, entries]) => [collection, new Map([...entries].map(([id, [version, value]]) => [id, { collection, id, value, version, state: "confirmed" as const }]))]));
  }
}

/** Small numbers that a seed decides. */
function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0 || 1;
  return (sides) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    return ((state ^ (state >>> 13)) >>> 0) % sides;
  };
}

/** A delta of about `rows` rows over `space` ids, values of about `size` units; a part of them are deletions. */
function delta(model: Model, seed: number, rows: number, { space = 5000, size = 40, dels = 4, names = ["cards", "people"] } = {}): Delta {
  const roll = dice(seed);
  const rev = model.rev + 1;
  const put = new Map<string, Delta["put"][number]>();
  const del = new Map<string, Delta["del"][number]>();
  for (let i = 0; i < rows; i++) {
    const name = names[roll(names.length)] ?? "cards";
    // Ids that JSON, UTF-8 and UTF-16 order differently.
    const id = ["", "é", "\u{1f600}", "\uffee", '"\\'][roll(5)] + String(roll(space));
    const key = name + "/" + id;
    if (dels > 0 && roll(dels) === 0) {
      if (!put.has(key)) del.set(key, [name, id]);
    } else if (!del.has(key)) {
      put.set(key, [name, id, rev, { text: "xé\n"[roll(3)]?.repeat(roll(2 * size)) ?? "", n: roll(100) }]);
    }
  }
  return { rev, cursor: `${rev}-x`, view: roll(3) === 0 ? [{ in: "cards", where: { n: roll(9) } }] : (model.view ?? VIEW), put: [...put.values()], del: [...del.values()] };
}

function commit(store: MapStore, changes: Changes): Promise<boolean> {
  return store.update([], () => changes);
}

/** Appends, or replaces all, and folds as often as that pays. */
async function write(store: MapStore, archive: Archive, model: Model, made: Delta, replace = false): Promise<void> {
  model.apply(made);
  await commit(store, replace ? archive.replace(made.rev, made.cursor, made.view, model.confirmed()) : archive.append(made));
  const fold = await archive.fold();
  if (fold !== undefined) await commit(store, fold);
}

/** What another tab finds is what the model has. */
async function same(store: MapStore, model: Model): Promise<void> {
  const reader = new Archive(new MapStore(store.map), PREFIX);
  const { rev, cursor, view, collections } = await reader.open();
  expect({ rev, cursor, view }).toEqual({ rev: model.rev, cursor: model.cursor, view: model.view });
  for (const name of new Set([...model.contents.keys(), ...collections.keys(), "none"])) {
    const read = await reader.read(name);
    expect(read.rev).toBe(model.rev);
    equal([...read.entries.values()], model.entries(name));
    expect([...read.entries.keys()]).toEqual(model.entries(name).map(({ id }) => id));
    expect(collections.has(name) || read.entries.size === 0).toBe(true);
    const later = await reader.read(name, { damaged: (error) => expect.fail(error.message) });
    expect(later.entries.size).toBe(read.entries.size);
    for (const entry of read.entries.values()) expect(later.entries.get(entry.id)).toStrictEqual(entry);
  }
}

/** toEqual, without its cost for thousands of entries. */
function equal(got: readonly Entry[], want: readonly Entry[]): void {
  const alike = (entry: Entry, i: number): boolean => {
    const other = want[i];
    if (other === undefined || Object.keys(entry).length !== 5 || Object.keys(entry.value).length !== Object.keys(other.value).length) return false;
    const { collection, id, version, state, value } = entry;
    return collection === other.collection && id === other.id && version === other.version && state === other.state && value["text"] === other.value["text"] && value["n"] === other.value["n"];
  };
  if (got.length !== want.length || !got.every(alike)) expect(got).toEqual(want);
}

function manifest(store: MapStore): Manifest {
  return manifestOf(store.map.get(PREFIX + "m") ?? "");
}

function keys(store: MapStore, kind: string): string[] {
  return [...store.map.keys()].filter((key) => key.startsWith(PREFIX + kind)).sort();
}

/** What the log may be, and the chunks; and that nothing is left over. */
function bounds(store: MapStore): void {
  const { collections } = manifest(store);
  const chunks = [...collections.values()].flat();
  expect(keys(store, "c")).toEqual(chunks.map(({ n }) => `${PREFIX}c${n}`).sort());
  const total = chunks.reduce((sum, { size }) => sum + size, 0);
  const log = keys(store, "l").map((key) => store.map.get(key)?.length ?? 0);
  expect(log.reduce((sum, size) => sum + size + 256, 0)).toBeLessThanOrEqual(Math.max(MIN_LOG, total / 8));
  for (const list of collections.values()) {
    for (const [i, { n, rows, size, sum }] of list.entries()) {
      const text = store.map.get(`${PREFIX}c${n}`) ?? "";
      expect({ size: text.length, sum: hash(text), rows: (JSON.parse(text) as unknown[][])[1]?.length }).toEqual({ size, sum, rows });
      expect(rows === 1 || (size <= MAX_SIZE && rows <= MAX_ROWS)).toBe(true);
      // Two small neighbours would have been joined, when the second became small.
      const next = list[i + 1];
      expect(next !== undefined && [{ rows, size }, next].every((chunk) => chunk.size < MAX_SIZE / 2 - 1 && chunk.rows < MAX_ROWS / 2)).toBe(false);
    }
  }
}

describe("an archive", () => {
  const step = fc.record({
    kind: fc.constantFrom("append", "append", "append", "append", "fold", "fold", "fold", "replace", "reopen", "wipe"),
    seed: fc.nat(),
    rows: fc.constantFrom(0, 3, 100, 1000, 1000),
    size: fc.constantFrom(2, 40, 400),
    crash: fc.constantFrom(undefined, undefined, undefined, "before" as const, "after" as const),
    drop: fc.option(fc.array(fc.record({ in: fc.constantFrom("cards", "people", "none"), where: fc.nat(100).map((n) => ({ n: { $lt: n } })) }, { requiredKeys: ["in"] }), { minLength: 1, maxLength: 2 }), { freq: 3, nil: undefined }),
  });

  it("holds what was put into it, whatever crashes", async () => {
    let folds = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
        const store = new MapStore();
        store.map.set("s/", "before").set("s/b", "before").set("s/an", "behind").set("t", "behind");
        let model = new Model();
        let archive = new Archive(store, PREFIX);
        for (const { kind, seed, rows, size, crash, drop } of steps) {
          const next = model.copy();
          const made = { ...delta(model, seed, rows, { size }), drop: kind === "append" ? drop : undefined };
          let changes: Changes | undefined;
          if (kind === "append") {
            next.apply(made);
            changes = archive.append(made);
          } else if (kind === "replace") {
            if (seed % 2 === 0) next.contents.clear();
            next.apply(made);
            changes = archive.replace(made.rev, made.cursor, made.view, next.confirmed());
          } else if (kind === "wipe") {
            Object.assign(next, new Model());
            changes = archive.wipe();
          } else {
            changes = await archive.fold();
            if (changes !== undefined) folds++;
          }
          store.crash = changes === undefined ? undefined : crash;
          const died = changes !== undefined && (await commit(store, changes).catch(() => crash)) === crash;
          if (!died || crash === "after") model = next;
          if (died || kind === "reopen") {
            archive = new Archive(store, PREFIX);
            expect((await archive.open()).rev).toBe(model.rev);
          }
        }
        await same(store, model);
        expect(["s/", "s/b", "s/an", "t"].map((key) => store.map.get(key))).toEqual(["before", "before", "behind", "behind"]);
      }),
      { numRuns: 25 },
    );
    expect(folds).toBeGreaterThan(3); // about 25
  });

  it("holds nothing more of what was dropped once it is folded, in a collection that nobody has read", async () => {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    const rows = (word: string): Delta["put"] => Array.from({ length: 6000 }, (_, i) => ["cards", String(i), 1, { team: i % 3 === 0 ? "stays" : word }] as const);
    await commit(store, archive.append({ rev: 1, cursor: "1-x", view: VIEW, put: rows("canary"), del: [] }));
    await commit(store, (await archive.fold(true)) ?? {});
    await commit(store, archive.append({ rev: 2, cursor: "2-x", view: VIEW, put: [["cards", "new", 2, { team: "canary" }], ["cards", "0", 2, { team: "canary" }]], del: [] }));
    const one = archive.append({ rev: 3, cursor: "3-x", view: VIEW, drop: [{ in: "cards", where: { team: "canary" } }], put: [["cards", "late", 3, { team: "later" }]], del: [] });
    expect(JSON.stringify(one).length).toBeLessThan(400);
    await commit(store, one);
    const left = (await new Archive(store, PREFIX).read("cards")).entries;
    expect([left.size, left.has("new"), left.has("0"), left.has("late"), left.has("3")]).toEqual([2000, false, false, true, true]);
    await commit(store, (await archive.fold(true)) ?? {});
    expect([...store.map.values()].filter((text) => text.includes("canary"))).toEqual([]);
    expect((await new Archive(store, PREFIX).read("cards")).entries).toEqual(left);
  });

  it("is empty before anything is written", async () => {
    const archive = new Archive(new MapStore(), PREFIX);
    expect(await archive.open()).toEqual({ rev: 0, cursor: undefined, view: undefined, collections: new Map() });
    const { rev, entries } = await archive.read("cards", { first: () => expect.fail("nothing to tell") });
    expect([rev, entries.size]).toEqual([0, 0]);
    expect(await archive.fold()).toBeUndefined();
  });

  it("counts entries without reading chunks", async () => {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    const model = new Model();
    await write(store, archive, model, delta(model, 1, 3000, { dels: 0, names: ["cards"] }), true);
    const row = (name: string, id: string): Delta["put"][number] => [name, id, 2, {}];
    await write(store, archive, model, { rev: 2, cursor: "2-x", view: VIEW, put: [row("cards", "new"), row("people", "a"), row("people", "b")], del: [["people", "none"]] });
    store.before = (call) => expect(call).toBe("range");
    const { collections } = await new Archive(store, PREFIX).open();
    expect(collections).toEqual(new Map([["cards", model.entries("cards").length], ["people", 1]]));
  });

  it("refuses a rev that does not follow", async () => {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    const model = new Model();
    await write(store, archive, model, delta(model, 1, 10));
    const made = delta(model, 2, 10);
    for (const rev of [0, 1, 3, NaN]) expect(() => archive.append({ ...made, rev })).toThrow(expect.objectContaining({ code: "bad_rev" }));
    for (const rev of [0, 1, NaN]) expect(() => archive.replace(rev, "1-x", VIEW, new Map())).toThrow(expect.objectContaining({ code: "bad_rev" }));
    await commit(store, archive.replace(7, "7-x", VIEW, new Map()));
    expect(await new Archive(store, PREFIX).open()).toMatchObject({ rev: 7, cursor: "7-x", view: VIEW });
  });

  it("keeps the scope of the last step, if it had one: by log, by fold and by replacement", async () => {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    const found = async (): Promise<unknown> => (await new Archive(store, PREFIX).open()).scope;
    const big: Delta["put"] = [["cards", "a", 1, { text: "x".repeat(MIN_LOG) }]];
    const made: Omit<Delta, "rev"> = { cursor: "1-x", view: VIEW, put: [], del: [] };
    await commit(store, archive.append({ ...made, rev: 1, scope: "s1" }));
    expect(await found()).toBe("s1");
    await commit(store, archive.append({ ...made, rev: 2 })); // as one that knows of none writes it
    expect(await found()).toBeUndefined();
    await commit(store, archive.append({ ...made, rev: 3, put: big, scope: "s3" }));
    await commit(store, (await archive.fold()) ?? {});
    expect(await found()).toBe("s3");
    await commit(store, archive.replace(4, "4-x", VIEW, new Map(), "s4"));
    expect(await found()).toBe("s4");
    await commit(store, archive.replace(5, "5-x", VIEW, new Map()));
    expect(await found()).toBeUndefined();
  });

  it("takes nothing over if it was not opened", async () => {
    const store = new MapStore();
    const model = new Model();
    const archive = new Archive(store, PREFIX);
    for (let i = 0; i < 4; i++) await write(store, archive, model, delta(model, i, 20));
    const made = delta(new Model(), 9, 20);
    const other = new Model();
    await write(store, new Archive(store, PREFIX), other, made);
    await same(store, other);
  });
});

describe("first", () => {
  it("is told the lowest ids, without gaps, before the rest is read", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(400), async (seed, logged) => {
        const store = new MapStore();
        const archive = new Archive(store, PREFIX);
        const model = new Model();
        await write(store, archive, model, delta(model, seed, 3000, { size: 200, dels: 0, names: ["cards"] }), true);
        expect(keys(store, "c").length).toBeGreaterThan(2);
        await write(store, archive, model, delta(model, seed + 1, logged, { names: ["cards"] }));
        let told: readonly Entry[] | undefined;
        const reader = new MapStore(store.map);
        let show!: () => void;
        const shown = new Promise<void>((resolve) => (show = resolve));
        let gets = 0;
        reader.before = (call) => (call === "get" && ++gets === 2 ? shown : undefined);
        const { entries } = await new Archive(reader, PREFIX).read("cards", {
          first: (some) => {
            expect(told).toBeUndefined();
            told = some;
            show();
          },
        });
        expect(gets).toBeGreaterThan(1);
        const all = model.entries("cards");
        expect(told?.length).toBeGreaterThan(0);
        expect(told?.length).toBeLessThan(all.length);
        equal(told ?? [], all.slice(0, told?.length));
        equal([...entries.values()], all);
      }),
      { numRuns: 10 },
    );
  });

  it("waits for a chunk with entries", async () => {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    const model = new Model();
    await write(store, archive, model, delta(model, 5, 3000, { size: 200, dels: 0, names: ["cards"] }), true);
    const [{ rows } = { rows: 0 }] = manifest(store).collections.get("cards") ?? [];
    const del = model.entries("cards").slice(0, rows).map(({ id }): Delta["del"][number] => ["cards", id]);
    const made = { rev: 2, cursor: "2-x", view: VIEW, put: [], del };
    model.apply(made);
    await commit(store, archive.append(made));
    const told: Entry[][] = [];
    await archive.read("cards", { first: (some) => told.push([...some]) });
    expect(told).toHaveLength(1);
    expect(told[0]?.[0]).toEqual(model.entries("cards")[0]);
  });
});

describe("a reader while another tab writes", () => {
  /** A writer that does its next step before every call of the reader's, as long as `steps` last. */
  async function race(seed: number, steps: readonly ("append" | "fold" | "replace" | "wipe" | "nothing")[], later = false): Promise<{ ranges: number; told: number }> {
    const store = new MapStore();
    let archive = new Archive(store, PREFIX);
    const model = new Model();
    await write(store, archive, model, delta(model, seed, 2500, { size: 200, dels: 0, names: ["cards"] }), true);
    const past = new Map<number, Model>();
    const remember = (): unknown => past.set(model.rev, model.copy());
    remember();
    const begun = model.rev;
    const left = [...steps];
    const step = async (): Promise<void> => {
      const kind = left.shift() ?? "nothing";
      if (kind === "nothing") return;
      if (kind === "wipe") {
        // All anew, with the same numbers of chunks, but at a higher rev.
        await commit(store, archive.wipe());
        archive = new Archive(store, PREFIX);
      }
      // Enough to fold, in one step or two.
      const size = kind === "append" ? 10 : 150;
      const made = delta(model, seed + left.length + 1, 600, { size, names: ["cards"] });
      await write(store, archive, model, made, kind === "replace" || kind === "wipe");
      remember();
    };
    const reader = new MapStore(store.map);
    let ranges = 0;
    // Two calls of the reader's may be under way; a writer does one thing after the other.
    let turn = Promise.resolve();
    reader.before = (call) => {
      if (call === "range") ranges++;
      return (turn = turn.then(step));
    };
    let first: readonly Entry[] = [];
    let told = 0;
    const { rev, entries } = await new Archive(reader, PREFIX).read("cards", {
      first: (some) => {
        first = some;
        told++;
      },
      ...(later && { damaged: ({ message }) => expect.fail(message) }),
    });
    expect(rev).toBeGreaterThanOrEqual(begun);
    expect(rev).toBeLessThanOrEqual(model.rev);
    const all = past.get(rev)?.entries("cards") ?? [];
    equal([...entries.values()].sort((a, b) => (a.id < b.id ? -1 : 1)), all);
    equal(first, all.slice(0, first.length));
    expect(told).toBeGreaterThan(0);
    return { ranges, told };
  }

  it("finds the state of one rev", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(fc.constantFrom("append", "fold", "fold", "replace", "wipe", "nothing", "nothing"), { maxLength: 9 }), fc.boolean(), async (seed, steps, later) => {
        await race(seed, steps, later);
      }),
      { numRuns: 30 },
    );
    await race(0, ["append", "fold", "fold", "replace", "append", "append"]);
  });

  it("starts over if a chunk was taken away, and only then", async () => {
    expect(await race(1, ["nothing", "nothing", "replace"])).toEqual({ ranges: 2, told: 2 });
    expect(await race(1, ["nothing", "wipe"])).toEqual({ ranges: 2, told: 1 });
    expect(await race(1, ["nothing", "append", "append"])).toEqual({ ranges: 1, told: 1 });
  });

  it("gives up in the end, and not as if there were damage", async () => {
    await expect(race(1, new Array<"replace">(60).fill("replace"))).rejects.toMatchObject({ code: "busy" });
  });

  it("is not held up by what fails for other reasons", async () => {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    const model = new Model();
    await write(store, archive, model, delta(model, 1, 500), true);
    store.before = (call) => {
      if (call === "get") throw new Error("no disk");
    };
    await expect(archive.read("cards")).rejects.toThrow("no disk");
    store.before = () => undefined;
    const failing = archive.read("cards", {
      first: () => {
        throw new TypeError("of the caller");
      },
    });
    await expect(failing).rejects.toThrow(TypeError);
  });

  it("is not taken for damage by a leader that is none any more", async () => {
    const store = new MapStore();
    const model = new Model();
    const old = new Archive(store, PREFIX);
    await write(store, old, model, delta(model, 1, 5000, { size: 150 }), true);
    await commit(store, old.append(delta(model, 2, 3000)));
    model.apply(delta(model, 2, 3000));
    const now = new Archive(store, PREFIX);
    await now.open();
    await write(store, now, model, delta(model, 3, 3000, { size: 150 }));
    const before = new Map(store.map);
    await old.fold(); // what it returns the fence refuses
    expect(store.map).toEqual(before);
    await same(store, model);
  });
});

describe("folding", () => {
  const patterns: readonly (readonly [string, (i: number, roll: (sides: number) => number) => Pick<Delta, "put" | "del">])[] = [
    ["ascending ids", (i) => ({ put: [["cards", String(i).padStart(6, "0"), i + 1, { text: "x".repeat(100) }]], del: [] })],
    ["random ids", (i, roll) => ({ put: [["cards", String(roll(1e6)), i + 1, { text: "x".repeat(100) }]], del: [] })],
    ["one id", (i) => ({ put: [["cards", "a", i + 1, { text: "x".repeat(100) }]], del: [] })],
    ["tiny rows", (i) => ({ put: Array.from({ length: 40 }, (_, k) => ["cards", `${k * 7919}-${i}`, i + 1, {}] as const), del: [] })],
    ["large rows", (i, roll) => ({ put: [["cards", String(roll(12)), i + 1, { text: "x".repeat(roll(300_000)) }]], del: [] })],
    ["growth, then decline", (i, roll) => (i < 1000 ? { put: [["cards", String(i), i + 1, { text: "x".repeat(1000) }]], del: [] } : { put: [], del: [["cards", String(i - 1000)], ["cards", String(roll(1000))]] })],
    ["nothing but cursors", () => ({ put: [], del: [] })],
  ];

  it.each(patterns)("keeps log and chunks within bounds: %s", async (name, next) => {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    const model = new Model();
    const roll = dice(7);
    let written = 0;
    let changed = 0;
    const count = ({ put = [] }: Changes): unknown => (written += put.reduce((sum, [, text]) => sum + text.length, 0));
    const rounds = name === "large rows" ? 60 : name === "tiny rows" ? 600 : 2000;
    for (let i = 0; i < rounds; i++) {
      const made: Delta = { rev: i + 1, cursor: `${i + 1}-x`, view: VIEW, ...next(i, roll) };
      model.apply(made);
      const append = archive.append(made);
      count(append);
      changed += JSON.stringify(made).length + 256;
      await commit(store, append);
      const fold = await archive.fold();
      if (fold === undefined) continue;
      count(fold);
      await commit(store, fold);
      bounds(store);
      expect(keys(store, "l")).toEqual([]);
    }
    bounds(store);
    await same(store, model);
    expect(manifest(store).rev).toBeGreaterThan(0);
    expect(written / changed).toBeLessThan(name === "random ids" || name === "tiny rows" ? 10 : 4);
  });

  it("rewrites only what the log touches", async () => {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    const model = new Model();
    await write(store, archive, model, delta(model, 1, 10_000, { space: 20_000, size: 400, dels: 0 }), true);
    const chunks = keys(store, "c").length;
    expect(chunks).toBeGreaterThan(10);
    const [entry] = model.entries("cards").slice(1000);
    const made: Delta = { rev: 2, cursor: "2-x", view: VIEW, put: [["cards", entry?.id ?? "", 2, { text: "x".repeat(MIN_LOG) }]], del: [] };
    model.apply(made);
    await commit(store, archive.append(made));
    const reader = new MapStore(store.map);
    const leader = new Archive(reader, PREFIX);
    await leader.open();
    let gets = 0;
    reader.before = (call) => void (call === "get" && gets++);
    const fold = await leader.fold();
    expect(gets).toBe(1);
    expect(fold?.del).toHaveLength(1);
    expect(fold?.put?.length).toBeLessThanOrEqual(3); // the chunk or its halves, and the manifest
    await commit(store, fold ?? {});
    bounds(store);
    await same(store, model);
  });

  it("folds one huge delta at once, and leaves many small ones for a while", async () => {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    const model = new Model();
    await write(store, archive, model, delta(model, 1, 10_000, { size: 300 }));
    expect(keys(store, "l")).toEqual([]);
    bounds(store);
    let records = 0;
    while (records === keys(store, "l").length) {
      await write(store, archive, model, delta(model, 100 + records, 1));
      records++;
    }
    expect(records).toBeGreaterThan(150);
    await same(store, model);
  });

  it("does not write the manifest to append", async () => {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    const model = new Model();
    await write(store, archive, model, delta(model, 1, 100), true);
    const made = { ...delta(model, 2, 3), view: model.view ?? VIEW };
    const { put = [], ...rest } = archive.append(made);
    expect(rest).toEqual({});
    expect(put).toHaveLength(1);
    expect(put[0]?.[1]).not.toContain('"view"');
  });
});

describe("what is read when it is asked for", () => {
  async function stored(rows: Delta["put"]): Promise<{ store: MapStore; archive: Archive }> {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    await commit(store, archive.append({ rev: 1, cursor: "1-x", view: VIEW, put: rows, del: [] }));
    await commit(store, (await archive.fold(true)) ?? {});
    return { store, archive };
  }

  const rows = (prefix: string): Delta["put"] => Array.from({ length: 9000 }, (_, i) => ["cards", prefix + String(i).padStart(4, "0"), 1, { n: i }] as const);
  const read = async (store: MapStore, whole: () => boolean = () => false): Promise<Shelf> => {
    const { entries } = await new Archive(new MapStore(store.map), PREFIX).read("cards", { damaged: (error) => expect.fail(error.message), whole });
    return entries as Shelf;
  };

  it("are chunks that the log does not change", async () => {
    const { store, archive } = await stored(rows(""));
    expect((await read(store)).pieces.map(({ first, count }) => [first, count])).toEqual([["0000", 2000], ["2000", 2000], ["4000", 2000], ["6000", 2000], ["8000", 1000]]);
    await commit(store, archive.append({ rev: 2, cursor: "2-x", view: VIEW, put: [["cards", "3000a", 2, { n: -1 }]], del: [["cards", "6001"]] }));
    const shelf = await read(store);
    expect(shelf.pieces.map(({ first }) => first)).toEqual(["0000", "4000", "8000"]);
    expect(shelf.size).toBe(9000);
    expect([shelf.get("3000a")?.version, shelf.get("6001"), shelf.get("8999")?.value]).toEqual([2, undefined, { n: 8999 }]);
    expect(shelf.pieces.map(({ first }) => first)).toEqual(["0000", "4000"]);
  });

  it("is nothing if all is to be looked at, from the moment on where that is so", async () => {
    const { store } = await stored(rows(""));
    expect((await read(store, () => true)).pieces).toEqual([]);
    let asked = 0;
    expect((await read(store, () => ++asked > 3)).pieces).toHaveLength(3);
  });

  it("is nothing where the order of the chunks is not that of queries, or where it is not known", async () => {
    expect((await read((await stored(rows("\u{1f600}"))).store)).pieces).toEqual([]);
    const { store } = await stored(rows("é"));
    expect((await read(store)).pieces).toHaveLength(5);
    // As it was written before that was noted.
    const { collections, ...rest } = manifest(store);
    store.map.set(PREFIX + "m", manifestText({ ...rest, collections: new Map([...collections].map(([name, chunks]) => [name, chunks.map((chunk) => ({ ...chunk, plain: undefined }))])) }));
    const shelf = await read(store);
    expect([shelf.pieces.length, shelf.size]).toEqual([0, 9000]);
  });

  it("counts as empty if it cannot be read, and tells so, once", async () => {
    const { store } = await stored(rows(""));
    const [, chunk] = manifest(store).collections.get("cards") ?? [];
    const text = store.map.get(`${PREFIX}c${chunk?.n}`) ?? "";
    store.map.set(`${PREFIX}c${chunk?.n}`, "{" + text.slice(1));
    const told: string[] = [];
    const { entries, sound } = await new Archive(store, PREFIX).read("cards", { damaged: ({ message }) => told.push(message) });
    expect([entries.size, told]).toEqual([9000, []]);
    for (let i = 0; i < 2; i++) expect([entries.get("2000"), entries.get("3999"), entries.get("4000")?.version]).toEqual([undefined, undefined, 1]);
    expect([entries.size, told]).toEqual([7000, [`chunk ${chunk?.n} of cards is missing or damaged`]]);
    await expect(sound()).rejects.toThrow(`chunk ${chunk?.n} of cards`);
    store.map.set(`${PREFIX}c${chunk?.n}`, text.slice(1));
    await expect(read(store)).rejects.toThrow(`chunk ${chunk?.n} of cards is missing or damaged`); // that much shows at once
  });
});

describe("damage", () => {
  async function written(): Promise<{ store: MapStore; model: Model; before: Model }> {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    const model = new Model();
    await write(store, archive, model, delta(model, 3, 3000, { size: 200 }), true);
    for (let i = 0; i < 3; i++) await write(store, archive, model, delta(model, 10 + i, 20));
    const before = model.copy();
    await write(store, archive, model, delta(model, 20, 20));
    expect(keys(store, "l")).toHaveLength(4);
    expect(keys(store, "c").length).toBeGreaterThan(3);
    return { store, model, before };
  }

  /** Opens and reads all: what was found, or the first damage. */
  async function look(map: Map<string, string>): Promise<Model | DamageError> {
    const archive = new Archive(new MapStore(map), PREFIX);
    const found = new Model();
    try {
      const { rev, cursor, view, collections } = await archive.open();
      Object.assign(found, { rev, cursor, view });
      for (const name of collections.keys()) {
        const { entries, sound } = await archive.read(name);
        await sound();
        found.contents.set(name, new Map([...entries.values()].map(({ id, version, value }) => [id, [version, value]])));
      }
      return found;
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
      expect(error.code).toBe("damaged");
      return error;
    }
  }

  it("of any one value is noticed", async () => {
    const { store, before } = await written();
    expect(await look(store.map)).not.toBeInstanceOf(DamageError);
    const all = [...store.map.keys()];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...all), fc.constantFrom("lost", "cut", "flipped", "doubled", "empty", "swapped"), fc.nat(), fc.integer({ min: 1, max: 0xffff }), async (key, kind, at, bits) => {
        const map = new Map(store.map);
        const text = map.get(key) ?? "";
        const place = at % text.length;
        const other = all[at % all.length] ?? key;
        if (kind === "lost") map.delete(key);
        else if (kind === "cut") map.set(key, text.slice(0, place));
        else if (kind === "flipped") map.set(key, text.slice(0, place) + String.fromCharCode(text.charCodeAt(place) ^ bits) + text.slice(place + 1));
        else if (kind === "doubled") map.set(key, text.slice(0, place) + text.slice(place - 1));
        else if (kind === "empty") map.set(key, "");
        else map.set(key, map.get(other) ?? "");
        if (map.get(key) === text) return;
        const found = await look(map);
        // A log that ends before its end is the state of before.
        if (kind === "lost" && key === keys(store, "l").at(-1)) expect((found as Model).contents).toEqual(before.contents);
        else expect(found).toBeInstanceOf(DamageError);
      }),
      { numRuns: 250 },
    );
  });

  it("names what is damaged, and leaves the rest", async () => {
    const { store, model } = await written();
    const [{ n } = { n: 0 }] = manifest(store).collections.get("people") ?? [];
    store.map.delete(`${PREFIX}c${n}`);
    const archive = new Archive(store, PREFIX);
    await expect(archive.read("people")).rejects.toThrow(`chunk ${n} of people is missing or damaged`);
    equal([...(await archive.read("cards")).entries.values()], model.entries("cards"));
    store.map.set(`${PREFIX}c${n}`, "[]");
    await expect(archive.read("people")).rejects.toThrow(`chunk ${n} of people is missing or damaged`);
    const [, second = ""] = keys(store, "l");
    store.map.delete(second);
    await expect(archive.open()).rejects.toThrow("record 3 of the log is missing or damaged");
    store.map.delete(PREFIX + "m");
    await expect(archive.read("cards")).rejects.toThrow("the manifest is missing or damaged");
  });

  it("leaves what the log says of what is damaged", async () => {
    const { store, model } = await written();
    const list = manifest(store).collections.get("cards") ?? [];
    const [{ n, first } = { n: 0, first: "" }, second] = list;
    const archive = new Archive(store, PREFIX);
    await archive.open();
    await commit(store, archive.append({ rev: model.rev + 1, cursor: "9-x", view: VIEW, put: [["cards", first + "+", 9, {}]], del: [] }));
    const told: string[] = [];
    for (const text of [undefined, "[]"]) {
      if (text === undefined) store.map.delete(`${PREFIX}c${n}`);
      else store.map.set(`${PREFIX}c${n}`, text);
      const { entries } = await new Archive(store, PREFIX).read("cards", { damaged: ({ message }) => told.push(message) });
      expect([entries.get(first), entries.get(first + "+")?.version]).toEqual([undefined, 9]);
      const rest = model.entries("cards").filter(({ id }) => id >= (second?.first ?? ""));
      equal(rest.map(({ id }) => entries.get(id) as Entry), rest);
    }
    expect(told).toEqual(Array(2).fill(`chunk ${n} of cards is missing or damaged`));
  });

  it("is found by a fold, which then changes nothing", async () => {
    const { store, model } = await written();
    const archive = new Archive(store, PREFIX);
    await archive.open();
    await commit(store, archive.append(delta(model, 30, 5000)));
    const [key = ""] = keys(store, "c");
    store.map.set(key, "[]");
    await expect(archive.fold()).rejects.toBeInstanceOf(DamageError);
    // A reset mends it.
    const fresh = new Archive(store, PREFIX);
    await commit(store, fresh.replace(9, "9-x", VIEW, model.confirmed()));
    Object.assign(model, { rev: 9, cursor: "9-x", view: VIEW });
    await same(store, model);
    bounds(store);
  });

  const good = [["a", 1, "b", 1], [{}, {}]];
  it.each<[string, unknown]>([
    ["no list", {}],
    ["an empty list", []],
    ["lists that are none", [{}, {}]],
    ["no values", [["a", 1, "b", 1]]],
    ["too few rows", [["a", 1], [{}]]],
    ["too many rows", [["a", 1, "b", 1, "c", 1], [{}, {}, {}]]],
    ["too few ids", [["a", 1], [{}, {}]]],
    ["too many ids", [["a", 1, "b", 1, "c", 1], [{}, {}]]],
    ["another first row", [["0", 1, "b", 1], [{}, {}]]],
    ["out of order", [["a", 1, "0", 1], [{}, {}]]],
    ["twice", [["a", 1, "a", 1], [{}, {}]]],
    ["an id that is none", [["a", 1, 7, 1], [{}, {}]]],
    ["version 0", [["a", 1, "b", 0], [{}, {}]]],
    ["a negative version", [["a", 1, "b", -1], [{}, {}]]],
    ["a broken version", [["a", 1, "b", 1.5], [{}, {}]]],
    ["a version that is not safe", [["a", 1, "b", 2 ** 53], [{}, {}]]],
    ["a version that is text", [["a", 1, "b", "1"], [{}, {}]]],
    ["a value that is a list", [["a", 1, "b", 1], [{}, []]]],
    ["null", [["a", 1, "b", 1], [null, {}]]],
  ])("of a chunk with a right check sum is noticed: %s", async (_, rows) => {
    const store = new MapStore();
    const forge = (text: string): void => {
      store.map.set(PREFIX + "c1", text);
      const chunk = { n: 1, first: "a", rows: 2, size: text.length, sum: hash(text) };
      store.map.set(PREFIX + "m", manifestText({ rev: 1, cursor: "1-x", view: VIEW, next: 2, collections: new Map([["cards", [chunk]]]) }));
    };
    forge(JSON.stringify(good));
    expect((await new Archive(store, PREFIX).read("cards")).entries.size).toBe(2);
    forge(JSON.stringify(rows));
    await expect(new Archive(store, PREFIX).read("cards")).rejects.toThrow(DamageError);
    forge(JSON.stringify(rows).slice(1));
    await expect(new Archive(store, PREFIX).read("cards")).rejects.toThrow("chunk 1 of cards is missing or damaged");
  });

  const seal = (value: unknown): string => hash(JSON.stringify(value)) + JSON.stringify(value);
  const chunk = { n: 1, first: "a", rows: 2, size: 9, sum: 0 };
  const whole = { format: 2, rev: 1, cursor: "1-x", view: VIEW, next: 2, collections: [["cards", [chunk]]] };

  it.each<[string, object]>([
    ["no format", { format: undefined }],
    ["format 1", { format: 1 }],
    ["a format that is text", { format: "2" }],
    ["no rev", { rev: undefined }],
    ["a negative rev", { rev: -1 }],
    ["a cursor that is none", { cursor: 1 }],
    ["a cursor that is null", { cursor: null }],
    ["a view that is none", { view: {} }],
    ["a scope that is none", { scope: 1 }],
    ["a view with a part that is none", { view: [{}] }],
    ["no next chunk", { next: "2" }],
    ["collections that are none", { collections: {} }],
    ["a collection that is none", { collections: ["cards"] }],
    ["a collection without chunks", { collections: [["cards"]] }],
    ["a collection without name", { collections: [[1, [chunk]]] }],
    ["no number of a chunk", { collections: [["cards", [{ ...chunk, n: undefined }]]] }],
    ["a first id that is none", { collections: [["cards", [{ ...chunk, first: 1 }]]] }],
    ["a number of rows that is none", { collections: [["cards", [{ ...chunk, rows: -2 }]]] }],
    ["no size", { collections: [["cards", [{ ...chunk, size: null }]]] }],
    ["no check sum", { collections: [["cards", [{ ...chunk, sum: "0" }]]] }],
  ])("of a manifest with a right check sum is noticed: %s", async (_, members) => {
    const store = new MapStore();
    store.map.set(PREFIX + "m", seal(whole));
    expect(await new Archive(store, PREFIX).open()).toMatchObject({ rev: 1, cursor: "1-x", view: VIEW });
    store.map.set(PREFIX + "m", seal({ ...whole, ...members }));
    await expect(new Archive(store, PREFIX).open()).rejects.toThrow("the manifest is missing or damaged");
  });

  const record = { rev: 2, cursor: "2-x", view: VIEW, put: [["cards", "a", 1, {}]], del: [["cards", "b"]] };
  it.each<[string, unknown]>([
    ["no object", [1]],
    ["another rev", { ...record, rev: 3 }],
    ["no cursor", { ...record, cursor: undefined }],
    ["a view that is none", { ...record, view: "all" }],
    ["a scope that is none", { ...record, scope: null }],
    ["no put", { ...record, put: undefined }],
    ["no del", { ...record, del: undefined }],
    ["a drop that is none", { ...record, drop: [{}] }],
    ["a drop by no selector", { ...record, drop: [{ in: "cards", where: { $no: 1 } }] }],
    ["a row without collection", { ...record, put: [["a", 1, {}]] }],
    ["a row that is none", { ...record, put: [null] }],
    ["a value that is none", { ...record, put: [["cards", "a", 1, 1]] }],
    ["version 0", { ...record, put: [["cards", "a", 0, {}]] }],
    ["a deletion without id", { ...record, del: [["cards"]] }],
    ["a deletion that is none", { ...record, del: ["cards"] }],
  ])("of a record with a right check sum is noticed: %s", async (_, value) => {
    const store = new MapStore();
    store.map.set(PREFIX + "m", seal(whole));
    const key = PREFIX + "l" + "2".padStart(16, "0");
    store.map.set(key, seal(record));
    expect(await new Archive(store, PREFIX).open()).toMatchObject({ rev: 2, cursor: "2-x" });
    store.map.set(key, seal(value));
    await expect(new Archive(store, PREFIX).open()).rejects.toThrow(DamageError);
  });

  it("is not what a later version wrote", async () => {
    const store = new MapStore();
    const archive = new Archive(store, PREFIX);
    store.map.set(PREFIX + "m", seal({ format: 3, shards: [] }));
    for (const call of [archive.open(), archive.read("cards")]) await expect(call).rejects.toMatchObject({ code: "newer", name: "SynclineError" });
    // But not if that is a flipped digit.
    store.map.set(PREFIX + "m", seal(whole).replace('"format":2', '"format":3'));
    await expect(archive.open()).rejects.toThrow(DamageError);
  });
});
