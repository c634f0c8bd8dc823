/**
 * Syncline for Solid. Call these in a component, or under another owner: they end with it.
 *
 * ```tsx
 * const cards = createQuery(board, () => ({ in: "cards", where: { done: done() } }));
 * <For each={cards().rows}>{(card) => <li>{card.value.title}</li>}</For>
 * ```
 *
 * @module
 */

import { type Accessor, createComputed, createMemo, createSignal, onCleanup, onMount, sharedConfig, untrack } from "solid-js";
import { isServer } from "solid-js/web";
import type { Entry, Mutation, Peer, Query, QueryResult, Rejected, Space, Status } from "./api.js";
import type { Lensed } from "./lens.js";
import type { Collections, NameOf, TypedQuery } from "./shape.js";
import type { Shown, TypedResult, TypedSpace } from "./typed.js";
import { entryOf, pendingOf, presenceOf, queryOf, rejectedOf, type Source, statusOf, type WatchOptions, type WithPending, type WithPresence, type WithRejected, type WithStatus } from "./watch.js";

/** A value, or a function that reads it from signals. */
export type MaybeAccessor<T> = T | Accessor<T>;

/** The answer to a query, kept up to date. Throws as {@link Space.query}. */
export function createQuery<C extends Collections, N extends NameOf<C>>(space: MaybeAccessor<TypedSpace<C>>, query: MaybeAccessor<TypedQuery<C, N>>, options?: WatchOptions): Accessor<TypedResult<C[N]>>;
export function createQuery(space: MaybeAccessor<Space>, query: MaybeAccessor<Query>, options?: WatchOptions): Accessor<QueryResult>;
export function createQuery(space: MaybeAccessor<Space | Lensed>, query: MaybeAccessor<Query>, options?: WatchOptions): unknown {
  return follow(() => queryOf(read(space), read(query), options));
}

/** One entry; undefined if there is none, or none yet. Throws as {@link Space.get}. */
export function createEntry<C extends Collections, N extends NameOf<C>>(
  space: MaybeAccessor<TypedSpace<C>>,
  collection: MaybeAccessor<N>,
  id: MaybeAccessor<string>,
  options?: WatchOptions,
): Accessor<Shown<C[N]> | undefined>;
export function createEntry(
  space: MaybeAccessor<Space>,
  collection: MaybeAccessor<string>,
  id: MaybeAccessor<string>,
  options?: WatchOptions,
): Accessor<Entry | undefined>;
export function createEntry(
  space: MaybeAccessor<Space | Lensed>,
  collection: MaybeAccessor<string>,
  id: MaybeAccessor<string>,
  options?: WatchOptions,
): unknown {
  return follow(() => entryOf(read(space), read(collection), read(id), options));
}

/** The status of a space, or of a client: of all its spaces together. On a server `connecting`. */
export function createStatus(of: MaybeAccessor<WithStatus>): Accessor<Status> {
  return follow(() => statusOf(read(of)));
}

/** The refused mutations that wait for the application. */
export function createRejected(space: MaybeAccessor<WithRejected>): Accessor<readonly Rejected[]> {
  return follow(() => rejectedOf(read(space)));
}

/** The mutations that are queued, sent, or not yet confirmed. */
export function createPending(space: MaybeAccessor<WithPending>): Accessor<readonly Mutation[]> {
  return follow(() => pendingOf(read(space)));
}

/** The other sessions by public name, in a space opened with `presence: true`. */
export function createPresence(space: MaybeAccessor<WithPresence>): Accessor<ReadonlyMap<string, Peer>> {
  return follow(() => presenceOf(read(space)));
}

function read<T extends object | string>(of: MaybeAccessor<T>): T {
  return typeof of === "function" ? of() : of;
}

function follow<T>(make: () => Source<T>): Accessor<T> {
  const source = createMemo(make);
  const { seed, blank, get } = untrack(source);
  // What takes over a page from the server must first show the same.
  const hydrating = sharedConfig.context !== undefined;
  const [shown, set] = createSignal(isServer || hydrating ? (seed ?? blank) : get());
  if (isServer) return shown;
  createComputed((before: Source<T> | undefined) => {
    const now = source();
    onCleanup(now.subscribe(() => set(() => now.get())));
    if (before !== undefined) set(() => now.get());
    return now;
  });
  if (hydrating) onMount(() => set(() => untrack(source).get()));
  return shown;
}
