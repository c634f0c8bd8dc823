// The public types of @syncline/client/vue. Written by `npm --prefix web/client run api`.

export { useEntry, usePending, usePresence, useQuery, useRejected, useStatus };

declare function useEntry<C extends Collections, N extends NameOf<C>>(space: MaybeRefOrGetter<TypedSpace<C>>, collection: MaybeRefOrGetter<N>, id: MaybeRefOrGetter<string>, options?: WatchOptions): Seen<Shown<C[N]> | undefined>;

interface WatchOptions {
    readonly snapshot?: Hydrated | undefined;
}

type Seen<T> = Readonly<ShallowRef<T>>;

declare function useEntry(space: MaybeRefOrGetter<Space>, collection: MaybeRefOrGetter<string>, id: MaybeRefOrGetter<string>, options?: WatchOptions): Seen<Entry | undefined>;

declare function usePending(space: MaybeRefOrGetter<WithPending>): Seen<readonly Mutation[]>;

declare function usePresence(space: MaybeRefOrGetter<WithPresence>): Seen<ReadonlyMap<string, Peer>>;

declare function useQuery<C extends Collections, N extends NameOf<C>>(space: MaybeRefOrGetter<TypedSpace<C>>, query: MaybeRefOrGetter<TypedQuery<C, N>>, options?: WatchOptions): Seen<TypedResult<C[N]>>;

declare function useQuery(space: MaybeRefOrGetter<Space>, query: MaybeRefOrGetter<Query>, options?: WatchOptions): Seen<QueryResult>;

declare function useRejected(space: MaybeRefOrGetter<WithRejected>): Seen<readonly Rejected[]>;

declare function useStatus(of: MaybeRefOrGetter<WithStatus>): Seen<Status>;
