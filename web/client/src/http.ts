import { batches, type CarrierEvents, type Failure, type Platform } from "./carrier.js";

/** Says why a request failed. */
class RequestError extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/**
 * The requests of one session over HTTP. The first failure ends it: requests
 * under way are aborted, and `closed` is told once.
 */
export class Requests {
  readonly #platform: Platform;
  readonly #events: CarrierEvents;
  readonly #abort = new AbortController();
  #secret: string | undefined;
  #waiting: string[] = [];
  #sending = false;

  constructor(platform: Platform, events: CarrierEvents) {
    this.#platform = platform;
    this.#events = events;
  }

  get over(): boolean {
    return this.#abort.signal.aborted;
  }

  get secret(): string | undefined {
    return this.#secret;
  }

  /** From here on requests can name the session. */
  begin(secret: string): void {
    this.#secret = secret;
  }

  /** Keeps messages for a request to {@link take}. */
  add(messages: readonly string[]): void {
    this.#waiting.push(...messages);
  }

  /** Sends what waits by POST /v1/send, one request after the other, if there is a session. */
  send(): void {
    this.run(this.#drain());
  }

  /** Takes what waits to be sent, for a request of another kind. */
  take(): string {
    const [first = "", ...rest] = batches(this.#waiting);
    this.#waiting = rest;
    return first;
  }

  /** Whether anything waits to be sent. */
  get waiting(): boolean {
    return this.#waiting.length > 0;
  }

  async #drain(): Promise<void> {
    if (this.#sending || this.#secret === undefined) return;
    this.#sending = true;
    while (this.waiting && !this.over) {
      const response = await this.post("/v1/send", this.take(), "application/json");
      await response.text();
      this.#events.alive();
    }
    this.#sending = false;
  }

  /** One request; throws if it is not answered by a 2xx. */
  async post(path: string, body: string, accept: string): Promise<Response> {
    const headers: Record<string, string> = { "Content-Type": "application/x-ndjson", Accept: accept };
    if (this.#secret !== undefined) headers["Syncline-Session"] = this.#secret;
    const request = this.#platform.fetch as typeof fetch;
    const response = await request(this.#platform.url + path, {
      method: "POST",
      body,
      headers,
      cache: "no-store",
      signal: this.#abort.signal,
    });
    if (!response.ok) throw new RequestError(await failureOf(response));
    return response;
  }

  /** Runs work of the session; its failure is the session's. */
  run(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (error instanceof RequestError) this.end(error.failure);
      else this.end({ code: "connection", message: String(error) });
    });
  }

  end(failure: Failure): void {
    if (this.over) return;
    this.#abort.abort();
    this.#events.closed(failure);
  }

  close(): void {
    this.#abort.abort();
  }
}

/** Reads `{"error":{"code":…,"message":…}}` as far as it is there. */
async function failureOf(response: Response): Promise<Failure> {
  const text = await response.text().catch(() => "");
  let error: { code?: unknown; message?: unknown; retryMs?: unknown } = {};
  try {
    error = (JSON.parse(text) as { error?: typeof error } | null)?.error ?? {};
  } catch {
    // a proxy's page
  }
  const after = Number(response.headers.get("Retry-After") ?? Number.NaN) * 1000;
  const retryMs = typeof error.retryMs === "number" ? error.retryMs : after;
  return {
    code: typeof error.code === "string" ? error.code : "connection",
    message: typeof error.message === "string" ? error.message : `HTTP status ${response.status}`,
    retryMs: retryMs >= 0 ? retryMs : undefined,
  };
}
