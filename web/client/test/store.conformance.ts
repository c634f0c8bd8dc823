import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { type Changes, type Store, StoreError } from "../src/store.js";

/** One content, at first empty, that stores can be opened on. */
export interface Site {
  open(): Promise<Store>;
}

type Pair = readonly [key: string, value: string];

/** How long a test may take, in milliseconds, that needs a second or two on a machine that does nothing else. */
export const SLOW = 120_000;

/** Above all keys of these tests. */
const TOP = "\uffff".repeat(5);

/** In the order of UTF-16 code units, which is not that of code points: U+1F600 is before U+E000. */
const ODD = [
  ...["", "\0", "\0\0", "\0a", "\n", "\r\n", '"', "10", "9", "A", "\\", "__proto__", "a", "a\0", "a\0b", "aa", "aé", "constructor"],
  ...["e\u0301", "é", "\u2028", "\ud800", "\u{1f600}", "\ud83d\uffff", "\udc00", "\ue000", "\ufeff", "\uffff", "\uffff\uffff"],
];

/** All that a store has. */
export function everything(store: Store): Promise<readonly Pair[]> {
  return store.range("", TOP);
}

/** Makes changes without looking at anything. */
export function change(store: Store, changes: Changes, strict = false): Promise<boolean> {
  return store.update([], () => changes, { strict });
}

