// One replica in Node, for `go run ./bench`: Syncline's client, or a floor that
// only receives the same bytes and parses them.
//
//   node run.mjs '{"kind":"client"|"floor","modules":…,"bundle":…,"url":…,"path":…,"rows":…}'
//
// It loads everything, prints what that took, waits for a line on stdin, catches
// up and prints what that took.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const config = JSON.parse(process.argv[2]);
const { WebSocket } = createRequire(config.modules)("ws");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (what) => console.log(JSON.stringify(what));

let bytes = 0;
class Counting extends WebSocket {
  constructor(...args) {
    super(...args);
    this.on("message", (data) => (bytes += data.length));
  }
}

/** Receives a stream and parses it; resolves when so many rows have come. */
function receive(url, want, rows) {
  return new Promise((resolve, reject) => {
    const socket = new Counting(url.replace(/^http/, "ws"));
    let n = 0;
    socket.addEventListener("message", ({ data }) => {
      for (const line of data.split("\n")) {
        const message = JSON.parse(line);
        for (const row of message.put ?? []) rows.push(row);
        n += message.put?.length ?? 0;
      }
      if (n >= want) {
        socket.close();
        resolve();
      }
    });
    socket.addEventListener("error", ({ message }) => reject(new Error(message)));
  });
}

function live(space) {
  return new Promise((resolve, reject) => {
    const look = () => {
      const { state, error } = space.status;
      if (state === "live") resolve();
      else if (state === "stopped") reject(new Error(error?.message ?? "stopped"));
      else return false;
      return true;
    };
    if (!look()) {
      const stop = space.subscribe(() => look() && stop());
    }
  });
}

const asks = async () => JSON.parse((await lines.next()).value ?? "null");

if (config.kind === "floor") {
  const rows = [];
  let begun = performance.now();
  await receive(`${config.url}/stream?full`, config.rows, rows);
  say({ ms: performance.now() - begun, bytes, rows: rows.length });
  const changes = await asks();
  bytes = 0;
  begun = performance.now();
  await receive(`${config.url}/stream?changes`, changes.rows, rows);
  say({ ms: performance.now() - begun, bytes, rows: changes.rows });
} else {
  const { Client } = await import(pathToFileURL(config.bundle).href);
  const count = (where) => {
    const query = space.query({ in: "items", where, limit: 10 });
    const { total } = query;
    query.close();
    return total;
  };
  let begun = performance.now();
  const client = new Client({ url: config.url, user: "bench", WebSocket: Counting, transports: ["websocket"] });
  const space = client.space(config.path, { view: [{ in: "items" }] });
  await live(space);
  const rows = count({ w: { $gte: "0" } });
  say({ ms: performance.now() - begun, bytes, rows });
  client.goOffline();
  const changes = await asks();
  bytes = 0;
  begun = performance.now();
  client.goOnline();
  await live(space);
  const ms = performance.now() - begun;
  say({ ms, bytes, rows: count({ w: { $gte: changes.from } }) });
  client.close();
}
process.exit(0);
