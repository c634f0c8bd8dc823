/** Counts what arrives, to show how loading gets on: a view of this size says nothing itself until it is whole. */

let received = 0;

/** Characters received so far by {@link CountingSocket}s. */
export function receivedSoFar(): number {
  return received;
}

export class CountingSocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    this.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (typeof data === "string") received += data.length;
    });
  }
}
