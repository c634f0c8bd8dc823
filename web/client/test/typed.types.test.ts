/** The types of typed spaces: what is said here is checked by `tsc`; at run time nothing is called. */
import * as v from "valibot";
import { describe, expectTypeOf, it } from "vitest";
import type { ShallowRef } from "vue";
import { z } from "zod";
import type { Entry, Mutation, QueryResult, Space } from "../src/api.js";
import * as react from "../src/react.js";
import * as solid from "../src/solid.js";
import * as svelte from "../src/svelte.js";
import { type At, type Checked, type Misfit, type Path, typed, type TypedEntry, type TypedResult, type TypedSpace, type TypedUpdate } from "../src/typed.js";
import * as vue from "../src/vue.js";

const app = {
  cards: z.object({
    title: z.string(),
    votes: z.number().int(),
    tags: z.array(z.string()),
    note: z.string().optional(),
    state: z.enum(["open", "done"]),
    at: z.object({ x: z.number(), y: z.number(), deep: z.object({ er: z.object({ est: z.number(), no: z.object({ further: z.number() }) }) }) }),
    due: z.iso.datetime().transform((text) => new Date(text)),
    rank: z.number().default(0),
    owner: z.string().nullable(),
    counts: z.record(z.string(), z.number()),
    log: z.array(z.object({ by: z.string(), n: z.number() })),
  }),
  people: v.object({ name: v.string(), age: v.optional(v.number()), born: v.pipe(v.string(), v.transform((text) => text.length)) }),
};
type Card = z.input<typeof app.cards>;

declare const space: Space;
const make = () => typed(space, app);
const board = undefined as unknown as ReturnType<typeof make>;
/** For TypeScript only. */
const never = (_: () => void): void => undefined;

describe("paths", () => {
  it("go into objects, not into arrays, four names deep", () => {
    expectTypeOf<Extract<Path<Card>, `at${string}`>>().toEqualTypeOf<"at" | "at.x" | "at.y" | "at.deep" | "at.deep.er" | "at.deep.er.est" | "at.deep.er.no">();
    expectTypeOf<Extract<Path<Card>, `log${string}`>>().toEqualTypeOf<"log">();
    expectTypeOf<At<Card, "at.x">>().toEqualTypeOf<number>();
    expectTypeOf<At<Card, "note">>().toEqualTypeOf<string>();
    expectTypeOf<At<Card, "owner">>().toEqualTypeOf<string | null>();
    expectTypeOf<At<Card, "due">>().toEqualTypeOf<string>();
    expectTypeOf<At<Card, "counts.a">>().toEqualTypeOf<number>();
  });

  it("take both sides of a union, leave out names that need escapes, and end in recursive types", () => {
    type Shape = { kind: "circle"; r: number } | { kind: "square"; side: { of: number } };
    expectTypeOf<Path<Shape>>().toEqualTypeOf<"kind" | "r" | "side" | "side.of">();
    expectTypeOf<At<Shape, "kind">>().toEqualTypeOf<"circle" | "square">();
    expectTypeOf<Path<{ "a.b": number; $c: number; "d\\": number; e: { "f.g": number; h: number } }>>().toEqualTypeOf<"e" | "e.h">();
    interface Tree { name: string; kid?: Tree }
    expectTypeOf<Path<Tree>>().toEqualTypeOf<"name" | "kid" | "kid.name" | "kid.kid" | "kid.kid.name" | "kid.kid.kid" | "kid.kid.kid.name" | "kid.kid.kid.kid">();
    expectTypeOf<Path<{ id: string & { readonly brand: unique symbol } }>>().toEqualTypeOf<"id">();
  });

  it("are any where the type is any", () => {
    expectTypeOf<Path<any>>().toEqualTypeOf<string>();
    expectTypeOf<At<unknown, "a">>().toEqualTypeOf<never>();
  });
});

