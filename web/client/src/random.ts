/** The random numbers of a call: the same here and on the server (PROTOCOL.md section 5). */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const ID = 22;
/** Outputs that are discarded. */
const FIRST = 12;

/** sfc32, from the SHA-256 of a seed. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: string) {
    [this.#a, this.#b, this.#c, this.#d] = sha256(new TextEncoder().encode(seed)).map(swap) as [number, number, number, number];
    for (let i = 0; i < FIRST; i++) this.#next();
  }

  /** In [0, 1), 53 bits. */
  random(): number {
    return ((this.#next() >>> 5) * 2 ** 26 + (this.#next() >>> 6)) / 2 ** 53;
  }

  /** 22 characters of 6 bits. */
  id(): string {
    let id = "";
    for (let i = 0; i < ID; i++) id += ALPHABET[this.#next() >>> 26];
    return id;
  }

  #next(): number {
    const t = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0;
    return t;
  }
}

/** The bytes of a word in the other order. */
function swap(n: number): number {
  return (n << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24);
}

/** The first 32 bits of the fractions of roots of the first primes. */
function fractions(count: number, root: (n: number) => number): number[] {
  const words: number[] = [];
  for (let n = 2; words.length < count; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) prime &&= n % d !== 0;
    if (prime) words.push(((root(n) % 1) * 2 ** 32) | 0);
  }
  return words;
}

let constants: readonly number[] | undefined;

/** SHA-256 as eight words, high byte first. The browser's own answers later only, which a mutator cannot wait for. */
export function sha256(bytes: Uint8Array): number[] {
  const k = (constants ??= fractions(64, Math.cbrt));
  const hash = fractions(8, Math.sqrt);
  const padded = new Uint8Array((((bytes.length + 8) >> 6) + 1) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 4, bytes.length * 8);
  const w = new Int32Array(64);
  const turn = (n: number, by: number): number => (n >>> by) | (n << (32 - by));
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 64; i++) {
      if (i < 16) {
        w[i] = view.getInt32(block + i * 4);
        continue;
      }
      const [x, y] = [w[i - 15]!, w[i - 2]!];
      w[i] = w[i - 16]! + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + w[i - 7]! + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = hash as [number, number, number, number, number, number, number, number];
    for (let i = 0; i < 64; i++) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + k[i]! + w[i]!) | 0;
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((n, i) => (hash[i] = (hash[i]! + n) | 0));
  }
  return hash;
}
