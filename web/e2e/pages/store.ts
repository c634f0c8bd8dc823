/** A page that only has a client: the tests of the store and of tabs drive it through `window.page`. */
import { Client, type Transport } from "@syncline/client";

const query = new URLSearchParams(location.search);
/** What Chromium says of databases that it has found damaged and thrown away; asked past the client. */
const wiped: string[] = [];
const { open } = IDBFactory.prototype;
IDBFactory.prototype.open = function (this: IDBFactory, ...args: [string, number?]) {
  const request = open.apply(this, args);
  request.addEventListener("upgradeneeded", (event) => {
    const { dataLoss, dataLossMessage } = event as IDBVersionChangeEvent & { dataLoss?: string; dataLossMessage?: string };
    if (dataLoss === "total") wiped.push(String(dataLossMessage));
  });
  return request;
};
const client = new Client({ url: query.get("server") ?? location.origin, user: query.get("user") ?? "ada", ...(query.has("transport") && { transports: [query.get("transport") as Transport] }) });
const space = client.space(query.get("space") ?? "team/none", { view: [{ in: "cards" }] });
const cards = space.query({ in: "cards" });
/** Marks that are safe in the store. */
const saved: string[] = [];

function mark(id: string): void {
  const made = space.mutate((tx) => {
    tx.put("cards", id, { at: Date.now() });
    tx.patch("cards", "n", { $inc: { n: 1 } });
  });
  made.saved.then(() => saved.push(id), () => undefined);
}

const page = {
  client,
  space,
  cards,
  saved,
  wiped,
  mark,
  /** Takes back what a test has planted. */
  relieve: (): unknown => undefined,
  /** Makes marks, one after the other. */
  write(prefix: string, every: number, most = Infinity): void {
    let n = 0;
    const timer = setInterval(() => {
      mark(`${prefix}-${n++}`);
      if (n >= most) clearInterval(timer);
    }, every);
  },
  look: () => ({
    status: client.status,
    leading: client.leading,
    pending: space.status.pending,
    rows: cards.rows.length,
    result: cards.result.status,
    n: space.get("cards", "n")?.value["n"],
  }),
};

declare global {
  interface Window {
    page: typeof page;
  }
}
window.page = page;
