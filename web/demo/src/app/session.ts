/** The connection of a page to the server that it came from. */

import { Client } from "@syncline/client";
import { whoAmI } from "./person.js";

export interface Session {
  readonly client: Client;
  readonly user: string;
}

/** The session of `user`, whose store is no other's. `Socket` may stand in for the browser's WebSocket. */
export function connect(Socket: typeof WebSocket = WebSocket, user: string = whoAmI()): Session {
  return { user, client: new Client({ url: location.origin, user, agent: "syncline-demo/0.3.0", WebSocket: Socket }) };
}
