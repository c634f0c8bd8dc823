/** Who is at this window, and how people are shown. */

import { h } from "./dom.js";

const ADJECTIVES = ["amber", "brave", "calm", "clever", "curious", "eager", "gentle", "happy", "keen", "lively", "lucky", "merry", "nimble", "proud", "quick", "quiet", "sunny", "swift", "warm", "witty"];
const ANIMALS = ["badger", "beaver", "bison", "crane", "dolphin", "falcon", "ferret", "fox", "gecko", "heron", "ibex", "jackdaw", "koala", "lemur", "lynx", "marmot", "newt", "otter", "owl", "panda", "puffin", "raven", "seal", "stork", "swan", "tapir", "turtle", "viper", "wombat", "yak"];

/** `?user=`, else a generated name that this window keeps. */
export function whoAmI(): string {
  const asked = new URLSearchParams(location.search).get("user")?.trim();
  if (asked) return asked;
  const kept = sessionStorage.getItem("user");
  if (kept !== null) return kept;
  const name = `${pick(ADJECTIVES)}-${pick(ANIMALS)}`;
  sessionStorage.setItem("user", name);
  return name;
}

function pick(list: readonly string[]): string {
  return list[Math.floor(Math.random() * list.length)] ?? "";
}

/** "quiet-otter" as "Quiet Otter". */
export function displayName(user: string): string {
  return user.replace(/(^|[-_ ])(\p{L})/gu, (_, gap: string, letter: string) => (gap ? " " : "") + letter.toUpperCase());
}

/** A hue that stays with a name. */
export function hueOf(user: string): number {
  let hash = 0;
  for (let i = 0; i < user.length; i++) hash = (Math.imul(hash, 31) + user.charCodeAt(i)) >>> 0;
  return Math.round((hash * 137.508) % 360);
}

/** A disc with initials. */
export function avatar(user: string): HTMLElement {
  const name = displayName(user);
  const initials = name.split(" ").map((word) => word[0] ?? "").join("").slice(0, 2);
  const disc = h("span", { class: "avatar", title: name, "aria-label": name, role: "img" }, initials);
  disc.style.setProperty("--hue", String(hueOf(user)));
  return disc;
}
