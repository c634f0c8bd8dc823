import type { StatusError, Transport } from "./api.js";

/** Why a carrier or link ended. */
export interface Failure extends StatusError {
  /** How long the server asks to wait, in milliseconds. */
  readonly retryMs?: number | undefined;
}

/** What a carrier tells. None of it after {@link Carrier.close}, nor after `closed`. */
export interface CarrierEvents {
  /** One or more messages, separated by newlines. */
  messages(text: string): void;
  /** A sign of life that holds no message. */
  alive(): void;
  /** It has ended, or never began. */
  closed(failure: Failure): void;
}

/** Brings the messages of one session both ways, in order, until it fails. It does not try again. */
export interface Carrier {
  /** Sends messages. The first call begins the session, so its first message is `hello`. */
  send(messages: readonly string[]): void;
  /** The session's secret name, from `welcome`. */
  session(secret: string): void;
  close(): void;
}

/** What carriers need of the platform. */
export interface Platform {
  /** Address of the server without a slash at the end. */
  readonly url: string;
  readonly fetch: typeof fetch | undefined;
  readonly WebSocket: typeof WebSocket | undefined;
}

/** Makes a carrier. Nothing is sent before the first {@link Carrier.send}. */
export type Dial = (platform: Platform, events: CarrierEvents) => Carrier;

/** A carrier by name; undefined if the platform has not got what it needs. */
export type Dials = { readonly [T in Transport]: { readonly dial: Dial; readonly works: (platform: Platform) => boolean } };

/** Bytes (at least) that one frame or request body holds at most, unless a single message is bigger. */
const BATCH = 1 << 20;

/** Joins messages into bodies of a bounded size. */
export function batches(messages: readonly string[]): string[] {
  const out: string[] = [];
  let batch: string[] = [];
  let size = 0;
  for (const message of messages) {
    if (size + message.length > BATCH && batch.length > 0) {
      out.push(batch.join("\n"));
      batch = [];
      size = 0;
    }
    batch.push(message);
    size += message.length;
  }
  if (batch.length > 0) out.push(batch.join("\n"));
  return out;
}
