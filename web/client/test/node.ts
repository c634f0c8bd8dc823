/** The fake server behind real HTTP and WebSockets, and faults on the way. */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer } from "ws";
import type { Carrier } from "../src/carrier.js";
import { FakeServer } from "./fake.js";

interface Session {
  carrier: Carrier;
  out: string[];
  wake: () => void;
  over: boolean;
}

export class NodeServer {
  readonly fake = new FakeServer();
  readonly sessions = new Map<string, Session>();
  readonly requests: string[] = [];
  readonly #http: Server;
  readonly #ws = new WebSocketServer({ noServer: true });
  readonly #sockets = new Set<Socket>();
  /** Answers a request in the server's place if it returns true. */
  refuse: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  refuseSockets = false;
  /** Bytes at a time in which a stream is written. */
  chunk = 1 << 20;
  newline = "\n";

  constructor() {
    this.#http = createServer((request, response) => void this.#handle(request, response));
    this.#http.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#http.on("upgrade", (request, socket, head) => {
      this.requests.push(`${request.method} ${request.url}`);
      if (this.refuseSockets || request.url !== "/base/v1/ws" || request.headers["sec-websocket-protocol"] !== "syncline.v1") {
        socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
        return;
      }
      this.#ws.handleUpgrade(request, socket, head, (ws) => {
        const session = this.#begin(() => {
          for (const text of session.out.splice(0)) ws.send(text);
          if (session.over) ws.close();
        });
        ws.on("message", (data) => session.carrier.send(String(data).split("\n")));
        ws.on("close", () => session.carrier.close());
        ws.on("error", () => undefined);
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#http.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/base/`;
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.sessions.clear();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #begin(wake: () => void): Session {
    const id = randomUUID();
    const session: Session = { out: [], wake, over: false, carrier: undefined as never };
    session.carrier = this.fake.dials().websocket.dial(undefined as never, {
      messages: (text) => {
        session.out.push(text.replace('"session":"secret"', `"session":"${id}"`));
        session.wake();
      },
      alive: () => undefined,
      closed: () => {
        session.over = true;
        this.sessions.delete(id);
        session.wake();
      },
    });
    this.sessions.set(id, session);
    return session;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(`${request.method} ${request.url}`);
    let body = "";
    for await (const chunk of request) body += String(chunk);
    if (this.refuse(request, response)) return;
    const url = new URL(request.url ?? "", "http://x");
    const id = request.headers["syncline-session"];
    const known = typeof id === "string" ? this.sessions.get(id) : undefined;
    if (url.pathname === "/base/v1/stream") {
      this.#stream(request, response, body);
      return;
    }
    const session = known ?? (id === undefined && url.pathname === "/base/v1/poll" ? this.#begin(() => undefined) : undefined);
    if (session === undefined) {
      response.writeHead(404, { "Content-Type": "application/json" }).end('{"error":{"code":"unknown_session","message":"who?"}}');
      return;
    }
    session.carrier.send(body.split("\n").filter((line) => line !== ""));
    if (url.pathname === "/base/v1/send") {
      response.writeHead(204).end();
      return;
    }
    const wait = Number(url.searchParams.get("wait"));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait);
      session.wake = () => {
        clearTimeout(timer);
        queueMicrotask(resolve);
      };
      if (session.out.length > 0) session.wake();
      response.on("close", session.wake);
    });
    response.writeHead(200, { "Content-Type": "application/x-ndjson" }).end(session.out.splice(0).map((text) => text + "\n").join(""));
  }

  #stream(request: IncomingMessage, response: ServerResponse, body: string): void {
    const sse = request.headers.accept === "text/event-stream";
    response.writeHead(200, { "Content-Type": sse ? "text/event-stream; charset=utf-8" : "application/x-ndjson" });
    const nl = this.newline;
    response.write(sse ? `: welcome${nl}retry: 1${nl}${nl}` : nl);
    const write = (text: string): void => {
      const bytes = Buffer.from(text);
      for (let i = 0; i < bytes.length; i += this.chunk) response.write(bytes.subarray(i, i + this.chunk));
    };
    const session = this.#begin(() => {
      for (const text of session.out.splice(0)) write(sse ? `event: message${nl}data: ${text}${nl}${nl}` : text + nl);
      if (session.over) response.end();
    });
    session.carrier.send(body.split("\n"));
    response.on("close", () => session.carrier.close());
  }
}
