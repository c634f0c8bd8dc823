// What it costs to keep a live query of 50 sorted rows over 100,000 entries, against evaluating it anew. By hand, on a quiet machine:
//
//   node test/live.bench.mjs [entries]
//
// Times are of the processor, not of the clock, and medians of batches: what else runs on the machine disturbs less.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const SIZE = Number(process.argv[2] ?? 100_000);
const src = new URL("../src/", import.meta.url).pathname;
const dir = await mkdtemp(join(tmpdir(), "syncline-live-"));
const outfile = join(dir, "live.mjs");
const contents = ["live", "orders", "replica", "prepare"].map((name) => `export * from ${JSON.stringify(`${src}${name}.js`)};`).join("\n");
await build({ stdin: { contents, resolveDir: src, loader: "ts" }, bundle: true, format: "esm", outfile, logLevel: "error" });
const { Live, Orders, Replica, readQuery, select } = await import(pathToFileURL(outfile).href);
await rm(dir, { recursive: true });

let seed = 1;
/** The same numbers in each run. */
const random = (n) => Math.floor(((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32) * n);
const LISTS = 200;
const SPAN = 1e9;
const value = (due) => ({ title: `Card ${random(1e6)}`, due, list: `list-${random(LISTS)}`, done: random(2) === 0, votes: random(1000), tags: ["a", "b"] });
const newId = () => random(2 ** 32).toString(36) + random(2 ** 32).toString(36);
const ids = Array.from({ length: SIZE }, newId);

const replica = new Replica();
let seq = 1;
replica.diff({ t: "diff", space: "s", view: "v", from: "0", to: "1-x", reset: true, put: ids.map((id) => ["cards", id, 1, value(SPAN + random(SPAN))]) });
const entries = (collection) => replica.entries(collection);
const orders = new Orders(entries);

/** Microseconds of processor time for each of `n` runs. */
function cost(n, run) {
  const before = process.cpuUsage();
  for (let i = 0; i < n; i++) run(i);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / n;
}
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const batches = (count, run) => median(Array.from({ length: count }, run));
const fresh = (query) => batches(9, () => cost(1, () => select(readQuery(query), entries("cards"))));
const us = (n) => `${n < 100 ? n.toFixed(2) : Math.round(n)} us`;
const row = (name, ...cells) => console.log(name.padEnd(44), ...cells.map((cell) => String(cell).padStart(14)));

/** Steps as the replica makes them, which `orders` must be given; `make` says what the server sends. */
function steps(n, make) {
  return Array.from({ length: n }, () => {
    const from = seq++;
    const { kind, step } = replica.diff({ t: "diff", space: "s", view: "v", from: `${from}-x`, to: `${seq}-x`, ...make(seq) });
    if (kind !== "applied") throw new Error(kind);
    return step;
  });
}

const at = (id) => replica.get("cards", id);
const put = (id, value) => ({ put: [["cards", id, seq, value]] });
/** One line: what a step costs live queries, and how many steps a fresh evaluation would have paid for. */
function compare(name, lives, freshCost, make) {
  const costs = [];
  let told = 0;
  for (const live of lives) live.subscribe(() => told++);
  for (let batch = 0; batch < 15; batch++) {
    const made = steps(200, make);
    costs.push(cost(made.length, (i) => {
      orders.take(made[i]);
      for (const live of lives) if (live.update(made[i])) live.notify();
      for (const live of lives) if (live.rows.length !== 50) throw new Error(`${live.rows.length} rows`);
    }));
  }
  const each = median(costs);
  row(name, us(each), `1/${Math.round(freshCost / each)}`, `${Math.round((100 * told) / (3000 * lives.length))} % seen`);
}

for (const query of [
  { in: "cards", sort: ["due"], limit: 50 },
  { in: "cards", where: { done: false }, sort: [{ due: "desc" }, "title"], limit: 50 },
]) {
  const whole = fresh(query);
  console.log();
  row(JSON.stringify(query).slice(0, 80));
  row("fresh evaluation", us(whole));
  // Some rows of known place: the window is theirs.
  const first = query.sort[0].due === "desc" ? () => 2 * SPAN + random(1000) : () => SPAN - 1 - random(1000);
  const far = () => SPAN + random(SPAN);
  const shown = (due) => ({ ...value(due), done: false });
  const inside = Array.from({ length: 50 }, newId);
  for (const id of inside) orders.take(steps(1, () => put(id, shown(first())))[0]);
  const lives = [new Live(query, orders, () => undefined)];
  const line = (name, make) => compare(name, lives, whole, make);
  const change = (id, fields) => put(id, { ...at(id).value, ...fields });
  const made = [];
  const insert = (due) => put((made.push(newId()), made.at(-1)), shown(due));
  const remove = () => ({ del: [["cards", made.pop()]] });
  const any = (list) => list[random(list.length)];
  line("inside: update, stays in its place", () => change(any(inside), { votes: random(1e6) }));
  line("inside: update, moves", () => change(any(inside), { due: first() }));
  line("inside: insert", () => insert(first()));
  line("inside: remove", remove);
  line("inside: insert and remove by turns", () => (made.length > 0 ? remove() : insert(first())));
  line("outside: update, stays in its place", () => change(any(ids), { votes: random(1e6) }));
  line("outside: update, moves", () => change(any(ids), { due: far() }));
  line("outside: insert", () => insert(far()));
  line("outside: remove", remove);
  for (const live of lives) live.close();
  const middle = select(readQuery({ ...query, skip: SIZE >> 2, limit: 1 }), entries("cards"))[0];
  lives[0] = new Live({ ...query, after: middle }, orders, () => undefined);
  line("a page in the middle: update outside, moves", () => change(any(ids), { due: far() }));
  lives[0].close();
  for (let i = 0; i < 20; i++) lives[i] = new Live(query, orders, () => undefined);
  line("20 equal queries: update outside, moves", () => change(any(ids), { due: far() }));
  row("opening one more of them", us(batches(9, () => cost(20, () => new Live(query, orders, () => undefined).close()))));
  for (const live of lives) live.close();
  orders.take(steps(1, () => ({ del: inside.map((id) => ["cards", id]) }))[0]);
}

console.log();
row("opening a query", "without index", "with index", "ratio");
const indexes = { cards: ["list", "due", "title"] };
const indexed = new Orders(entries, indexes);
const open = (query, into) => new Live(query, into, () => undefined).close();
for (const query of [
  { in: "cards", where: { list: "list-7" } },
  { in: "cards", where: { list: "list-7", done: false }, sort: [{ due: "desc" }], limit: 50 },
  { in: "cards", where: { due: { $gte: SPAN * 1.4, $lt: SPAN * 1.41 } }, sort: ["title"] },
  { in: "cards", where: { title: { $beginsWith: "Card 77" } }, sort: ["title"] },
  { in: "cards", sort: ["due"], limit: 50 },
]) {
  open(query, indexed); // makes the index
  const [without, with_] = [orders, indexed].map((into) => batches(9, () => cost(1, () => open(query, into))));
  console.log(JSON.stringify(query));
  row("", us(without), us(with_), `1/${Math.round(without / with_)}`);
}
row("an index", "to make", "per change");
for (const path of indexes.cards) {
  const query = { in: "cards", where: { [path]: "x" } };
  const make = () => new Orders(entries, { cards: [path] });
  const toMake = batches(5, () => cost(1, () => open(query, make())));
  const one = make();
  open(query, one);
  const some = steps(2000, () => put(ids[random(SIZE)], value(SPAN + random(SPAN))));
  row(`on ${path}`, us(toMake), us(cost(some.length, (i) => one.take(some[i]))));
}
