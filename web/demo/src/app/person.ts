/** Who is at this window, and how people are shown. */

const ADJECTIVES = ["amber", "brave", "calm", "clever", "curious", "eager", "gentle", "happy", "keen", "lively", "lucky", "merry", "nimble", "proud", "quick", "quiet", "sunny", "swift", "warm", "witty"];
const ANIMALS = ["badger", "beaver", "bison", "crane", "dolphin", "falcon", "ferret", "fox", "gecko", "heron", "ibex", "jackdaw", "koala", "lemur", "lynx", "marmot", "newt", "otter", "owl", "panda", "puffin", "raven", "seal", "stork", "swan", "tapir", "turtle", "viper", "wombat", "yak"];

const KEY = "user";

/**
 * `?user=`, else the name of this window, else the one that was last used in this browser: what somebody has stored here under it
 * must be found again. A new browser gets a new name.
 */
export function whoAmI(): string {
  const storages = [() => sessionStorage, () => localStorage];
  const kept = storages.map((storage) => tried(() => storage().getItem(KEY))).find((name) => name);
  const name = new URLSearchParams(location.search).get("user")?.trim() || kept || newName();
  for (const storage of storages) tried(() => storage().setItem(KEY, name));
  return name;
}

/** Where site data is blocked or full, storage throws: then a name lasts as long as the page. */
function tried<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/** A name that nobody is likely to have. */
export function newName(): string {
  return `${pick(ADJECTIVES)}-${pick(ANIMALS)}`;
}

function pick(list: readonly string[]): string {
  return list[Math.floor(Math.random() * list.length)] ?? "";
}

/** "quiet-otter" as "Quiet Otter". */
export function displayName(user: string): string {
  return user.replace(/(^|[-_ ])(\p{L})/gu, (_, gap: string, letter: string) => (gap ? " " : "") + letter.toUpperCase());
}

/** "quiet-otter" as "QO". */
export function initialsOf(user: string): string {
  return displayName(user).split(" ").map((word) => word[0] ?? "").join("").slice(0, 2);
}

/** A hue that stays with a name. */
export function hueOf(user: string): number {
  let hash = 0;
  for (let i = 0; i < user.length; i++) hash = (Math.imul(hash, 31) + user.charCodeAt(i)) >>> 0;
  return Math.round((hash * 137.508) % 360);
}
