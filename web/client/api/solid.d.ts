// The public types of @syncline/client/solid. Written by `npm --prefix web/client run api`.

export { MaybeAccessor, createEntry, createPending, createPresence, createQuery, createRejected, createStatus };

type MaybeAccessor<T> = T | Accessor<T>;

declare function createEntry<C extends Collections, N extends NameOf<C>>(space: MaybeAccessor<TypedSpace<C>>, collection: MaybeAccessor<N>, id: MaybeAccessor<string>, options?: WatchOptions): Accessor<Shown<C[N]> | undefined>;

declare function createEntry(space: MaybeAccessor<Space>, collection: MaybeAccessor<string>, id: MaybeAccessor<string>, options?: WatchOptions): Accessor<Entry | undefined>;

declare function createPending(space: MaybeAccessor<WithPending>): Accessor<readonly Mutation[]>;

declare function createPresence(space: MaybeAccessor<WithPresence>): Accessor<ReadonlyMap<string, Peer>>;

declare function createQuery<C extends Collections, N extends NameOf<C>>(space: MaybeAccessor<TypedSpace<C>>, query: MaybeAccessor<TypedQuery<C, N>>, options?: WatchOptions): Accessor<TypedResult<C[N]>>;

declare function createQuery(space: MaybeAccessor<Space>, query: MaybeAccessor<Query>, options?: WatchOptions): Accessor<QueryResult>;

declare function createRejected(space: MaybeAccessor<WithRejected>): Accessor<readonly Rejected[]>;

declare function createStatus(of: MaybeAccessor<WithStatus>): Accessor<Status>;
