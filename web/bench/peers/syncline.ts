/** Syncline: a fresh sync over a WebSocket that is answered in this page. */
import { Client } from "../../client/src/index.js";
import { openIndexedDB } from "../../client/src/indexeddb.js";
import type { LiveQuery, Space } from "../../client/src/index.js";
import { PAGE, type Peer } from "./peer.js";
import { COLLECTION, serverOf, SPACE } from "./syncline-server.js";

/** The key that is written in one transaction with the confirmed entries. */
const MANIFEST = `${SPACE}\0am`;

let space: Space;

/** Without a server, but for the fresh sync. `written` is called after each commit of the store. */
function connect(socket?: typeof WebSocket, written?: (manifest: boolean) => void): void {
  const client = new Client({
    url: "https://server.invalid",
    user: "bench",
    transports: socket ? ["websocket"] : [],
    ...(socket && { WebSocket: socket }),
    ...(written && {
      // The client has no promise for when what came from the server is stored: it looks after that itself.
      store: async (name) => {
        const store = await openIndexedDB(name);
        const update = store.update.bind(store);
        store.update = async (...args) => {
          const done = await update(...args);
          const [manifest] = await store.get([MANIFEST]);
          written(manifest !== undefined);
          return done;
        };
        return store;
      },
    }),
  });
  space = client.space(SPACE, { view: [{ in: COLLECTION }] });
}

function page(n: number): LiveQuery {
  return space.query({ in: COLLECTION, sort: ["title"], skip: n * PAGE, limit: PAGE });
}

const idsOf = (query: LiveQuery): string[] => query.rows.map(({ id }) => id);

export const peer: Peer = {
  prepare(rows) {
    const server = serverOf(rows);
    return () => new Promise((resolve) => connect(server, (manifest) => manifest && resolve()));
  },
  async open() {
    connect();
  },
  async first() {
    const query = page(0);
    await query.ready;
    return idsOf(query);
  },
  async all() {
    const query = space.query({ in: COLLECTION });
    await query.ready;
    let sum = 0;
    for (const { value } of query.rows) sum += value["number"] as number;
    return { count: query.rows.length, sum };
  },
  async title(id) {
    await page(0).ready;
    return space.get(COLLECTION, id)?.value["title"] as string | undefined;
  },
  async watch(n, told) {
    const query = page(n);
    await query.ready;
    query.subscribe(() => told(idsOf(query)));
    told(idsOf(query));
  },
  rename: (id, title) => space.patch(COLLECTION, id, { $set: { title } }).saved,
};
