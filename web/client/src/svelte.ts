/**
 * Syncline for Svelte, 4 and 5: stores, which live from their first subscriber to their last.
 *
 * ```svelte
 * const cards = $derived(queryStore(board, { in: "cards", where: { done } }));
 * …
 * {#each $cards.rows as card (card.id)}
 * ```
 *
 * @module
 */

import type { Entry, Mutation, Peer, Query, QueryResult, Rejected, Space, Status } from "./api.js";
import type { Lensed } from "./lens.js";
import type { Collections, NameOf, TypedQuery } from "./shape.js";
import type { Shown, TypedResult, TypedSpace } from "./typed.js";
import { entryOf, pendingOf, presenceOf, queryOf, rejectedOf, type Source, statusOf, type WatchOptions, type WithPending, type WithPresence, type WithRejected, type WithStatus } from "./watch.js";

/** A store as Svelte, and others, understand it. */
export interface Store<T> {
  /** Calls `run` with the value, at once and for each change; returns the end of that. */
  subscribe(run: (value: T) => void): () => void;
}

/** The answer to a query, kept up to date. Subscribing throws as {@link Space.query}. */
export function queryStore<C extends Collections, N extends NameOf<C>>(space: TypedSpace<C>, query: TypedQuery<C, N>, options?: WatchOptions): Store<TypedResult<C[N]>>;
export function queryStore(space: Space, query: Query, options?: WatchOptions): Store<QueryResult>;
export function queryStore(space: Space | Lensed, query: Query, options?: WatchOptions): unknown {
  return store(queryOf(space, query, options));
}

/** One entry; undefined if there is none, or none yet. Subscribing throws as {@link Space.get}. */
export function entryStore<C extends Collections, N extends NameOf<C>>(space: TypedSpace<C>, collection: N, id: string, options?: WatchOptions): Store<Shown<C[N]> | undefined>;
export function entryStore(space: Space, collection: string, id: string, options?: WatchOptions): Store<Entry | undefined>;
export function entryStore(space: Space | Lensed, collection: string, id: string, options?: WatchOptions): unknown {
  return store(entryOf(space, collection, id, options));
}

/** The status of a space, or of a client: of all its spaces together. */
export function statusStore(of: WithStatus): Store<Status> {
  return store(statusOf(of));
}

/** The refused mutations that wait for the application. */
export function rejectedStore(space: WithRejected): Store<readonly Rejected[]> {
  return store(rejectedOf(space));
}

/** The mutations that are queued, sent, or not yet confirmed. */
export function pendingStore(space: WithPending): Store<readonly Mutation[]> {
  return store(pendingOf(space));
}

/** The other sessions by public name, in a space opened with `presence: true`. */
export function presenceStore(space: WithPresence): Store<ReadonlyMap<string, Peer>> {
  return store(presenceOf(space));
}

function store<T>(source: Source<T>): Store<T> {
  return {
    subscribe(run) {
      let shown = source.seed ?? source.get();
      let over = false;
      const show = (): void => {
        const now = source.get();
        if (now === shown) return;
        shown = now;
        run(now);
      };
      const end = source.subscribe(() => {
        if (!over) show();
      });
      run(shown);
      // Until then the page is that of the server.
      queueMicrotask(() => {
        if (!over) show();
      });
      return () => {
        if (!over) end();
        over = true;
      };
    },
  };
}
