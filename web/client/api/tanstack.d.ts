// The public types of @syncline/client/tanstack. Written by `npm --prefix web/client run api`.

export { SynclineCollection, SynclineUtils, mutationOf, synclineCollectionOptions, synclineMutation };

interface SynclineCollection<T extends object> {
    readonly space: Space;
    readonly collection: string;
    readonly where?: Where;
    readonly getKey?: (row: T) => string;
    readonly id?: string;
}

type SynclineUtils = {
    readonly space: Space;
    readonly collection: string;
};

declare function mutationOf(transaction: object): Mutation | undefined;

declare function synclineCollectionOptions<T extends object>(options: SynclineCollection<T>): CollectionConfig<T, string, never, SynclineUtils> & {
    readonly schema?: never;
    utils: SynclineUtils;
};

declare function synclineMutation({ transaction }: {
    readonly transaction: Transaction;
}): Promise<void>;

interface Transaction {
    readonly mutations: readonly Change[];
}

interface Change {
    readonly type: "insert" | "update" | "delete";
    readonly key: unknown;
    readonly original: object;
    readonly modified: object;
    readonly collection: {
        readonly utils: object;
    };
}
