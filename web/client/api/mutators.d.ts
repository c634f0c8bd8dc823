// The public types of @syncline/client/mutators. Written by `npm --prefix web/client run api`.

export { AppSpace, Variables, mutators, openSpace };

interface AppSpace<in out C, in out A> extends TypedSpace<KindsOf<C>> {
    call<M extends keyof A & string>(name: M, ...args: undefined extends Args<A[M]> ? [
        args?: Args<A[M]>
    ] : [
        args: Args<A[M]>
    ]): Mutation;
}

type Variables<K> = K extends `${string}{${infer Name}}${infer Rest}` ? {
    readonly [N in Name]: string;
} & Variables<Rest> : unknown;

declare function mutators(app: AnyApp, kind: string): Player;

declare function openSpace<C, A, K extends keyof C & string>(client: Client, app: App<C, A>, kind: K, variables: Variables<K>, options: Omit<SpaceOptions, "mutators">): AppSpace<C[K], K extends keyof A ? A[K] : object>;
