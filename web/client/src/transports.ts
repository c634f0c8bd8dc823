import type { Transport } from "./api.js";
import type { Dials, Platform } from "./carrier.js";
import { dialLongPoll, dialPoll } from "./poll.js";
import { dialSSE, dialStream } from "./stream.js";
import { dialWebSocket } from "./websocket.js";

/** The order in which carriers are tried: the less a message costs, the earlier. */
export const TRANSPORTS: readonly Transport[] = ["websocket", "sse", "stream", "longpoll", "poll"];

const fetches = (platform: Platform): boolean => platform.fetch !== undefined;

/** All carriers there are. */
export const DIALS: Dials = {
  websocket: { dial: dialWebSocket, works: (platform) => platform.WebSocket !== undefined },
  sse: { dial: dialSSE, works: fetches },
  stream: { dial: dialStream, works: fetches },
  longpoll: { dial: dialLongPoll, works: fetches },
  poll: { dial: dialPoll, works: fetches },
};
