/** The types that an application's definition gives: what is said here is checked by `tsc`; at run time next to nothing is called. */
import { expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { define, json } from "../src/define.js";
import type { Client, Mutation } from "../src/index.js";
import { openSpace } from "../src/mutators.js";
import type { TypedLiveQuery } from "../src/typed.js";

const app = define({
  spaces: {
    "team/{team}": {
      open: "member(space.team)",
      relations: { member: { in: "members", subject: "user", object: "team" } },
      collections: {
        cards: { schema: z.object({ title: z.string(), done: z.boolean(), votes: z.number().int() }), read: "member(space.team)" },
        notes: { schema: json<{ text: string }>({ type: "object" }) },
        raw: { read: "true" },
      },
      mutators: {
        closeCard: {
          allow: "member(space.team)",
          as: "space",
          args: z.object({ id: z.string() }),
          run(tx, { id }) {
            expectTypeOf(id).toEqualTypeOf<string>();
            expectTypeOf(tx.get("cards", id)).toEqualTypeOf<{ title: string; done: boolean; votes: number } | undefined>();
            expectTypeOf(tx.query({ in: "notes", where: { text: "x" } })[0]?.value.text).toEqualTypeOf<string | undefined>();
            tx.patch("cards", id, { $set: { done: true }, $inc: { votes: 1 } });
            // @ts-expect-error no such field
            tx.patch("cards", id, { $set: { nope: true } });
            // @ts-expect-error no such collection
            tx.get("nope", id);
            tx.put("raw", id, { anything: [1] });
          },
        },
        tidy: { allow: "true", run: (tx) => void tx.id() },
      },
    },
    "user/{user}": { open: "space.user == auth.uid", collections: { prefs: { schema: z.object({ dark: z.boolean() }) } } },
  },
});

function types(client: Client): void {
  const team = openSpace(client, app, "team/{team}", { team: "a" }, { view: [] });
  team.put("cards", "x", { title: "x", done: false, votes: 1 });
  // @ts-expect-error a number is no title
  team.put("cards", "x", { title: 1 });
  expectTypeOf(team.call("closeCard", { id: "x" })).toEqualTypeOf<Mutation>();
  team.call("tidy");
  // @ts-expect-error a number is no id
  team.call("closeCard", { id: 1 });
  // @ts-expect-error it takes arguments
  team.call("closeCard");
  // @ts-expect-error no such mutator
  team.call("nope");
  const rows = team.query({ in: "cards", where: { done: false } });
  expectTypeOf(rows).toExtend<Pick<TypedLiveQuery<never>, "ready">>();
  expectTypeOf(rows.rows[0]?.value.title).toEqualTypeOf<string | undefined>();
  // @ts-expect-error the variable is team
  openSpace(client, app, "team/{team}", { tem: "a" }, { view: [] });
  // @ts-expect-error no such kind
  openSpace(client, app, "tem/{team}", { team: "a" }, { view: [] });
  openSpace(client, app, "user/{user}", { user: "a" }, { view: [] }).put("prefs", "p", { dark: true });
}

it("defines what it is given", () => {
  expect(Object.keys(app.spaces)).toEqual(["team/{team}", "user/{user}"]);
  expect(types).toBeTypeOf("function");
});
