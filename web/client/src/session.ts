import type { StatusError, Transport } from "./api.js";
import { backoff, spread } from "./backoff.js";
import type { Dials, Failure, Platform } from "./carrier.js";
import { Ladder } from "./ladder.js";
import { Link, type LinkEvents } from "./link.js";
import type { ServerMessage, SpaceMessage, Welcome } from "./wire.js";

/** A connection that lasted this long was no failure, in milliseconds. */
const LASTED = 10_000;
/** The first and the longest pause between attempts at a better carrier, in milliseconds. */
const CLIMB = { least: 60_000, most: 3_600_000 } as const;
/** A token is renewed when this share of its time is over, or so long before its end if that is later, but not more often than this; milliseconds. */
const RENEWAL = { share: 0.8, before: 30_000, least: 10_000, most: 2 ** 31 - 1 } as const;
/** Messages by name of the limits that the client itself keeps, as long as the server has not told others. */
const LIMITS = { message: 1 << 20, entry: 256 << 10, mutation: 512 << 10, ops: 1000, pushed: 1024, presence: 4 << 10 };
/** Errors that come from a server, so that the carrier is not to blame. */
const SERVERS = new Set(["unauthorized", "unsupported_version", "shutting_down", "overloaded", "rate_limited", "unavailable", "internal"]);

export type Limits = { readonly [K in keyof typeof LIMITS]: number };

/** A space as its session sees it. */
export interface Member {
  readonly path: string;
  /** Mutations sent that wait for an outcome. */
  readonly inFlight: number;
  /** Whether it has to {@link begin}. */
  readonly idle: boolean;
  /** A connection begins: send `open`. */
  begin(): void;
  message(message: SpaceMessage): void;
  /** The connection has ended. */
  end(): void;
  /** The server has answered what it was asked then. */
  contact(asked: number): void;
  /** From now on another token is used. */
  renewed(): void;
  /** There may be room to push. */
  pump(): void;
  /** The state of the session has changed. */
  refresh(): void;
}

export interface SessionOptions {
  readonly platform: Platform;
  readonly dials: Dials;
  readonly transports: readonly Transport[];
  readonly user: string | undefined;
  readonly token: (() => string | Promise<string>) | undefined;
  readonly agent: string | undefined;
  readonly random: () => number;
  readonly now: () => number;
}

export type SessionState = "offline" | "paused" | "connecting" | "connected" | "unauthorized" | "stopped";

/** The one connection of a client, made again and again while there is a space to sync. */
export class Session implements LinkEvents {
  readonly #options: SessionOptions;
  readonly #members = new Map<string, Member>();
  /** Spaces left on this connection whose `closed` has not come: what still comes of them is old. */
  readonly #leaving = new Map<string, number>();
  readonly #ladder: Ladder;
  #state: SessionState = "connecting";
  #error: StatusError | undefined;
  #link: Link | undefined;
  /** An attempt at a better carrier while another one works. */
  #probe: Link | undefined;
  #attempt = 0;
  #since = 0;
  #heard = 0;
  /** Whether hello was sent on the link, so that spaces may follow. */
  #greeted = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #climb: ReturnType<typeof setTimeout> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #pause: number = CLIMB.least;
  #rung = 0;
  #limits: Limits = LIMITS;
  /** What hello said last. */
  #token: string | undefined;
  /** With which the spaces have begun. */
  #used: string | undefined;
  /** A token that was not used yet. */
  #fresh: string | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#ladder = new Ladder(Math.max(1, options.transports.length));
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Who this is, as far as the application has said; empty if it has not. */
  get user(): string {
    return this.#options.user ?? "";
  }

  get error(): StatusError | undefined {
    return this.#error;
  }

  get transport(): Transport | null {
    return this.#state === "connected" ? (this.#link?.transport ?? null) : null;
  }

  get limits(): Limits {
    return this.#limits;
  }

  /** When the server was last heard of, in milliseconds since 1970. */
  get heard(): number {
    return this.#heard;
  }

  now(): number {
    return this.#options.now();
  }

