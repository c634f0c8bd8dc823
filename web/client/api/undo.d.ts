// The public types of @syncline/client/undo. Written by `npm --prefix web/client run api`.

export { History, HistoryOptions };

declare class History {
    #private;
    constructor(space: Space, { limit, collections, mergeMs }?: HistoryOptions);
    get canUndo(): boolean;
    get canRedo(): boolean;
    get undoName(): string | undefined;
    get redoName(): string | undefined;
    subscribe(fn: () => void): () => void;
    group<T>(name: string, fn: () => T): T;
    begin(name: string): void;
    end(): void;
    undo(): Mutation | undefined;
    redo(): Mutation | undefined;
    clear(): void;
    close(): void;
}

interface HistoryOptions {
    readonly limit?: number;
    readonly collections?: readonly string[];
    readonly mergeMs?: number;
}
