// The public types of @syncline/client/devtools. Written by `npm --prefix web/client run api`.

export { DevtoolsElement, DevtoolsOptions, Position, defineDevtools, mountDevtools };

interface DevtoolsElement extends HTMLElement {
    client: Client | undefined;
}

interface DevtoolsOptions {
    readonly parent?: ParentNode;
    readonly open?: boolean;
    readonly position?: Position;
}

type Position = "bottom-right" | "bottom-left" | "inline";

declare function defineDevtools(name?: string): void;

declare function mountDevtools(client: Client, options?: DevtoolsOptions): () => void;
