/** TinyBase: all in memory, and a persister that writes a table as one value. */
import { createStore } from "tinybase";
import { createIndexedDbPersister } from "tinybase/persisters/persister-indexed-db";
import { PAGE, type Peer, type Row } from "./peer.js";

const TABLE = "rows";
const store = createStore();
/** What the persister would otherwise keep to itself. */
let trouble: unknown;
const persister = createIndexedDbPersister(store, "bench", undefined, (error) => (trouble = error));

async function save(): Promise<void> {
  await persister.save();
  if (trouble !== undefined) throw trouble;
}

export const peer: Peer = {
  prepare(rows) {
    const text = JSON.stringify(rows);
    return async () => {
      const table = Object.fromEntries((JSON.parse(text) as Row[]).map(({ id, ...row }) => [id, row]));
      store.setTable(TABLE, table);
      await save();
    };
  },
  async open() {
    await persister.load();
  },
  first: async () => store.getSortedRowIds(TABLE, "title", false, 0, PAGE),
  async all() {
    let [count, sum] = [0, 0];
    store.forEachRow(TABLE, (id) => {
      count++;
      sum += store.getCell(TABLE, id, "number") as number;
    });
    return { count, sum };
  },
  title: async (id) => store.getCell(TABLE, id, "title") as string | undefined,
  async watch(page, told) {
    store.addSortedRowIdsListener(TABLE, "title", false, page * PAGE, PAGE, (_store, _table, _cell, _down, _offset, _limit, ids) => told(ids));
    told(store.getSortedRowIds(TABLE, "title", false, page * PAGE, PAGE));
  },
  rename(id, title) {
    store.setCell(TABLE, id, "title", title);
    return save();
  },
};
