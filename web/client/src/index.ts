/**
 * Syncline's client for browsers and Node: local reads, optimistic writes,
 * live queries, presence.
 *
 * ```ts
 * const client = new Client({ url: "http://localhost:4600", user: "ada" });
 * const board = client.space("demo/board", { view: [{ in: "cards" }] });
 * const open = board.query({ in: "cards", where: { done: false }, sort: ["title"] });
 * open.subscribe(() => console.log(open.rows));
 * board.put("cards", "c1", { title: "Write", done: false });
 * ```
 *
 * @module
 */
export type * from "./api.js";
export { Client, type ClientOptions, type StorageUsage } from "./client.js";
export { RejectedError, SynclineError } from "./errors.js";
export { ValueError, type ValueErrorCode } from "./value.js";
export { type Changes, type Store, StoreError, type UpdateOptions } from "./store.js";
