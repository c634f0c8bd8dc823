/** A page with a client that has a token: driven through `window.ruled` by the tests of access rules. */
import { Client } from "@syncline/client";

let token = location.hash.slice(1);
let asked = 0;
let lost = 0;
const client = new Client({
  url: location.origin,
  user: new URLSearchParams(location.search).get("user") ?? "",
  token: () => {
    asked++;
    return token;
  },
});
const space = client.space("team/alpha", { view: [{ in: "cards" }, { in: "members" }] });
const cards = space.query({ in: "cards", sort: ["id"] });
let live = false;
space.subscribe(() => {
  if (live && space.status.state !== "live") lost++;
  live = space.status.state === "live";
});

/** All that IndexedDB holds of this origin, as one text. */
async function disk(): Promise<string> {
  const texts: string[] = [];
  for (const { name = "" } of await indexedDB.databases()) {
    const db = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    for (const table of db.objectStoreNames) {
      texts.push(
        await new Promise<string>((resolve, reject) => {
          const request = db.transaction(table).objectStore(table).getAll();
          request.onsuccess = () => resolve(JSON.stringify(request.result));
          request.onerror = () => reject(request.error);
        }),
      );
    }
    db.close();
  }
  return texts.join("\n").replaceAll("\\", "");
}

const ruled = {
  client,
  space,
  cards,
  disk,
  renew: (next: string) => void (token = next),
  asked: () => asked,
  lost: () => lost,
};

declare global {
  interface Window {
    ruled: typeof ruled;
  }
}
window.ruled = ruled;
