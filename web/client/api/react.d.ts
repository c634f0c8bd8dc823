// The public types of @syncline/client/react. Written by `npm --prefix web/client run api`.

export { SynclineProvider, UseOptions, useEntry, usePending, usePresence, useQuery, useRejected, useSpace, useStatus };

declare function SynclineProvider({ client, snapshot, children }: Provided & {
    readonly children?: ReactNode;
}): ReactNode;

interface Provided {
    readonly client?: Client | undefined;
    readonly snapshot?: Hydrated | undefined;
}

interface UseOptions {
    readonly suspense?: boolean;
}

declare function useEntry<C extends Collections, N extends NameOf<C>>(space: TypedSpace<C>, collection: N, id: string, options?: UseOptions): Shown<C[N]> | undefined;

declare function useEntry(space: Space, collection: string, id: string, options?: UseOptions): Entry | undefined;

declare function usePending(space: WithPending): readonly Mutation[];

type WithPending = Pick<Space, "pending" | "subscribe">;

declare function usePresence(space: WithPresence): ReadonlyMap<string, Peer>;

type WithPresence = Pick<Space, "presence">;

declare function useQuery<C extends Collections, N extends NameOf<C>>(space: TypedSpace<C>, query: TypedQuery<C, N>, options?: UseOptions): TypedResult<C[N]>;

declare function useQuery(space: Space, query: Query, options?: UseOptions): QueryResult;

declare function useRejected(space: WithRejected): readonly Rejected[];

type WithRejected = Pick<Space, "rejected" | "subscribe">;

declare function useSpace(path: string, options: SpaceOptions, own?: Client): Space;

declare function useStatus(of: WithStatus): Status;

interface WithStatus {
    readonly status: Status;
    subscribe(fn: () => void): () => void;
}
