/** PouchDB with pouchdb-find. Declares an index on the title. It has no live queries: its feed of changes says when to ask again. */
import PouchDB from "pouchdb-browser";
import Find from "pouchdb-find";
import { PAGE, type Peer, type Row } from "./peer.js";

PouchDB.plugin(Find);
const db = new PouchDB<Omit<Row, "id">>("bench");

/** Documents of one call: a hundred thousand at once take as long, and much more memory. */
const BATCH = 10_000;

async function ids(page: number): Promise<string[]> {
  const { docs } = await db.find({ selector: { title: { $gt: null } }, sort: ["title"], fields: ["_id"], skip: page * PAGE, limit: PAGE });
  return docs.map(({ _id }) => _id);
}

/** Asks again, for each live query. */
const again: (() => Promise<void>)[] = [];

export const peer: Peer = {
  prepare(rows) {
    const text = JSON.stringify(rows);
    return async () => {
      const docs = (JSON.parse(text) as Row[]).map(({ id, ...row }) => ({ _id: id, ...row }));
      for (let from = 0; from < docs.length; from += BATCH) {
        const results = await db.bulkDocs(docs.slice(from, from + BATCH));
        for (const result of results) if ("error" in result) throw new Error(JSON.stringify(result));
      }
      // Making the index is part of it: else the first query after would do that.
      await db.createIndex({ index: { fields: ["title"] } });
      await ids(0);
    };
  },
  async open() {
    db.changes({ since: "now", live: true }).on("change", () => {
      for (const ask of again) void ask();
    });
  },
  first: () => ids(0),
  async all() {
    // The ids of records are above those of PouchDB's own documents.
    const { rows } = await db.allDocs({ include_docs: true, startkey: "r" });
    let sum = 0;
    for (const { doc } of rows) sum += doc?.number as number;
    return { count: rows.length, sum };
  },
  title: async (id) => (await db.get(id)).title,
  async watch(page, told) {
    const ask = async (): Promise<void> => told(await ids(page));
    again.push(ask);
    await ask();
  },
  async rename(id, title) {
    await db.put({ ...(await db.get(id)), title });
  },
};
