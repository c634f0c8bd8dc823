import { batches, type Carrier, type Dial } from "./carrier.js";

/** A WebSocket at /v1/ws. */
export const dialWebSocket: Dial = (platform, events) => {
  const Socket = platform.WebSocket as typeof WebSocket;
  let socket: WebSocket | undefined;
  let waiting: string[] = [];
  let over = false;

  const end = (code: string, message: string): void => {
    if (over) return;
    over = true;
    socket?.close();
    events.closed({ code, message });
  };

  const dial = (): WebSocket => {
    const made = new Socket(platform.url.replace(/^http/, "ws") + "/v1/ws", "syncline.v1");
    made.addEventListener("open", () => {
      if (over) return;
      const messages = waiting;
      waiting = [];
      for (const batch of batches(messages)) made.send(batch);
    });
    made.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (over) return;
      if (typeof data === "string") events.messages(data);
      else end("bad_frame", "a WebSocket message that is not text");
    });
    made.addEventListener("error", () => end("connection", "the WebSocket failed"));
    made.addEventListener("close", ({ code, reason }) => end("connection", `the WebSocket was closed (${code} ${reason})`));
    return made;
  };

  const carrier: Carrier = {
    send(messages) {
      if (over) return;
      if (socket?.readyState === Socket.OPEN) {
        for (const batch of batches(messages)) socket.send(batch);
        return;
      }
      waiting.push(...messages);
      try {
        socket ??= dial();
      } catch (error) {
        queueMicrotask(() => end("connection", String(error))); // a bad address, or forbidden by the page's policy
      }
    },
    session() {
      // the socket is the session
    },
    close() {
      over = true;
      socket?.close();
    },
  };
  return carrier;
};
