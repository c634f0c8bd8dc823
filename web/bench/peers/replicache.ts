/** Replicache: a fresh sync is the answer to its first pull. Declares an index on the title. */
import { Replicache, type WriteTransaction } from "replicache";
import { PAGE, type Peer, type Row } from "./peer.js";

const NAME = "bench";
const PULL = "https://server.invalid/pull";

const mutators = {
  async rename(tx: WriteTransaction, { id, title }: { id: string; title: string }): Promise<void> {
    const row = await tx.get<Row>(`row/${id}`);
    if (row !== undefined) await tx.set(`row/${id}`, { ...row, title });
  },
};
let replicache: Replicache<typeof mutators>;

/** Without a server, but for the fresh sync. */
function connect(pullURL?: string): void {
  replicache = new Replicache({
    name: NAME,
    mutators,
    indexes: { title: { prefix: "row/", jsonPointer: "/title" } },
    pullInterval: null,
    logLevel: "error",
    ...(pullURL && { pullURL }),
  });
}

/** The API has no promise for when something is stored: it is, some time later, and the other tabs are told of that. */
function persisted(): Promise<void> {
  const channel = new BroadcastChannel(`replicache-on-persist:${NAME}`);
  return new Promise<void>((resolve) => (channel.onmessage = () => resolve())).then(() => channel.close());
}

function ids(page: number): Promise<string[]> {
  return replicache.query(async (tx) => pageIn(await tx.scan({ indexName: "title", limit: (page + 1) * PAGE }).toArray() as Row[], page));
}

const pageIn = (rows: readonly Row[], page: number): string[] => rows.slice(page * PAGE).map(({ id }) => id);

export const peer: Peer = {
  prepare(rows) {
    const patch = [{ op: "clear" }, ...rows.map((value) => ({ op: "put", key: `row/${value.id}`, value }))];
    const body = JSON.stringify({ cookie: 1, lastMutationIDChanges: {}, patch });
    window.fetch = async () => new Response(body);
    return () => {
      const done = persisted();
      connect(PULL);
      return done;
    };
  },
  async open() {
    connect();
  },
  first: () => ids(0),
  all: () =>
    replicache.query(async (tx) => {
      let [count, sum] = [0, 0];
      for await (const row of tx.scan({ prefix: "row/" })) {
        count++;
        sum += (row as Row).number;
      }
      return { count, sum };
    }),
  title: (id) => replicache.query(async (tx) => (await tx.get<Row>(`row/${id}`))?.title),
  watch: (page, told) =>
    new Promise((resolve) => {
      replicache.subscribe(async (tx) => await tx.scan({ indexName: "title", limit: (page + 1) * PAGE }).toArray() as Row[], (rows) => {
        told(pageIn(rows, page));
        resolve();
      });
    }),
  async rename(id, title) {
    const done = persisted();
    await replicache.mutate.rename({ id, title });
    await done;
  },
};
