import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoff, spread } from "../src/backoff.js";
import { batches } from "../src/carrier.js";
import { SynclineError } from "../src/errors.js";
import { checkId, checkPath, splitKey, keyOf } from "../src/key.js";
import { Ladder } from "../src/ladder.js";
import { checkSum, type Confirmed } from "../src/sum.js";
import { decode, seqOf } from "../src/wire.js";

describe("decode", () => {
  it("gives a message, nothing, or bad_frame, for any text", () => {
    const member = fc.oneof(fc.constantFrom("t", "space", "outcomes", "put", "to", "from", "view", "peers", "limits"), fc.string());
    const t = fc.constantFrom("welcome", "opened", "ack", "diff", "checked", "present", "cast", "error", "closed", "ping", "news");
    const message = fc.tuple(t, fc.dictionary(member, fc.jsonValue())).map(([t, rest]) => JSON.stringify({ ...rest, t }));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), message), (text) => {
        try {
          const decoded = decode(text);
          expect(decoded === undefined || typeof decoded.t === "string").toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(SynclineError);
          expect(error).toMatchObject({ code: "bad_frame" });
        }
      }),
      { numRuns: 500 },
    );
  });

  it("ignores members it does not know, and fills in what may be left out", () => {
    expect(decode('{"t":"ping","later":1}')).toEqual({ t: "ping", later: 1 });
    expect(decode('{"t":"later"}')).toBeUndefined();
    expect(decode('{"t":"opened","space":"s"}')).toMatchObject({ last: 0, outcomes: [] });
    expect(decode('{"t":"welcome","session":"s"}')).toMatchObject({ limits: {} });
    expect(decode('{"t":"error","code":"c"}')).toMatchObject({ message: "" });
  });
});

describe("checkSum", () => {
  // Computed by hand-written reference code below: bytes first, then two FNV-1a.
  const reference = (rows: readonly (readonly [string, string, number])[]): string => {
    const sums = [0, 0];
    for (const [collection, id, version] of rows) {
      const bytes = new TextEncoder().encode(`${collection}\0${id}\0${version}`);
      for (const [i, basis] of [0x811c9dc5, 0x9e3779b9].entries()) {
        let hash = BigInt(basis);
        for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x01000193n) & 0xffffffffn;
        sums[i] = Number((BigInt(sums[i] ?? 0) + hash) & 0xffffffffn);
      }
    }
    return sums.map((n) => n.toString(16).padStart(8, "0")).join("");
  };

  it("is the one of the protocol, for any names", () => {
    const id = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(fc.constantFrom("cards", "people"), id, fc.nat()), { selector: ([c, i]) => `${c}/${i}`, maxLength: 20 }), (rows) => {
        const confirmed: Confirmed = new Map();
        for (const [collection, id, version] of rows) {
          if (!confirmed.has(collection)) confirmed.set(collection, new Map());
          confirmed.get(collection)?.set(id, { collection, id, version, value: {}, state: "confirmed" });
        }
        expect(checkSum(confirmed)).toEqual({ count: rows.length, sum: reference(rows) });
      }),
    );
  });
});

describe("names", () => {
  it("of keys come apart again", () => expect(splitKey(keyOf("cards", "a/b"))).toEqual(["cards", "a/b"]));
  it.each(["", "A", "a//b", "/a", "a/", "-a", "a b", "a".repeat(129)])("%j is no path", (path) => expect(() => checkPath(path)).toThrow(SynclineError));
  it.each(["a", "a/b-c/d.e_f", "0"])("%j is a path", (path) => expect(() => checkPath(path)).not.toThrow());
  it.each(["", "\n", "\u007f", "\udc00", "x".repeat(257), 7, undefined])("%j is no id", (id) => expect(() => checkId(id)).toThrow(SynclineError));
  it.each(["a", "ü/☃", "𝄞".repeat(64)])("%j is an id", (id) => expect(() => checkId(id)).not.toThrow());
  it("cursors have numbers", () => expect([seqOf("0"), seqOf("118-n4bQ")]).toEqual([0, 118]));
});

describe("delays", () => {
  it("double from 0.25 s to 30 s, with jitter", () => {
    expect([0, 1, 2, 7, 100].map((n) => backoff(n, () => 1))).toEqual([250, 500, 1000, 30_000, 30_000]);
    expect(backoff(3, () => 0)).toBe(0);
    expect([spread(1000, () => 0), spread(1000, () => 1)]).toEqual([1000, 1500]);
  });
});

describe("the ladder", () => {
  it("tries all at first, without delay, and then the best one mostly", () => {
    const ladder = new Ladder(3);
    const tries = Array.from({ length: 8 }, () => [ladder.at, ladder.failed()]);
    expect(tries).toEqual([[0, true], [1, true], [2, false], [1, false], [0, false], [2, false], [0, false], [0, false]]);
  });

  it("keeps what has worked", () => {
    const ladder = new Ladder(3);
    ladder.failed();
    ladder.worked(1);
    ladder.lasted();
    expect([ladder.at, ladder.failed(), ladder.at, ladder.failed(), ladder.at, ladder.failed(), ladder.at, ladder.failed(), ladder.at]).toEqual([1, false, 1, false, 1, false, 2, false, 1]);
  });
});

describe("batches", () => {
  it("are bounded, in order, and hold everything", () => {
    const big = "x".repeat(700_000);
    expect(batches([big, big, "a", "b"])).toEqual([big, `${big}\na\nb`]);
    expect(batches(["y".repeat(3_000_000), "a"]).length).toBe(2);
    expect(batches([])).toEqual([]);
  });
});
