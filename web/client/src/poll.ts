import type { Dial } from "./carrier.js";
import { Requests } from "./http.js";

/** How long a long poll waits for something to tell, in milliseconds. */
const WAIT = 25_000;
/** The pause between polls, in milliseconds; it grows while nothing happens. */
const PAUSE = { least: 500, most: 5_000 } as const;

/** Requests that the server answers when it has something to tell. */
export const dialLongPoll: Dial = (platform, events) => {
  const requests = new Requests(platform, events);
  let begun = false;

  const receive = async (hello: string): Promise<void> => {
    let body = hello;
    while (!requests.over) {
      const response = await requests.post(`/v1/poll?wait=${WAIT}`, body, "application/x-ndjson");
      const text = await response.text();
      if (requests.over) return;
      if (text === "") events.alive();
      else events.messages(text);
      if (requests.secret === undefined) throw new Error("the answer to hello is no welcome");
      body = "";
    }
  };

  return {
    send(messages) {
      if (requests.over) return;
      if (begun) {
        requests.add(messages);
        requests.send();
        return;
      }
      begun = true;
      requests.run(receive(messages.join("\n")));
    },
    session(secret) {
      requests.begin(secret);
      requests.send();
    },
    close: () => requests.close(),
  };
};

/** Short requests, one at a time: what is left where nothing else gets through. */
export const dialPoll: Dial = (platform, events) => {
  const requests = new Requests(platform, events);
  let busy = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pause: number = PAUSE.least;

  const poll = async (): Promise<void> => {
    busy = true;
    const body = requests.take();
    const wait = requests.secret === undefined ? WAIT : 0; // the welcome is waited for
    const response = await requests.post(`/v1/poll?wait=${wait}`, body, "application/x-ndjson");
    const text = await response.text();
    busy = false;
    if (requests.over) return;
    pause = text !== "" || body !== "" ? PAUSE.least : Math.min(PAUSE.most, pause * 1.5);
    if (text === "") events.alive();
    else events.messages(text);
    if (requests.over) return;
    if (requests.secret === undefined) throw new Error("the answer to hello is no welcome");
    schedule(requests.waiting ? 0 : pause);
  };

  const schedule = (delay: number): void => {
    if (requests.over || busy) return;
    clearTimeout(timer);
    timer = setTimeout(() => requests.run(poll()), delay);
  };

  return {
    send(messages) {
      requests.add(messages);
      schedule(0);
    },
    session: (secret) => requests.begin(secret),
    close() {
      clearTimeout(timer);
      requests.close();
    },
  };
};