/** What a call rejects with, which must be a StoreError. */
export async function failure(call: Promise<unknown>): Promise<StoreError> {
  const error = await call.then(
    (value) => new Error(`resolved to ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoreError);
  return error as StoreError;
}

/** What changes do, by the word of the contract. */
export function apply(model: Map<string, string>, { drop = [], del = [], put = [] }: Changes): void {
  for (const [from, to] of drop) for (const key of [...model.keys()]) if (key >= from && key < to) model.delete(key);
  for (const key of del) model.delete(key);
  for (const [key, value] of put) model.set(key, value);
}

export function sorted(model: Map<string, string>): Pair[] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * Every sentence of the contract in store.ts. A site that `make` gives is used
 * by one test only; `tabs` says whether several stores may be open on it at a time.
 */
export function conformance(name: string, make: () => Site, { tabs }: { readonly tabs: boolean }): void {
  const opened: Store[] = [];
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });
  /** A content with two stores on it, or twice the same one. */
  const fresh = async (): Promise<{ open: () => Promise<Store>; store: Store; other: Store }> => {
    const site = make();
    const open = async (): Promise<Store> => {
      const store = await site.open();
      opened.push(store);
      return store;
    };
    const store = await open();
    return { open, store, other: tabs ? await open() : store };
  };

  describe(`${name}: reading`, () => {
    it("says what it is", async () => {
      expect((await fresh()).store.kind).toBe(name);
    });

    it("gives values in the order of the keys asked for", async () => {
      const { store, other } = await fresh();
      await change(store, { put: [["a", "1"], ["b", "2"], ["c", ""]] });
      expect(await other.get(["c", "a", "x", "b", "a"])).toEqual(["", "1", undefined, "2", "1"]);
      expect(await other.get(["__proto__", "constructor", "", "a\0", "A"])).toEqual(Array.from({ length: 5 }));
      expect(await store.get([])).toEqual([]);
    });

    it("orders keys by UTF-16 code units", async () => {
      const { open, store } = await fresh();
      const pairs = ODD.map((key): Pair => [key, `of ${key}`]);
      expect([...ODD].sort()).toEqual(ODD);
      await change(store, { put: [...pairs].reverse() });
      expect(await everything(store)).toEqual(pairs);
      for (const [i, key] of ODD.entries()) {
        expect(await store.range(key, TOP)).toEqual(pairs.slice(i));
        expect(await store.range("", key)).toEqual(pairs.slice(0, i));
      }
      expect(await store.get(ODD)).toEqual(pairs.map(([, value]) => value));
      await store.close();
      expect(await everything(await open())).toEqual(pairs);
    });

    it("ends a range before its second key", async () => {
      const { store } = await fresh();
      const put = ["a", "b", "b\0", "b/1", "b/2", "b0", "c"].map((key): Pair => [key, key]);
      await change(store, { put });
      const keys = async (from: string, to: string): Promise<string[]> => (await store.range(from, to)).map(([key]) => key);
      expect(await keys("b", "c")).toEqual(["b", "b\0", "b/1", "b/2", "b0"]);
      expect(await keys("aa", "b\0")).toEqual(["b"]);
      expect(await keys("b/", "b0")).toEqual(["b/1", "b/2"]);
      expect(await keys("b", "b")).toEqual([]);
      expect(await keys("c", "a")).toEqual([]);
      expect(await keys("", "")).toEqual([]);
      expect(await keys("d", "e")).toEqual([]);
    });

    it("keeps empty, odd and large values", async () => {
      const { open, store, other } = await fresh();
      const large = "0123456789abcdé\n".repeat(1 << 16);
      expect(large.length).toBe(1 << 20);
      const put: Pair[] = [["empty", ""], ["large", large], ["odd", ODD.join("|")], ["", "of the empty key"]];
      await change(store, { put }, true);
      const keys = put.map(([key]) => key);
      const values = put.map(([, value]) => value);
      expect((await other.get(keys)).every((value, i) => value === values[i])).toBe(true);
      await store.close();
      if (other !== store) await other.close();
      expect((await (await open()).get(keys)).every((value, i) => value === values[i])).toBe(true);
    });

    it("finds its way in many keys", async () => {
      const { store, other } = await fresh();
      const model = new Map<string, string>();
      const step = async (changes: Changes): Promise<void> => {
        await change(store, changes);
        apply(model, changes);
        expect(await everything(other)).toEqual(sorted(model));
      };
      // 7 and 500 have no common factor: all numbers, in no order.
      const keys = Array.from({ length: 500 }, (_, i) => `${ODD[(i * 7) % ODD.length] ?? ""}${(i * 7) % 500}`);
      await step({ put: keys.slice(0, 400).map((key) => [key, "first"]) });
      for (const key of keys.slice(395, 410)) await step({ put: [[key, "second"]] });
      await step({ put: keys.slice(400).map((key) => [key, "third"]), del: keys.slice(0, 100) });
      await step({ drop: [["A", "b"], ["\ue0001", "\ue0002"]], put: [["aa", "again"]] });
      expect(await store.range("\0", "é")).toEqual(sorted(model).filter(([key]) => key >= "\0" && key < "é"));
    });
  });

  describe(`${name}: update`, () => {
    it("hands the values to decide, once, and makes the changes", async () => {
      const { store, other } = await fresh();
      await change(store, { put: [["a", "1"], ["b", "2"]] });
      const seen: (readonly (string | undefined)[])[] = [];
      const call = store.update(["b", "x", "a", "b"], (values) => {
        seen.push(values);
        return { put: [["c", "3"]] };
      });
      // It waits for its turn: nobody may count on being called back before update returns.
      expect(seen).toEqual([]);
      expect(await call).toBe(true);
      expect(seen).toEqual([["2", undefined, "1", "2"]]);
      expect(await everything(other)).toEqual([["a", "1"], ["b", "2"], ["c", "3"]]);
      expect(await store.update([], (values) => (seen.push(values), {}))).toBe(true);
      expect(seen[1]).toEqual([]);
    });

    it("changes nothing when decide returns undefined", async () => {
      const { store, other } = await fresh();
      await change(store, { put: [["a", "1"]] });
      expect(await store.update(["a"], () => undefined)).toBe(false);
      expect(await store.update([], () => undefined, { strict: true })).toBe(false);
      expect(await everything(other)).toEqual([["a", "1"]]);
    });

    it("changes nothing when decide throws, and rejects with what it threw", async () => {
      const { store, other } = await fresh();
      await change(store, { put: [["a", "1"]] });
      for (const thrown of [new Error("mine"), "a string", undefined, null]) {
        const call = store.update(["a"], () => {
          throw thrown;
        });
        const error = await call.then(
          () => "resolved",
          (reason: unknown) => reason,
        );
        expect(error).toBe(thrown);
      }
      expect(await everything(other)).toEqual([["a", "1"]]);
      expect(await change(store, { put: [["b", "2"]] })).toBe(true);
      expect(await other.get(["a", "b"])).toEqual(["1", "2"]);
    });

    it("drops first, then deletes, then puts", async () => {
      const { store } = await fresh();
      await change(store, { put: ["a", "b", "c", "d", "e"].map((key) => [key, "old"]) });
      await change(store, {
        put: [["b", "lost"], ["d", "new"], ["b", "new"]],
        del: ["d", "e", "nothing"],
        drop: [["a", "c"], ["b", "c"], ["z", "a"], ["c", "c"]],
      });
      expect(await everything(store)).toEqual([["b", "new"], ["c", "old"], ["d", "new"]]);
    });

    it("takes turns: no change is lost when many count at once", async () => {
      const { store, other } = await fresh();
      const add = ([n = "0"]: readonly (string | undefined)[]): Changes => ({ put: [["n", String(Number(n) + 1)]] });
      await Promise.all(Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? store : other).update(["n"], add)));
      expect(await store.get(["n"])).toEqual(["200"]);
    });

    it("is seen whole or not at all", async () => {
      const { store, other } = await fresh();
      const put = (n: number): Pair[] => ["a", "m", "z"].map((key) => [key, String(n)]);
      await change(store, { put: put(0) });
      const calls: Promise<unknown>[] = [];
      const seen: (readonly (string | undefined)[])[] = [];
      for (let n = 1; n <= 20; n++) {
        calls.push(store.update([], () => ({ drop: [["a", "zz"]], put: put(n) })));
        calls.push(other.get(["z", "a", "m"]).then((values) => seen.push(values)));
        calls.push(other.range("a", "zz").then((pairs) => seen.push(pairs.map(([, value]) => value))));
      }
      await Promise.all(calls);
      expect(seen).toHaveLength(40);
      for (const values of seen) expect(values).toEqual([values[0], values[0], values[0]]);
      expect(await other.get(["a"])).toEqual(["20"]);
    });

    it("is seen by whoever calls after it was done", async () => {
      const { store, other } = await fresh();
      for (let n = 0; n < 20; n++) {
        await change(n % 2 === 0 ? store : other, { put: [["n", String(n)]] }, n % 3 === 0);
        const reader = n % 4 < 2 ? store : other;
        expect(await reader.get(["n"])).toEqual([String(n)]);
        expect(await reader.range("n", "o")).toEqual([["n", String(n)]]);
        expect(await reader.update(["n"], ([value]) => (value === String(n) ? {} : undefined))).toBe(true);
      }
    });

    it("does what a map does", { timeout: SLOW }, async () => {
      const key = fc.array(fc.constantFrom("a", "b", "\0", "é", "\ud83d", "\ude00", "\uffff"), { maxLength: 3 }).map((parts) => parts.join(""));
      const keys = fc.array(key, { maxLength: 4 });
      const value = fc.array(fc.nat(0xffff), { maxLength: 4 }).map((units) => String.fromCharCode(...units));
      const put = fc.array(fc.tuple(key, value), { maxLength: 6 });
      const step = fc.record({
        tab: fc.boolean(),
        reopen: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
        strict: fc.boolean(),
        read: keys,
        changes: fc.option(fc.record({ put, del: keys, drop: fc.array(fc.tuple(key, key), { maxLength: 2 }) }, { requiredKeys: [] }), { nil: undefined }),
        range: fc.tuple(key, key),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          const { open, store, other } = await fresh();
          const handles: Store[] = other === store ? [store] : [store, other];
          const model = new Map<string, string>();
          for (const { tab, reopen, strict, read, changes, range } of steps) {
            const at = tab ? handles.length - 1 : 0;
            if (reopen) {
              await handles[at]?.close();
              handles[at] = await open();
            }
            const handle = handles[at] ?? store;
            const made = await handle.update(
              read,
              (values) => {
                expect(values).toEqual(read.map((one) => model.get(one)));
                return changes;
              },
              { strict },
            );
            expect(made).toBe(changes !== undefined);
            apply(model, changes ?? {});
            const reader = handles[handles.length - 1 - at] ?? store;
            const [from, to] = range;
            expect(await reader.range(from, to)).toEqual(sorted(model).filter(([one]) => one >= from && one < to));
            expect(await reader.get(read)).toEqual(read.map((one) => model.get(one)));
          }
          for (const handle of handles) {
            expect(await everything(handle)).toEqual(sorted(model));
            await handle.close();
          }
        }),
        { numRuns: 40 },
      );
    });
  });

  describe(`${name}: the end`, () => {
    const rejects = async (store: Store, code: StoreError["code"]): Promise<void> => {
      let called = false;
      const decide = (): Changes => {
        called = true;
        return {};
      };
      const calls = [store.get(["a"]), store.get([]), store.range("a", "b"), store.range("b", "a"), store.update([], decide), store.update(["a"], decide)];
      for (const call of calls) expect((await failure(call)).code).toBe(code);
      expect((await failure(store.destroy())).code).toBe(code);
      expect(called).toBe(false);
    };

    it("close waits for the calls under way, and what comes after rejects", async () => {
      const { open, store } = await fresh();
      const lost: StoreError[] = [];
      store.onLost((error) => lost.push(error));
      const under: unknown[] = [];
      const calls = [
        change(store, { put: [["a", "1"]] }, true).then((made) => under.push(made)),
        store.get(["a"]).then((values) => under.push(values.length)),
        store.update(["a"], () => ({ put: [["b", "2"]] })).then((made) => under.push(made)),
        store.range("a", "b").then((pairs) => under.push(pairs.length <= 1)),
      ];
      const closed = store.close();
      await rejects(store, "closed");
      await closed;
      expect(under).toHaveLength(4);
      await Promise.all(calls);
      await store.close();
      await rejects(store, "closed");
      expect(await everything(await open())).toEqual([["a", "1"], ["b", "2"]]);
      expect(lost).toEqual([]);
    });

    it("close does not wait for calls that failed, and fails not with them", async () => {
      const { store } = await fresh();
      const call = store.update(["a"], () => {
        throw new Error("mine");
      });
      const error = call.catch((reason: unknown) => (reason as Error).message);
      await store.close();
      expect(await error).toBe("mine");
    });

    it.skipIf(!tabs)("close leaves other tabs alone", async () => {
      const { store, other } = await fresh();
      const lost: StoreError[] = [];
      other.onLost((error) => lost.push(error));
      await store.close();
      await change(other, { put: [["a", "1"]] });
      expect(await other.get(["a"])).toEqual(["1"]);
      expect(lost).toEqual([]);
    });

    it("destroy removes everything", async () => {
      const { open, store } = await fresh();
      const lost: StoreError[] = [];
      store.onLost((error) => lost.push(error));
      await change(store, { put: ODD.map((key) => [key, "x"]) }, true);
      const last = change(store, { put: [["a", "2"]] });
      await store.destroy();
      expect(await last).toBe(true);
      await rejects(store, "closed");
      await store.close();
      const next = await open();
      expect(await everything(next)).toEqual([]);
      await change(next, { put: [["a", "1"]] });
      expect(await everything(next)).toEqual([["a", "1"]]);
      expect(lost).toEqual([]);
    });

    it.skipIf(!tabs)("destroy is told to other tabs that have it open, once", async () => {
      const { open, store, other } = await fresh();
      const closed = await open();
      const told: string[] = [];
      store.onLost(() => told.push("store"));
      closed.onLost(() => told.push("closed"));
      const lost = [1, 2].map((n) => new Promise<StoreError>((resolve) => other.onLost((error) => (told.push(`other ${n}`), resolve(error)))));
      await closed.close();
      await change(store, { put: [["a", "1"]] });
      await store.destroy();
      for (const error of await Promise.all(lost)) {
        expect(error).toBeInstanceOf(StoreError);
        expect(error.code).toBe("lost");
      }
      await rejects(other, "lost");
      const next = await open();
      await rejects(other, "lost");
      expect(await everything(next)).toEqual([]);
      // One who asks late is told all the same.
      expect((await new Promise<StoreError>((resolve) => other.onLost(resolve))).code).toBe("lost");
      await other.close();
      await rejects(other, "closed");
      await rejects(store, "closed");
      expect(told.sort()).toEqual(["other 1", "other 2"]);
      await change(next, { put: [["b", "2"]] });
      expect(await everything(next)).toEqual([["b", "2"]]);
    });
  });
}