describe("writes", () => {
  it("take what the schema takes", () => {
    never(() => {
      expectTypeOf(board.put("people", "p", { name: "Ada", born: "1815" })).toEqualTypeOf<Mutation>();
      board.put("people", "p", { name: "Ada", age: 36, born: "1815" }, { if: 0 });
      // @ts-expect-error a member is missing
      board.put("people", "p", { name: "Ada" });
      // @ts-expect-error not what it makes of it
      board.put("people", "p", { name: "Ada", born: 4 });
      // @ts-expect-error not the type
      board.put("people", "p", { name: 1, born: "" });
      // @ts-expect-error nothing else
      board.put("people", "p", { name: "Ada", born: "", wings: 2 });
      // @ts-expect-error no such collection
      board.put("pets", "p", { name: "Ada", born: "" });
      board.delete("people", "p");
      // @ts-expect-error no such collection
      board.delete("pets", "p");
    });
  });

  it("patch paths that there are, with what belongs there", () => {
    never(() => {
      board.patch("cards", "c", { $inc: { votes: 1, "at.x": -1, "counts.ada": 1, rank: 1 }, $add: { tags: ["x"] }, $remove: { tags: ["y"] } });
      board.patch("cards", "c", { $set: { title: "x", "at.y": 2, note: "", owner: null, due: "2026-01-01T00:00:00Z", at: { x: 1, y: 1, deep: { er: { est: 1, no: { further: 1 } } } } } });
      board.patch("cards", "c", { $unset: ["note", "rank", "counts.ada"] });
      // @ts-expect-error no number
      board.patch("cards", "c", { $inc: { title: 1 } });
      // @ts-expect-error perhaps no number
      board.patch("cards", "c", { $inc: { owner: 1 } });
      // @ts-expect-error no such path
      board.patch("cards", "c", { $inc: { "at.z": 1 } });
      // @ts-expect-error no array
      board.patch("cards", "c", { $add: { title: ["x"] } });
      // @ts-expect-error no array of scalars
      board.patch("cards", "c", { $add: { log: [{ by: "a", n: 1 }] } });
      // @ts-expect-error not its elements
      board.patch("cards", "c", { $remove: { tags: [1] } });
      // @ts-expect-error not its value
      board.patch("cards", "c", { $set: { "at.y": "2" } });
      // @ts-expect-error not one of its values
      board.patch("cards", "c", { $set: { state: "closed" } });
      // @ts-expect-error no such path
      board.patch("cards", "c", { $set: { titel: "x" } });
      // @ts-expect-error must be there
      board.patch("cards", "c", { $unset: ["title"] });
      // @ts-expect-error must be there
      board.patch("cards", "c", { $unset: ["at.x"] });
    });
    expectTypeOf<NonNullable<TypedUpdate<{ a?: { b?: number; c: number } }>["$unset"]>[number]>().toEqualTypeOf<"a" | "a.b">();
  });

  it("are typed in a mutation, too", () => {
    never(() =>
      board.mutate((tx) => {
        const card = tx.get("cards", "c");
        expectTypeOf(card?.value?.due).toEqualTypeOf<Date | undefined>();
        for (const row of tx.query({ in: "people" })) expectTypeOf(row).toEqualTypeOf<TypedEntry<{ name: string; age?: number | undefined; born: number }> | Misfit>();
        tx.put("people", "p", { name: "x", born: "" });
        tx.patch("cards", "c", { $inc: { votes: 1 } });
        // @ts-expect-error no number
        tx.patch("cards", "c", { $inc: { title: 1 } });
        // @ts-expect-error no such collection
        tx.put("pets", "p", {});
      }, { serializable: true }),
    );
  });
});

describe("reads", () => {
  it("give what the schema makes", () => {
    never(() => {
      const { rows, misfits } = board.query({ in: "cards", where: { votes: { $gt: 3 } }, sort: ["title", { "at.x": "desc" }], limit: 5 });
      expectTypeOf(rows[0]?.value.due).toEqualTypeOf<Date | undefined>();
      expectTypeOf(rows[0]?.value.rank).toEqualTypeOf<number | undefined>();
      expectTypeOf(misfits).toEqualTypeOf<readonly Misfit[]>();
      const next = rows.at(-1)?.stored;
      board.query({ in: "cards", sort: ["title"], ...(next && { after: next }) });
      const person = board.get("people", "p");
      expectTypeOf(person?.value?.born).toEqualTypeOf<number | undefined>();
      if (person?.issues === undefined) expectTypeOf(person).toEqualTypeOf<TypedEntry<v.InferOutput<typeof app.people>> | undefined>();
      else expectTypeOf(person).toEqualTypeOf<Misfit>();
    });
  });

  it("ask for paths that there are, as they are stored", () => {
    never(() => {
      board.query({ in: "cards", where: { "at.x": 1, tags: { $in: ["x"] }, log: { $elemMatch: { by: "a", n: { $lt: 2 } } }, owner: null, at: { y: { $gte: 1 } } } });
      board.query({ in: "cards", where: { $or: [{ title: "a" }, { $not: { due: { $lt: "2026" } } }], "counts.ada": { $exists: true } } });
      // @ts-expect-error not what it becomes
      board.query({ in: "cards", where: { due: new Date() } });
      // @ts-expect-error no such path
      board.query({ in: "cards", where: { titel: "a" } });
      // @ts-expect-error not its type
      board.query({ in: "cards", where: { votes: { $gt: "3" } } });
      // @ts-expect-error no such path below
      board.query({ in: "cards", where: { $or: [{ titel: "a" }] } });
      // @ts-expect-error no such operator
      board.query({ in: "cards", where: { votes: { $bigger: 3 } } });
      // @ts-expect-error no such path
      board.query({ in: "cards", sort: ["titel"] });
      // @ts-expect-error not of this collection
      board.query({ in: "people", where: { title: "a" } });
      // @ts-expect-error a part of a record has no type
      board.query({ in: "cards", fields: ["title"] });
    });
  });

  it("need no library", () => {
    interface Todo { title: string; done: boolean; note?: string }
    never(() => {
      const list = typed<{ todos: Todo }>(space);
      list.put("todos", "t", { title: "x", done: false });
      list.patch("todos", "t", { $set: { done: true }, $unset: ["note"] });
      expectTypeOf(list.get("todos", "t")).toEqualTypeOf<TypedEntry<Todo> | undefined>();
      expectTypeOf(list.query({ in: "todos", where: { done: false } }).rows).toEqualTypeOf<readonly TypedEntry<Todo>[]>();
      // @ts-expect-error not its type
      list.put("todos", "t", { title: "x", done: "no" });
      // @ts-expect-error no such path
      list.query({ in: "todos", where: { title: "x", doen: true } });
    });
  });
});

