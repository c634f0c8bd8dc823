// The public types of @syncline/client/testing. Written by `npm --prefix web/client run api`.

export { Actor, Explanation, Principal, Rules, RulesError, RulesOptions, Scene, Verdict, Write, openRules };

declare class Actor {
    #private;
    constructor(session: Session, scene: number, as: Principal);
    visible(): Promise<readonly string[]>;
    seen(): Promise<{
        readonly [entry: string]: {
            readonly [field: string]: unknown;
        };
    }>;
    try(write: Write): Promise<Verdict>;
    allowed(write: Write): Promise<void>;
    denied(write: Write, code?: string): Promise<Verdict>;
    step(...writes: readonly Write[]): Promise<void>;
    explain(entry: string, write?: Write): Promise<Explanation>;
}

declare class Session {
    #private;
    readonly first: Promise<Answer>;
    constructor(child: ChildProcessWithoutNullStreams, binary: string);
    ask(request: object): Promise<Answer>;
    close(): Promise<void>;
}

type Answer = {
    readonly [name: string]: unknown;
};

interface Principal {
    readonly uid?: string;
    readonly [claim: string]: unknown;
}

type Write = {
    readonly put: string;
    readonly value: object;
    readonly at?: string;
} | {
    readonly patch: string;
    readonly value: object;
    readonly at?: string;
} | {
    readonly delete: string;
    readonly at?: string;
} | {
    readonly call: string;
    readonly args?: unknown;
    readonly at?: string;
};

interface Verdict {
    readonly allowed: boolean;
    readonly code?: string;
    readonly path?: string;
    readonly message?: string;
    readonly why?: string;
    readonly tells?: readonly string[];
    readonly asks?: readonly string[];
}

interface Explanation {
    readonly allowed: boolean;
    readonly text: string;
    readonly details: {
        readonly [name: string]: unknown;
    };
}

declare class Rules {
    #private;
    readonly version: string;
    constructor(session: Session, version: string);
    failures(): Promise<readonly string[]>;
    scene(space: string, entries?: {
        readonly [key: string]: object;
    }): Promise<Scene>;
    close(): Promise<void>;
}

declare class Scene {
    #private;
    constructor(session: Session, scene: number);
    as(who: Principal): Actor;
    step(...writes: readonly Write[]): Promise<void>;
    close(): Promise<void>;
}

declare class RulesError extends Error {
    readonly name = "RulesError";
}

interface RulesOptions {
    readonly binary?: string;
    readonly mutators?: string;
    readonly cwd?: string;
}

declare function openRules(file: string, options?: RulesOptions): Promise<Rules>;
