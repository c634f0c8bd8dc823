/** What really is on the disk: reads the browser's database of a user past the client, the way that somebody would who has the device. */

export interface Disk {
  /** The size of all that is stored, in characters. */
  readonly size: number;
  /** How often each project is named in what is stored, by its id. */
  readonly found: ReadonlyMap<string, number>;
}

/** Rejects if the browser cannot list its databases, or there is none of this user. */
export async function readDisk(user: string): Promise<Disk> {
  const name = (await indexedDB.databases()).map((database) => database.name ?? "").find((each) => each.startsWith("syncline/") && each.endsWith(`${location.origin}/${user}`));
  if (name === undefined) throw new Error(`there is no database of ${user}`);
  const text = (await valuesOf(name)).join("\n");
  const found = new Map<string, number>();
  for (const [, project = ""] of text.matchAll(/"project":"(\w+)"/g)) found.set(project, (found.get(project) ?? 0) + 1);
  return { size: text.length, found };
}

async function valuesOf(name: string): Promise<readonly string[]> {
  const database = await answer(indexedDB.open(name));
  // Who wants to delete it need not wait for this.
  database.onversionchange = () => database.close();
  try {
    const tables = [...database.objectStoreNames];
    if (tables.length === 0) return [];
    const transaction = database.transaction(tables);
    const values = tables.map((table) => answer(transaction.objectStore(table).getAll()));
    transaction.commit();
    return (await Promise.all(values)).flat().map(String);
  } finally {
    database.close();
  }
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser gave no reason"));
  });
}
