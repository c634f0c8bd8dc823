// The public types of @syncline/client/hydrate. Written by `npm --prefix web/client run api`.

export { Hydrated, Snapshot, SnapshotOptions, hydrated, snapshot };

interface Hydrated {
    result(path: string, name: string): QueryResult | undefined;
    entry(path: string, collection: string, id: string): Entry | undefined;
    over(space: Space, query: Query, name: string, own: QueryResult): QueryResult;
    overEntry(space: Space, collection: string, id: string, own: Entry | undefined): Entry | undefined;
}

interface Snapshot {
    readonly form: number;
    readonly space: string;
    readonly queries: readonly {
        readonly name: string;
        readonly in: string;
        readonly whole: boolean;
        readonly total: number;
        readonly rows: readonly (readonly [
            id: string,
            version: number,
            value: Doc
        ])[];
    }[];
}

interface SnapshotOptions {
    readonly signal?: AbortSignal;
}

declare function hydrated(...snapshots: readonly Snapshot[]): Hydrated;

declare function snapshot(space: Space, queries: readonly Query[], options?: SnapshotOptions): Promise<Snapshot>;
