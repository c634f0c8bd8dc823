/**
 * The client's side of an application that is written with `@syncline/client/define`: mutators run on the device at once, and on the server
 * for good.
 *
 * ```ts
 * import app from "./app";
 * const team = openSpace(client, app, "team/{team}", { team: "alpha" }, { view: [{ in: "cards" }] });
 * team.put("cards", "c1", { title: "Write", done: false });
 * team.call("closeCard", { id: "c1" });
 * ```
 *
 * *What a call shows* is computed anew from what the device holds each time that something below it changes, until the server's answer is there. The
 * server may decide otherwise: it sees more than the device does, and it runs the mutator on the state that the call commits on. What
 * must come out alike comes from `tx`: its random numbers and ids are the same on both sides; `Math.random` and `Date` are not.
 *
 * *A run that throws* shows nothing here; the call stays queued, and the server decides. What was thrown is reported once as an error that
 * nobody caught, unless it is a `tx.reject`. A mutator must not be async: a run that returns a promise shows nothing either.
 *
 * *Another build* of the application, which does not have a mutator, keeps calls of it queued, shows nothing of them, and sends them.
 *
 * @module
 */

import type { Mutation, SpaceOptions } from "./api.js";
import type { Client } from "./client.js";
import type { AnyApp, App, Args, KindsOf } from "./define.js";
import { report } from "./emitter.js";
import { SynclineError } from "./errors.js";
import { spell } from "./invalid.js";
import type { Play, Player } from "./player.js";
import { copy, Refusal, Stage } from "./stage.js";
import { validate, type StandardSchema } from "./standard.js";
import { typed, type Schemas, type TypedSpace } from "./typed.js";

/** The variables of a pattern of paths. */
export type Variables<K> = K extends `${string}{${infer Name}}${infer Rest}` ? { readonly [N in Name]: string } & Variables<Rest> : unknown;

/** A space of an application: a {@link TypedSpace} with the application's calls. */
export interface AppSpace<in out C, in out A> extends TypedSpace<KindsOf<C>> {
  /** As {@link Space.call}; throws `invalid` for arguments that do not fit the mutator's schema. */
  call<M extends keyof A & string>(name: M, ...args: undefined extends Args<A[M]> ? [args?: Args<A[M]>] : [args: Args<A[M]>]): Mutation;
}

type Kind = AnyApp["spaces"][string];
type Mutator = NonNullable<Kind["mutators"]>[string];

/** What runs the calls of a kind of space, for {@link SpaceOptions.mutators}. Throws `bad_name` for a kind that the application does not have. */
export function mutators(app: AnyApp, kind: string): Player {
  const { mutators: all = {} } = kindOf(app, kind);
  const find = (name: string): Mutator | undefined => (Object.hasOwn(all, name) ? all[name] : undefined);
  const told = new WeakSet<object>();
  return {
    check(name, args) {
      const schema = find(name)?.args;
      const verdict = isStandard(schema) ? validate(schema, args) : undefined;
      if (verdict?.issues) throw new SynclineError("invalid", `the arguments of ${name} do not fit: ${spell(verdict.issues)}. Nothing was changed`);
    },
    play(call, seed, ground): Play | undefined {
      const mutator = find(call.name);
      if (mutator === undefined) return undefined;
      const stage = new Stage(call.now, seed, ground);
      const { touched } = stage;
      try {
        const made: unknown = mutator.run(stage.tx as never, copy(call.args ?? null) as never);
        if (made instanceof Promise) {
          made.catch(() => undefined); // nobody waits for it
          throw new SynclineError("async_mutator", `the mutator ${call.name} is async: it runs while the page is drawn, so it must not wait for anything`);
        }
        return { seed, ops: stage.ops, made: stage.made, touched };
      } catch (error) {
        if (!(error instanceof Refusal) && !told.has(call)) {
          told.add(call);
          queueMicrotask(() => report(error));
        }
        return { seed, ops: [], made: new Map(), touched, error };
      } finally {
        stage.close();
      }
    },
  };
}

/**
 * Opens the space of a kind whose path has these variables, with types, schemas and mutators. The same object as long as the space is open.
 * Throws as {@link Client.space}.
 */
export function openSpace<C, A, K extends keyof C & string>(
  client: Client,
  app: App<C, A>,
  kind: K,
  variables: Variables<K>,
  options: Omit<SpaceOptions, "mutators">,
): AppSpace<C[K], K extends keyof A ? A[K] : object>;
export function openSpace(client: Client, app: object, kind: string, variables: unknown, options: Omit<SpaceOptions, "mutators">): unknown {
  const path = kind.replace(/\{(\w+)\}/g, (_, name: string) => (variables as { readonly [name: string]: string })[name] ?? "");
  const space = client.space(path, { ...options, mutators: mutators(app as AnyApp, kind) });
  return typed(space, schemasOf(kindOf(app as AnyApp, kind)));
}

const schemas = new WeakMap<object, Schemas>();

/** The same object for the same kind. */
function schemasOf(kind: Kind): Schemas {
  let made = schemas.get(kind);
  if (made === undefined) {
    const all = Object.entries(kind.collections ?? {}).flatMap(([name, { schema }]) => (isStandard(schema) ? [[name, schema] as const] : []));
    schemas.set(kind, (made = Object.fromEntries(all)));
  }
  return made;
}

function kindOf(app: AnyApp, kind: string): Kind {
  const found = Object.hasOwn(app.spaces, kind) ? app.spaces[kind] : undefined;
  if (found === undefined) throw new SynclineError("bad_name", `the application has no kind of space ${kind}`);
  return found;
}

function isStandard(schema: unknown): schema is StandardSchema {
  return (typeof schema === "object" || typeof schema === "function") && schema !== null && "~standard" in schema;
}
