/** Who is at this window, and how people are shown. */

/** Who there is in the demo: the owner, an editor and a viewer, as it begins. */
export const CAST = ["ada", "ben", "cleo"] as const;

const KEY = "user";

/**
 * `?user=`, who may be a stranger, else the one of the cast whom this window last was, else whom this browser last was, else the
 * owner. It is a name and no secret: the demo's server believes everybody on its own machine.
 */
export function whoAmI(): string {
  const storages = [() => sessionStorage, () => localStorage];
  const kept = storages.map((storage) => tried(() => storage().getItem(KEY))).find((name) => CAST.some((one) => one === name));
  const name = new URLSearchParams(location.search).get("user")?.trim() || kept || CAST[0];
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

/** Where this page is seen as another one. */
export function seenAs(user: string): string {
  return `${location.pathname}?user=${encodeURIComponent(user)}`;
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