  /** A delay after failures in a row, counted from 0; milliseconds. */
  delay(failures: number, retryMs?: number): number {
    return retryMs === undefined ? backoff(failures, this.#options.random) : spread(retryMs, this.#options.random);
  }

  /** How many mutations may be sent. */
  room(): number {
    let flying = 0;
    for (const member of this.#members.values()) flying += member.inFlight;
    return this.#limits.pushed - flying;
  }

  /** Sends a message of a space that has begun. */
  send(message: string): void {
    this.#link?.send(message);
  }

  add(member: Member): void {
    this.#members.set(member.path, member);
    if (this.#greeted) member.begin();
    else if (this.#state === "connecting" && this.#link === undefined && this.#retry === undefined) this.#connect();
  }

  remove(member: Member): void {
    this.#members.delete(member.path);
    if (!this.#greeted) return;
    this.#leaving.set(member.path, (this.#leaving.get(member.path) ?? 0) + 1);
    this.send(JSON.stringify({ t: "close", space: member.path }));
  }

  /** Asks for a sign of life. */
  ask(): void {
    this.#link?.ping();
  }

  /** Connects now, whatever was before. */
  start(): void {
    if (this.#link !== undefined) {
      this.#link.ping();
      if (this.#greeted) this.#begin();
      return;
    }
    this.#attempt = 0;
    this.#error = undefined;
    this.#drop();
    this.#become("connecting");
    if (this.#members.size > 0) this.#connect();
  }

  /** Ends the connection; another one is made when there is a space again. */
  rest(): void {
    this.#drop();
    this.#error = undefined;
    if (this.#state === "connected" || this.#state === "unauthorized") this.#become("connecting");
  }

  /** Ends the connection and makes no other. */
  stop(state: "offline" | "paused" | "stopped", error?: StatusError): void {
    this.#drop();
    this.#error = error;
    this.#become(state);
  }

  /** Gives this connection up because of what came over it. */
  fail(failure: Failure): void {
    const link = this.#link;
    if (link === undefined) return;
    link.close();
    this.down(link, failure);
  }

  welcome(link: Link, message: Welcome, first: boolean): void {
    this.#limits = { ...LIMITS, ...numbersOf(message.limits) };
    const { user } = this.#options;
    if (user !== undefined && message.user !== undefined && message.user !== user) {
      // What is queued here must never be sent as somebody else.
      this.stop("stopped", { code: "user_differs", message: `the server takes this client for ${message.user}, not ${user}` });
      return;
    }
    if (link === this.#link || link === this.#probe) this.#scheduleRenewal(link, message);
    if (!first) return;
    this.#since = this.#heard = this.now();
    this.#error = undefined;
    this.#ladder.worked(this.#options.transports.indexOf(link.transport));
    if (link === this.#probe) {
      this.#link?.close();
      this.#link = link;
      this.#probe = undefined;
      this.#end();
      this.#begin();
    }
    this.#become("connected");
    this.#scheduleClimb();
  }

  message(link: Link, message: ServerMessage): void {
    if (link !== this.#link) return;
    this.#heard = this.now();
    if (message.t === "pong") {
      const asked = link.asked.shift();
      if (asked !== undefined) for (const member of this.#members.values()) member.contact(asked);
    } else if (message.t === "closed") {
      const left = (this.#leaving.get(message.space) ?? 0) - 1;
      if (left > 0) this.#leaving.set(message.space, left);
      else this.#leaving.delete(message.space);
    } else if ("space" in message && message.space !== undefined) {
      if (!this.#leaving.has(message.space)) this.#members.get(message.space)?.message(message);
      if (message.t === "ack") for (const member of this.#members.values()) member.pump();
    } else if (message.t === "error") {
      this.#error = { code: message.code, message: message.message };
      for (const member of this.#members.values()) member.refresh();
    }
  }

  down(link: Link, failure: Failure): void {
    if (link === this.#probe) {
      this.#probe = undefined;
      this.#scheduleClimb();
      return;
    }
    if (link !== this.#link) return;
    const lasted = link.welcomed && failure.code !== "bad_frame" && this.now() - this.#since >= LASTED;
    const { code, message, retryMs } = failure;
    this.#drop();
    this.#error = { code, message };
    if (code === "unsupported_version" || (code === "unauthorized" && this.#options.token === undefined)) {
      this.#become("stopped");
      return;
    }
    if (code === "unauthorized") {
      this.#become("unauthorized");
      this.#renew(this.#token);
      return;
    }
    let next = false;
    if (lasted) {
      this.#attempt = 0;
      this.#ladder.lasted();
    } else if (!SERVERS.has(code)) {
      next = this.#ladder.failed();
    }
    const delay = next ? 0 : Math.max(this.delay(this.#attempt++), retryMs === undefined ? 0 : this.delay(0, retryMs));
    this.#become("connecting");
    this.#retry = setTimeout(() => this.#connect(), delay);
  }

  #connect(): void {
    this.#retry = undefined;
    if (this.#link !== undefined) return; // whoever heard of the status has started it already
    const transport = this.#options.transports[this.#ladder.at];
    if (transport === undefined) {
      this.stop("stopped", { code: "connection", message: "no carrier works here: pass fetch or WebSocket" });
      return;
    }
    this.#link = this.#dial(transport);
  }

  #dial(transport: Transport): Link {
    const { dials, platform } = this.#options;
    const link = new Link(transport, dials[transport].dial, platform, this);
    void this.#greet(link);
    return link;
  }

  /** Says hello, with a fresh token; the spaces follow at once. */
  async #greet(link: Link): Promise<void> {
    let token: string | undefined;
    await undefined; // the link has yet to get its place
    try {
      token = this.#fresh ?? (await this.#options.token?.());
      this.#fresh = undefined;
    } catch (error) {
      link.close();
      this.down(link, { code: "unauthorized", message: `no token: ${String(error)}` });
      return;
    }
    this.#hello(link, token);
    if (link === this.#link) this.#begin();
  }

  #hello(link: Link, token: string | undefined): void {
    const { user, agent } = this.#options;
    this.#token = token;
    link.hello(JSON.stringify({ t: "hello", v: [1], token, user, agent }));
  }

  /** Plans to say hello again on the link, before the token ends. */
  #scheduleRenewal(link: Link, { expires, time = this.now() }: Welcome): void {
    clearTimeout(this.#renewal);
    if (expires === undefined || this.#options.token === undefined) return;
    const left = expires - time;
    const delay = Math.max(left * RENEWAL.share, left - RENEWAL.before, RENEWAL.least);
    this.#renewal = setTimeout(() => void this.#greetAgain(link), Math.min(delay, RENEWAL.most));
  }

  /** Says hello again once the application has another token. */
  async #greetAgain(link: Link, failures = 0): Promise<void> {
    let token = this.#token;
    try {
      token = await this.#options.token?.();
    } catch {
      // The server will say what is missing, once it is.
    }
    if (link !== this.#link) return;
    if (token === this.#token) {
      this.#renewal = setTimeout(() => void this.#greetAgain(link, failures + 1), this.delay(failures));
      return;
    }
    this.#hello(link, token);
    this.#begin();
  }

  /** Asks the application for a token until it gives another one than the one that was refused. */
  #renew(refused: string | undefined): void {
    const attempt = this.#attempt++;
    const retry = setTimeout(async () => {
      let token = refused;
      try {
        token = await this.#options.token?.();
      } catch {
        // Nothing is sent meanwhile, and the status says what is missing.
      }
      if (this.#retry !== retry) return;
      this.#retry = undefined;
      if (token === refused) return this.#renew(refused);
      this.#fresh = token;
      this.#become("connecting");
      if (this.#members.size > 0) this.#connect();
    }, attempt === 0 ? 0 : this.delay(attempt));
    this.#retry = retry;
  }

  #begin(): void {
    this.#greeted = true;
    const renewed = this.#token !== this.#used;
    this.#used = this.#token;
    for (const member of this.#members.values()) {
      if (renewed) member.renewed();
      if (member.idle) member.begin();
    }
  }

  #end(): void {
    this.#greeted = false;
    this.#leaving.clear();
    for (const member of this.#members.values()) member.end();
  }

  #drop(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#climb);
    clearTimeout(this.#renewal);
    this.#retry = this.#climb = undefined;
    this.#probe?.close();
    this.#link?.close();
    this.#probe = this.#link = undefined;
    this.#end();
  }

  #become(state: SessionState): void {
    this.#state = state;
    for (const member of this.#members.values()) member.refresh();
  }

  /** Plans an attempt at a better carrier, another one each time. */
  #scheduleClimb(): void {
    clearTimeout(this.#climb);
    if (this.#ladder.at === 0) {
      this.#pause = CLIMB.least;
      this.#rung = 0;
      return;
    }
    this.#climb = setTimeout(() => {
      this.#pause = Math.min(CLIMB.most, this.#pause * 2);
      this.#probe = this.#dial(this.#options.transports[this.#rung++ % this.#ladder.at] as Transport);
    }, spread(this.#pause, this.#options.random));
  }
}

function numbersOf(limits: Welcome["limits"]): Partial<Limits> {
  return Object.fromEntries(Object.entries(limits).filter(([, n]) => Number.isSafeInteger(n) && n > 0));
}
