// The public types of @syncline/client/file. Written by `npm --prefix web/client run api`.

export { openFileStore };

declare function openFileStore(directory: string): Promise<Store>;
