/** RxDB with its storage on Dexie, the free one for browsers. Declares an index on the title. */
import { createRxDatabase, type RxCollection } from "rxdb";
import { getRxStorageDexie } from "rxdb/plugins/storage-dexie";
import { PAGE, type Peer, type Row } from "./peer.js";

let rows: RxCollection<Row>;

async function open(): Promise<void> {
  const db = await createRxDatabase({ name: "bench", storage: getRxStorageDexie() });
  const collections = await db.addCollections({
    rows: {
      schema: {
        version: 0,
        primaryKey: "id",
        type: "object",
        properties: {
          id: { type: "string", maxLength: 16 },
          title: { type: "string", maxLength: 64 },
          number: { type: "number" },
          flag: { type: "boolean" },
          group: { type: "string" },
        },
        required: ["id", "title", "number", "flag", "group"],
        indexes: ["title"],
      },
    },
  });
  rows = collections.rows;
}

const page = (n: number) => rows.find({ sort: [{ title: "asc" }], skip: n * PAGE, limit: PAGE });

export const peer: Peer = {
  prepare(list) {
    const text = JSON.stringify(list);
    return async () => {
      await open();
      const { error } = await rows.bulkInsert(JSON.parse(text) as Row[]);
      if (error.length > 0) throw new Error(`${error.length} rows were not inserted`);
    };
  },
  open,
  first: async () => (await page(0).exec()).map(({ id }) => id),
  async all() {
    const docs = await rows.find().exec();
    let sum = 0;
    for (const doc of docs) sum += doc.number;
    return { count: docs.length, sum };
  },
  title: async (id) => (await rows.findOne(id).exec())?.title,
  watch: (n, told) =>
    new Promise((resolve) => {
      page(n).$.subscribe((docs) => {
        told(docs.map(({ id }) => id));
        resolve();
      });
    }),
  async rename(id, title) {
    const doc = await rows.findOne(id).exec(true);
    await doc.patch({ title });
  },
};