describe("the bindings", () => {
  type Person = TypedEntry<v.InferOutput<typeof app.people>>;
  type Rows = TypedResult<{ input: unknown; output: v.InferOutput<typeof app.people>; misfit: Misfit }>;
  const query = { in: "people", where: { age: { $gt: 3 } } } as const;

  it("show typed rows", () => {
    never(() => {
      expectTypeOf(react.useQuery(board, query).rows).toEqualTypeOf<readonly Person[]>();
      expectTypeOf(react.useQuery(board, query, { suspense: true }).misfits).toEqualTypeOf<readonly Misfit[]>();
      expectTypeOf(vue.useQuery(board, () => query)).toMatchTypeOf<Readonly<ShallowRef<Pick<Rows, "rows" | "misfits" | "total">>>>();
      expectTypeOf(vue.useQuery(() => board, query).value.rows).toEqualTypeOf<readonly Person[]>();
      svelte.queryStore(board, query).subscribe(({ rows }) => expectTypeOf(rows).toEqualTypeOf<readonly Person[]>());
      expectTypeOf(solid.createQuery(board, () => query)().rows).toEqualTypeOf<readonly Person[]>();
      expectTypeOf(solid.createQuery(() => board, query)().status).toEqualTypeOf<QueryResult["status"]>();
    });
  });

  it("show typed entries", () => {
    never(() => {
      expectTypeOf(react.useEntry(board, "people", "p")).toEqualTypeOf<Person | Misfit | undefined>();
      expectTypeOf(vue.useEntry(board, "people", () => "p").value).toEqualTypeOf<Person | Misfit | undefined>();
      svelte.entryStore(board, "people", "p").subscribe((entry) => expectTypeOf(entry).toEqualTypeOf<Person | Misfit | undefined>());
      expectTypeOf(solid.createEntry(board, "people", "p")()).toEqualTypeOf<Person | Misfit | undefined>();
    });
  });

  it("refuse what the types do, instead of taking the space for an untyped one", () => {
    never(() => {
      // @ts-expect-error no such path
      react.useQuery(board, { in: "people", where: { agee: 1 } });
      // @ts-expect-error no such collection
      react.useEntry(board, "pets", "p");
      // @ts-expect-error no such path
      vue.useQuery(board, { in: "people", sort: ["agee"] });
      // @ts-expect-error no such collection
      vue.useEntry(board, "pets", "p");
      // @ts-expect-error no such collection
      svelte.queryStore(board, { in: "pets" });
      // @ts-expect-error no such path
      solid.createQuery(board, { in: "people", where: { agee: 1 } });
    });
  });

  it("take untyped spaces as before, and typed ones for all that has no types", () => {
    never(() => {
      expectTypeOf(react.useQuery(space, { in: "anything", fields: ["a"] })).toEqualTypeOf<QueryResult>();
      expectTypeOf(vue.useEntry(space, "anything", "x").value).toEqualTypeOf<Entry | undefined>();
      react.useStatus(board);
      react.usePending(board);
      react.useRejected(board);
      react.usePresence(board.space);
      vue.useStatus(board);
      vue.usePending(board);
      svelte.rejectedStore(board);
      solid.createPending(board);
    });
  });
});

it("a typed space has a name for who is handed one", () => {
  const titles = (of: TypedSpace<Checked<typeof app>>): string[] => of.query({ in: "cards" }).rows.map(({ value }) => value.title);
  never(() => titles(board));
  expectTypeOf(titles).returns.toEqualTypeOf<string[]>();
});
