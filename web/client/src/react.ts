/**
 * Syncline for React 18 and later.
 *
 * ```tsx
 * const board = useSpace("demo/board", { view: [{ in: "cards" }] });
 * const { rows, status } = useQuery(board, { in: "cards", where: { done: false }, sort: ["title"] });
 * ```
 *
 * @module
 */

import { createContext, createElement, type ReactNode, useContext, useMemo, useSyncExternalStore } from "react";
import type { Entry, Mutation, Peer, Query, QueryResult, Rejected, Space, SpaceOptions, Status } from "./api.js";
import type { Client } from "./client.js";
import { SynclineError } from "./errors.js";
import type { Hydrated } from "./hydrate.js";
import type { Lensed } from "./lens.js";
import type { Collections, NameOf, TypedQuery } from "./shape.js";
import type { Shown, TypedResult, TypedSpace } from "./typed.js";
import { entryOf, nameOf, pendingOf, presenceOf, queryOf, rejectedOf, type Source, spaceOf, statusOf, type WithPending, type WithPresence, type WithRejected, type WithStatus } from "./watch.js";

/** What a {@link SynclineProvider} gives to everything below it. */
interface Provided {
  readonly client?: Client | undefined;
  /** What the server has rendered the page from: the same on the server and in the page. */
  readonly snapshot?: Hydrated | undefined;
}

/** Options of {@link useQuery} and {@link useEntry}. */
export interface UseOptions {
  /** Suspend while what is on the disk is being read. On a server: where the snapshot does not have it, leave it to the page. */
  readonly suspense?: boolean;
}

const Context = createContext<Provided>({});

/** Gives client and snapshot to the hooks. Only `useSpace` without a client and pages that were rendered on a server need it. */
export function SynclineProvider({ client, snapshot, children }: Provided & { readonly children?: ReactNode }): ReactNode {
  const value = useMemo(() => ({ client, snapshot }), [client, snapshot]);
  return createElement(Context.Provider, { value }, children);
}

/**
 * The space at `path` of the client, by default the provider's. One that was not open before is closed some time after the last
 * component that uses it is gone and nothing waits to be sent: who needs it elsewhere, too, opens it first. Throws `no_client`,
 * `view_differs` if others use it with another view, `bad_name`.
 */
export function useSpace(path: string, options: SpaceOptions, own?: Client): Space {
  const provided = useContext(Context).client;
  const client = own ?? provided;
  if (client === undefined) throw new SynclineError("no_client", "useSpace needs a client, its own or that of a SynclineProvider");
  const asked = JSON.stringify(options); // another object that says the same is no other one
  const { subscribe, get } = useMemo(() => spaceOf(client, path, options), [client, path, asked]);
  return useSyncExternalStore(subscribe, get, get);
}

/** The answer to a query, kept up to date; the same object as long as nothing in it has changed. Throws as {@link Space.query}. */
export function useQuery<C extends Collections, N extends NameOf<C>>(space: TypedSpace<C>, query: TypedQuery<C, N>, options?: UseOptions): TypedResult<C[N]>;
export function useQuery(space: Space, query: Query, options?: UseOptions): QueryResult;
export function useQuery(space: Space | Lensed, query: Query, options?: UseOptions): unknown {
  const { snapshot } = useContext(Context);
  const name = nameOf(query);
  return useSource(useMemo(() => queryOf(space, query, { snapshot }), [space, name, snapshot]), options);
}

/** One entry; undefined if there is none, or none yet. Throws as {@link Space.get}. */
export function useEntry<C extends Collections, N extends NameOf<C>>(space: TypedSpace<C>, collection: N, id: string, options?: UseOptions): Shown<C[N]> | undefined;
export function useEntry(space: Space, collection: string, id: string, options?: UseOptions): Entry | undefined;
export function useEntry(space: Space | Lensed, collection: string, id: string, options?: UseOptions): unknown {
  const { snapshot } = useContext(Context);
  return useSource(useMemo(() => entryOf(space, collection, id, { snapshot }), [space, collection, id, snapshot]), options);
}

/** The status of a space, or of a client: of all its spaces together. On a server `connecting`. */
export function useStatus(of: WithStatus): Status {
  return useSource(useMemo(() => statusOf(of), [of]));
}

/** The refused mutations that wait for the application. */
export function useRejected(space: WithRejected): readonly Rejected[] {
  return useSource(useMemo(() => rejectedOf(space), [space]));
}

/** The mutations that are queued, sent, or not yet confirmed. */
export function usePending(space: WithPending): readonly Mutation[] {
  return useSource(useMemo(() => pendingOf(space), [space]));
}

/** The other sessions by public name, in a space opened with `presence: true`. */
export function usePresence(space: WithPresence): ReadonlyMap<string, Peer> {
  return useSource(useMemo(() => presenceOf(space), [space]));
}

function useSource<T>(source: Source<T>, { suspense = false }: UseOptions = {}): T {
  const first = source.seed ?? source.blank;
  // Without one React leaves the component to the page, as if it were suspended there.
  const server = suspense && source.seed === undefined ? undefined : () => first;
  const shown = useSyncExternalStore(source.subscribe, source.get, server);
  const waiting = suspense ? source.wait?.(shown) : undefined;
  if (waiting !== undefined) throw waiting; // so a component suspends, in React 18 too
  return shown;
}
