/** Weighs what comes in: how many messages brought a change, and how large they were. */

/** Messages and their size, in bytes before the compression of the connection. */
export interface Weight {
  readonly messages: number;
  readonly bytes: number;
}

export class Meter {
  #messages = 0;
  #bytes = 0;

  /** The diffs that have come since the last call; undefined if none has come by here: another tab may have the connection. */
  take(): Weight | undefined {
    const weight = this.#messages === 0 ? undefined : { messages: this.#messages, bytes: this.#bytes };
    this.#messages = this.#bytes = 0;
    return weight;
  }

  /** A WebSocket for a client, all of whose messages are weighed. */
  socket(): typeof WebSocket {
    const weigh = (data: unknown): void => {
      if (typeof data !== "string") return;
      // A message of several lines is as many frames.
      for (const frame of data.split("\n")) {
        if (!frame.startsWith('{"t":"diff"')) continue;
        this.#messages++;
        this.#bytes += new Blob([frame]).size;
      }
    };
    return class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        // Before the client's own listener: by the time that it tells of a change, its message has been weighed.
        this.addEventListener("message", ({ data }: MessageEvent<unknown>) => weigh(data));
      }
    };
  }
}
