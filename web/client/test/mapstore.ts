import { type Changes, type Store, StoreError } from "../src/store.js";

/** A store in a map, for tests of what stands on stores. Several may share one map, as tabs share a disk. */
export class MapStore implements Store {
  readonly kind = "memory";
  readonly map: Map<string, string>;
  /** Runs before each call does anything; what it throws, the call rejects with. */
  before: (call: "get" | "range" | "update", keys: readonly string[]) => Promise<void> | void = () => undefined;
  /** Whether the next update is cut off by a crash before it changes anything, or after all of it. */
  crash: "before" | "after" | undefined;

  constructor(map = new Map<string, string>()) {
    this.map = map;
  }

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    await this.before("get", keys);
    return keys.map((key) => this.map.get(key));
  }

  async range(from: string, to: string): Promise<readonly (readonly [string, string])[]> {
    await this.before("range", [from, to]);
    return [...this.map].filter(([key]) => from <= key && key < to).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  async update(keys: readonly string[], decide: (values: readonly (string | undefined)[]) => Changes | undefined): Promise<boolean> {
    await this.before("update", keys);
    const changes = decide(keys.map((key) => this.map.get(key)));
    const { crash } = this;
    this.crash = undefined;
    if (crash !== "before" && changes !== undefined) this.#make(changes);
    if (crash !== undefined) throw new StoreError("failed", "crashed");
    return changes !== undefined;
  }

  #make({ drop = [], del = [], put = [] }: Changes): void {
    for (const [from, to] of drop) for (const key of [...this.map.keys()]) if (from <= key && key < to) this.map.delete(key);
    for (const key of del) this.map.delete(key);
    for (const [key, value] of put) this.map.set(key, value);
  }

  onLost(): void {}

  async close(): Promise<void> {}

  async destroy(): Promise<void> {
    this.map.clear();
  }
}
