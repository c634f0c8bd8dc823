// The public types of @syncline/client/svelte. Written by `npm --prefix web/client run api`.

export { Store, entryStore, pendingStore, presenceStore, queryStore, rejectedStore, statusStore };

interface Store<T> {
    subscribe(run: (value: T) => void): () => void;
}

declare function entryStore<C extends Collections, N extends NameOf<C>>(space: TypedSpace<C>, collection: N, id: string, options?: WatchOptions): Store<Shown<C[N]> | undefined>;

declare function entryStore(space: Space, collection: string, id: string, options?: WatchOptions): Store<Entry | undefined>;

declare function pendingStore(space: WithPending): Store<readonly Mutation[]>;

declare function presenceStore(space: WithPresence): Store<ReadonlyMap<string, Peer>>;

declare function queryStore<C extends Collections, N extends NameOf<C>>(space: TypedSpace<C>, query: TypedQuery<C, N>, options?: WatchOptions): Store<TypedResult<C[N]>>;

declare function queryStore(space: Space, query: Query, options?: WatchOptions): Store<QueryResult>;

declare function rejectedStore(space: WithRejected): Store<readonly Rejected[]>;

declare function statusStore(of: WithStatus): Store<Status>;
