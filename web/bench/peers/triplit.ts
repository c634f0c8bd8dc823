/** Triplit with its storage in IndexedDB. It has no indexes to declare. */
import { Schema as S, TriplitClient } from "@triplit/client";
import { PAGE, type Peer, type Row } from "./peer.js";

const schema = S.Collections({
  rows: { schema: S.Schema({ id: S.Id(), title: S.String(), number: S.Number(), flag: S.Boolean(), group: S.String() }) },
});
let client: TriplitClient<typeof schema>;

async function open(): Promise<void> {
  client = new TriplitClient({ schema, storage: { type: "indexeddb", name: "bench" }, autoConnect: false, logLevel: "error" });
  await client.ready;
}

/** Its queries can begin after a row, but not after a number of rows: a page is the end of a longer one. */
const upTo = (page: number) => client.query("rows").Order("title", "ASC").Limit((page + 1) * PAGE);
const local = { policy: "local-only" } as const;

export const peer: Peer = {
  prepare(rows) {
    const text = JSON.stringify(rows);
    return async () => {
      await open();
      // What the client does with the data of a sync: `insert` would keep the rows in the outbox, to be sent.
      const sets = new Map((JSON.parse(text) as Row[]).map((row) => [row.id, row]));
      await client.db.applyChangesWithTimestamp({ rows: { sets, deletes: new Set() } }, [1, "server"], { skipRules: true });
    };
  },
  open,
  first: async () => (await client.fetch(upTo(0), local)).map(({ id }) => id),
  async all() {
    const rows = await client.fetch(client.query("rows"), local);
    let sum = 0;
    for (const row of rows) sum += row.number;
    return { count: rows.length, sum };
  },
  title: async (id) => (await client.fetchById("rows", id, local))?.title,
  watch: (page, told) =>
    new Promise((resolve, reject) => {
      client.subscribe(upTo(page), (rows) => {
        told(rows.slice(page * PAGE).map(({ id }) => id));
        resolve();
      }, reject, { localOnly: true });
    }),
  async rename(id, title) {
    await client.update("rows", id, { title });
  },
};
