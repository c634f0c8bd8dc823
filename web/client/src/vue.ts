/**
 * Syncline for Vue 3.3 and later. Call these in `setup`, or in an effect scope: they end with it.
 *
 * ```ts
 * const done = ref(false);
 * const cards = useQuery(board, () => ({ in: "cards", where: { done: done.value } }));
 * ```
 *
 * @module
 */

import { getCurrentInstance, hasInjectionContext, inject, type MaybeRefOrGetter, onMounted, type ShallowRef, shallowRef, ssrContextKey, toRaw, toValue, watch } from "vue";
import type { Entry, Mutation, Peer, Query, QueryResult, Rejected, Space, Status } from "./api.js";
import type { Lensed } from "./lens.js";
import type { Collections, NameOf, TypedQuery } from "./shape.js";
import type { Shown, TypedResult, TypedSpace } from "./typed.js";
import { entryOf, pendingOf, presenceOf, queryOf, rejectedOf, type Source, statusOf, type WatchOptions, type WithPending, type WithPresence, type WithRejected, type WithStatus } from "./watch.js";

/** What a composable gives: to read, and replaced as a whole for each change. */
type Seen<T> = Readonly<ShallowRef<T>>;

/** The answer to a query, kept up to date. Throws as {@link Space.query}. */
export function useQuery<C extends Collections, N extends NameOf<C>>(space: MaybeRefOrGetter<TypedSpace<C>>, query: MaybeRefOrGetter<TypedQuery<C, N>>, options?: WatchOptions): Seen<TypedResult<C[N]>>;
export function useQuery(space: MaybeRefOrGetter<Space>, query: MaybeRefOrGetter<Query>, options?: WatchOptions): Seen<QueryResult>;
export function useQuery(space: MaybeRefOrGetter<Space | Lensed>, query: MaybeRefOrGetter<Query>, options?: WatchOptions): unknown {
  return follow(() => queryOf(plain(space), toValue(query), options));
}

/** One entry; undefined if there is none, or none yet. Throws as {@link Space.get}. */
export function useEntry<C extends Collections, N extends NameOf<C>>(
  space: MaybeRefOrGetter<TypedSpace<C>>,
  collection: MaybeRefOrGetter<N>,
  id: MaybeRefOrGetter<string>,
  options?: WatchOptions,
): Seen<Shown<C[N]> | undefined>;
export function useEntry(
  space: MaybeRefOrGetter<Space>,
  collection: MaybeRefOrGetter<string>,
  id: MaybeRefOrGetter<string>,
  options?: WatchOptions,
): Seen<Entry | undefined>;
export function useEntry(
  space: MaybeRefOrGetter<Space | Lensed>,
  collection: MaybeRefOrGetter<string>,
  id: MaybeRefOrGetter<string>,
  options?: WatchOptions,
): unknown {
  return follow(() => entryOf(plain(space), toValue(collection), toValue(id), options));
}

/** The status of a space, or of a client: of all its spaces together. On a server `connecting`. */
export function useStatus(of: MaybeRefOrGetter<WithStatus>): Seen<Status> {
  return follow(() => statusOf(plain(of)));
}

/** The refused mutations that wait for the application. */
export function useRejected(space: MaybeRefOrGetter<WithRejected>): Seen<readonly Rejected[]> {
  return follow(() => rejectedOf(plain(space)));
}

/** The mutations that are queued, sent, or not yet confirmed. */
export function usePending(space: MaybeRefOrGetter<WithPending>): Seen<readonly Mutation[]> {
  return follow(() => pendingOf(plain(space)));
}

/** The other sessions by public name, in a space opened with `presence: true`. */
export function usePresence(space: MaybeRefOrGetter<WithPresence>): Seen<ReadonlyMap<string, Peer>> {
  return follow(() => presenceOf(plain(space)));
}

/** The object itself: a proxy of Vue has no way to its private parts. */
function plain<T>(of: MaybeRefOrGetter<T>): T {
  return toRaw(toValue(of));
}

function follow<T>(source: () => Source<T>): Seen<T> {
  let now = source();
  const shown = shallowRef(now.seed ?? now.blank);
  // On a server no scope ends: nothing may be opened there.
  if (hasInjectionContext() && inject(ssrContextKey, undefined) !== undefined) return shown;
  const show = (): void => {
    shown.value = now.get();
  };
  // A component that already has its element takes over a page from the server: first it must show the same.
  if ((getCurrentInstance()?.vnode.el ?? undefined) === undefined) show();
  else onMounted(show);
  watch(source, (next, before, ended) => {
    now = next;
    ended(next.subscribe(show));
    if (before !== undefined) show();
  }, { immediate: true });
  return shown;
}
