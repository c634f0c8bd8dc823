import type { Carrier, CarrierEvents, Dial } from "./carrier.js";
import { Requests } from "./http.js";

/** Messages as the lines of one long response. */
export const dialStream: Dial = (platform, events) => dial("application/x-ndjson", new Requests(platform, events), events, readLine);

/** Messages as server-sent events, read by fetch: EventSource can neither post nor send headers. */
export const dialSSE: Dial = (platform, events) => {
  let data: string[] = [];
  return dial("text/event-stream", new Requests(platform, events), events, (line, events) => {
    if (line === "") {
      if (data.length > 0) events.messages(data.join("\n"));
      data = [];
    } else if (line.startsWith("data:")) {
      data.push(line.slice(line.startsWith(" ", 5) ? 6 : 5));
    } else {
      events.alive(); // a comment, or a field that does not matter here
    }
  });
};

function readLine(line: string, events: CarrierEvents): void {
  if (line === "") events.alive();
  else events.messages(line);
}

function dial(accept: string, requests: Requests, events: CarrierEvents, read: typeof readLine): Carrier {
  let begun = false;

  const receive = async (hello: string): Promise<void> => {
    const response = await requests.post("/v1/stream", hello, accept);
    if (!response.headers.get("Content-Type")?.startsWith(accept) || response.body === null) {
      throw new Error(`the answer is not ${accept}`);
    }
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let rest: string[] = []; // of a line whose end has not come
    for (;;) {
      const { done, value } = await reader.read();
      if (requests.over) return;
      if (done) throw new Error("the server ended the stream");
      const lines = decoder.decode(value, { stream: true }).split("\n");
      rest.push(lines[0] as string);
      for (const next of lines.slice(1)) {
        const line = rest.join("");
        rest = [next];
        read(line.endsWith("\r") ? line.slice(0, -1) : line, events);
        if (requests.over) return;
      }
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
}
