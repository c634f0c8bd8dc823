/** A server in memory, simple enough to be right, and carriers to it that break where a test wants. */
import type { Doc, Entry, Json, Op, Outcome, Reads, Transport, View } from "../src/api.js";
import type { Carrier, CarrierEvents, Dials } from "../src/carrier.js";
import type { Leases } from "../src/lease.js";
import type { Player } from "../src/player.js";
import { parseSelector } from "../src/selector.js";
import { checkSum } from "../src/sum.js";
import { parseUpdate } from "../src/update.js";

type Message = { [name: string]: unknown };
interface Commit {
  seq: number;
  client: string;
  keys: string[];
}
interface Account {
  last: number;
  outcomes: Map<number, Outcome>;
}
interface Member {
  link: FakeLink;
  client: string;
  view: View;
  viewID: string;
  seq: number;
  presence: boolean;
}
type Sees = (key: string, value: Doc) => boolean;
/** A mutation as it comes. */
interface Pushed {
  id: number;
  ops: Op[];
  v?: { [collection: string]: number };
  reads?: Reads;
  call?: string;
  args?: Json;
}

/**
 * A lens: in the form of version 2 the name of each field ends in 2. What is stored is in the form of version 1.
 */
function up(doc: Doc): Doc {
  return Object.fromEntries(Object.entries(doc).map(([name, value]) => [name + "2", value]));
}
function down<T extends Json>(doc: T): T {
  return Object.fromEntries(Object.entries(doc as Doc).map(([name, value]) => [name.replace(/2$/, ""), value])) as T;
}
function downOp(op: Op): Op {
  if (op.op === "put") return { ...op, value: down(op.value) };
  if (op.op === "delete") return op;
  return { ...op, patch: Object.fromEntries(Object.entries(op.patch).map(([name, what]) => [name, down(what as Doc)])) as typeof op.patch };
}

/** One space of the server. */
export class FakeSpace {
  epoch = "a";
  seq = 0;
  horizon = 0;
  data = new Map<string, { version: number; value: Doc }>();
  log: Commit[] = [];
  accounts = new Map<string, Account>();
  members = new Map<FakeLink, Member>();
  /** The name of what all may see; undefined: there are no rules. */
  scope: string | undefined;
  /** Told with the scope. */
  leases: Leases | undefined;
  /** What may be seen by the scopes that the server still knows. */
  scopes = new Map<string, Sees>();
  /** Nobody may open it. */
  forbidden = false;
  /** The rows that were put in diffs, by key. */
  readonly told: string[] = [];
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }

  cursor(): string {
    return this.seq === 0 ? "0" : `${this.seq}-${this.epoch}`;
  }

  commit(ops: readonly Op[], client = "", id = 0, reads?: Reads): Outcome {
    const made = new Map<string, Doc | undefined>();
    const refuse = (code: string): Outcome => {
      this.log.push({ seq: ++this.seq, client, keys: [] });
      return { id, outcome: "rejected", seq: this.seq, code, message: `refused: ${code}` };
    };
    if (reads !== undefined && reads.scope !== this.scope) return refuse("stale");
    for (const [collection, entry] of reads?.keys ?? []) {
      const key = `${collection}/${entry}`;
      if (this.log.some((c) => c.seq > (reads?.at ?? 0) && c.client !== client && c.keys.includes(key))) return refuse("stale");
    }
    for (const op of ops) {
      const key = `${op.in}/${op.id}`;
      const there = this.data.get(key);
      if (client !== "" && there !== undefined && !this.sees(key, there.value)) return refuse("forbidden");
      if (op.if !== undefined && (made.has(key) || op.if !== (there?.version ?? 0))) return refuse("stale");
      const before = made.has(key) ? made.get(key) : there?.value;
      if (op.op === "put") made.set(key, op.value);
      else if (op.op === "delete") made.set(key, undefined);
      else if (before === undefined) return refuse("not_found");
      else {
        try {
          made.set(key, parseUpdate(op.patch).apply(before));
        } catch {
          return refuse("invalid");
        }
      }
    }
    this.log.push({ seq: ++this.seq, client, keys: [...made.keys()] });
    for (const [key, value] of made) {
      if (value === undefined) this.data.delete(key);
      else this.data.set(key, { version: this.seq, value });
    }
    return { id, outcome: "applied", seq: this.seq };
  }

  /** Runs a mutator on what is there; what it throws refuses the call. */
  call(player: Player | undefined, name: string, args: Json | undefined, client: string, id: number): Outcome {
    const entry = (key: string): Entry | undefined => {
      const there = this.data.get(key);
      const [collection = "", at = ""] = key.split("/");
      return there && { collection, id: at, value: there.value, version: there.version, state: "confirmed" };
    };
    const play = player?.play({ name, now: Date.now(), ...(args !== undefined && { args }) }, `${client}\0${id}\0${name}`, {
      path: this.path,
      user: "ada",
      get: (collection, at) => entry(`${collection}/${at}`),
      entries: (collection) => [...this.data.keys()].filter((key) => key.startsWith(collection + "/")).flatMap((key) => entry(key) ?? []),
    });
    if (play === undefined || play.error !== undefined) {
      this.log.push({ seq: ++this.seq, client, keys: [] });
      return { id, outcome: "rejected", seq: this.seq, code: "refused", message: String(play?.error) };
    }
    return this.commit(play.ops, client, id);
  }

  /** A write by nobody in particular, told to all. */
  write(...ops: Op[]): void {
    this.commit(ops);
    this.broadcast();
  }

  broadcast(): void {
    for (const member of this.members.values()) this.tell(member);
  }

  /** From now on other entries may be seen; members are told the difference. */
  /** With drops, which must cover all that goes, nothing that goes is named. */
  rescope(name: string, sees: Sees, drop?: View): void {
    this.scope = name;
    this.scopes.set(name, sees);
    for (const member of this.members.values()) if (member.view.length > 0) this.diff(member, member.seq, this.keys(), { scope: name, drop });
  }

  /** Nobody may have it open any more. */
  forbid(): void {
    this.forbidden = true;
    for (const { link } of this.members.values()) link.tell({ t: "error", code: "forbidden", message: "", space: this.path });
    this.members.clear();
  }

  sees(key: string, value: Doc): boolean {
    return this.scope === undefined || this.scopes.get(this.scope)?.(key, value) === true;
  }

  /** All that ever were. */
  keys(): Set<string> {
    return new Set([...this.data.keys(), ...this.log.flatMap((c) => c.keys)]);
  }

  inView(view: View, key: string, value: Doc): boolean {
    return this.sees(key, value) && view.some((part) => part.in === key.split("/")[0] && (part.where === undefined || parseSelector(part.where).match(value)));
  }

  tell(member: Member): void {
    if (member.view.length === 0 || member.seq === this.seq) return;
    const keys = new Set(this.log.filter((c) => c.seq > member.seq).flatMap((c) => c.keys));
    this.diff(member, member.seq, keys);
  }

  diff(member: Member, from: number, keys: Iterable<string>, more: Message = {}): void {
    const put: unknown[] = [];
    const del: unknown[] = [];
    for (const key of keys) {
      const at = key.indexOf("/");
      const [collection, id] = [key.slice(0, at), key.slice(at + 1)];
      const entry = this.data.get(key);
      if (entry && this.inView(member.view, key, entry.value)) {
        put.push([collection, id, entry.version, this.shown(member.view, collection, entry.value)]);
        this.told.push(key);
      }
      else if (more["reset"] !== true && more["drop"] === undefined) del.push([collection, id]);
    }
    const fromCursor = from === 0 ? "0" : `${from}-${this.epoch}`;
    const base = { t: "diff", space: this.path, view: member.viewID, from: fromCursor, to: this.cursor() };
    const { scope, ...first } = more;
    const end = { ...(first["reset"] === true && this.sum(member.view)), scope, leases: scope === undefined ? undefined : this.leases };
    if (put.length > 3) { // in two parts
      member.link.tell({ ...base, ...first, put: put.slice(0, 2), more: true });
      member.link.tell({ ...base, put: put.slice(2), del, ...end });
    } else {
      member.link.tell({ ...base, ...first, put, del, ...end });
    }
    member.seq = this.seq;
  }

  sum(view: View): { count: number; sum: string } {
    const entries = [...this.data].filter(([key, { value }]) => this.inView(view, key, value));
    const confirmed: Parameters<typeof checkSum>[0] = new Map();
    for (const [key, { version, value }] of entries) {
      const [collection = "", ...rest] = key.split("/");
      if (!confirmed.has(collection)) confirmed.set(collection, new Map());
      const id = rest.join("/");
      confirmed.get(collection)?.set(id, { collection, id, version, value, state: "confirmed" });
    }
    return checkSum(confirmed);
  }

  visible(view: View): Record<string, Doc> {
    return Object.fromEntries([...this.data].filter(([key, { value }]) => this.inView(view, key, value)).map(([key, { value }]) => [key, this.shown(view, key.split("/")[0] ?? "", value)]));
  }

  /** In the form of the version that a view speaks. */
  shown(view: View, collection: string, value: Doc): Doc {
    return view.some((part) => part.in === collection && part.v === 2) ? up(value) : value;
  }
}

/** One connection. Messages are delivered in microtasks, in order. */
export class FakeLink {
  over = false;
  readonly user: string[] = [];
  readonly server: FakeServer;
  readonly events: CarrierEvents;
  readonly transport: Transport;
  readonly name: string;
  constructor(server: FakeServer, transport: Transport, events: CarrierEvents) {
    this.server = server;
    this.transport = transport;
    this.events = events;
    this.name = `s${server.links.length + 1}`;
    server.links.push(this);
  }

  /** To the client. */
  tell(message: Message): void {
    this.raw(JSON.stringify(message));
  }

  raw(text: string): void {
    this.server.told = Date.now();
    queueMicrotask(() => {
      if (this.over) return;
      if (this.server.cut("down", text)) this.drop();
      else this.events.messages(text);
    });
  }

  drop(code = "connection"): void {
    if (this.over) return;
    this.leave();
    this.events.closed({ code, message: "cut" });
  }

  leave(): void {
    this.over = true;
    for (const space of this.server.spaces.values()) {
      if (!space.members.delete(this)) continue;
      for (const { link, presence } of space.members.values()) {
        if (presence) link.tell({ t: "present", space: space.path, peers: [{ session: this.name, user: "u", state: null }] });
      }
    }
  }
}

export class FakeServer {
  readonly spaces = new Map<string, FakeSpace>();
  readonly links: FakeLink[] = [];
  readonly received: Message[] = [];
  limits: Message = {};
  /** Runs calls. */
  player: Player | undefined;
  /** When it said anything last, in milliseconds since 1970. */
  told = 0;
  /** When each token ends, in milliseconds since 1970. */
  expires: number | undefined;
  /** Whether the connection breaks instead of delivering this message. */
  cut: (way: "up" | "down", text: string) => boolean = () => false;
  /** Answers a message in place of the server if it returns true. */
  answer: (message: Message, link: FakeLink) => boolean = () => false;
  /** Carriers that do not work. */
  readonly broken = new Set<Transport>();

  space(path = "demo/board"): FakeSpace {
    let space = this.spaces.get(path);
    if (space === undefined) this.spaces.set(path, (space = new FakeSpace(path)));
    return space;
  }

  get last(): FakeLink {
    return this.links[this.links.length - 1] as FakeLink;
  }

  dials(): Dials {
    const make = (transport: Transport): Dials[Transport] => ({ works: () => true, dial: (_, events) => this.#dial(transport, events) });
    return { websocket: make("websocket"), sse: make("sse"), stream: make("stream"), longpoll: make("longpoll"), poll: make("poll") };
  }

  #dial(transport: Transport, events: CarrierEvents): Carrier {
    const link = new FakeLink(this, transport, events);
    if (this.broken.has(transport)) queueMicrotask(() => link.drop());
    return {
      send: (messages) => {
        for (const text of messages) {
          queueMicrotask(() => {
            if (link.over) return;
            if (this.cut("up", text)) link.drop();
            else this.#take(link, JSON.parse(text) as Message);
          });
        }
      },
      session: () => undefined,
      close: () => link.leave(),
    };
  }

  #take(link: FakeLink, message: Message): void {
    this.received.push(message);
    if (this.answer(message, link)) return;
    const path = message["space"] as string;
    const space = this.space(path);
    const member = space.members.get(link);
    switch (message["t"]) {
      case "hello":
        link.tell({ t: "welcome", v: 1, session: "secret", user: message["user"], time: Date.now(), limits: this.limits, expires: this.expires, news: true });
        break;
      case "ping":
        link.tell({ t: "pong" });
        break;
      case "open":
        this.#open(link, space, message);
        break;
      case "close":
        space.members.delete(link);
        link.tell({ t: "closed", space: path });
        break;
      case "push":
        if (member === undefined) {
          link.tell({ t: "error", code: "not_open", message: "", space: path });
          break;
        }
        this.#push(space, member, message["muts"] as Pushed[]);
        break;
      case "check":
        link.tell({ t: "checked", space: path, view: (member as Member).viewID, at: space.cursor(), ...space.sum((member as Member).view) });
        break;
      case "presence":
      case "cast":
        for (const other of space.members.values()) {
          if (other.link === link || !other.presence) continue;
          const from = { session: link.name, user: "u" };
          if (message["t"] === "cast") other.link.tell({ t: "cast", space: path, ...from, topic: message["topic"], data: message["data"] });
          else other.link.tell({ t: "present", space: path, peers: [{ ...from, state: message["state"] }] });
        }
    }
  }

  #open(link: FakeLink, space: FakeSpace, open: Message): void {
    const client = (open["client"] as string | undefined) ?? "";
    if (space.forbidden) {
      link.tell({ t: "error", code: "forbidden", message: "", space: space.path });
      return;
    }
    const view = (open["view"] as View | undefined) ?? [];
    for (const other of space.members.values()) {
      if (other.client !== client || other.link === link) continue;
      space.members.delete(other.link);
      other.link.tell({ t: "error", code: "displaced", message: "", space: space.path });
    }
    const account = space.accounts.get(client) ?? { last: 0, outcomes: new Map() };
    const cursor = open["cursor"] as string | undefined;
    const [n = "0", epoch = space.epoch] = (cursor ?? "").split("-");
    const from = Number(n);
    const was = open["was"] as View | undefined;
    let reason: string | undefined;
    if (cursor === undefined) reason = "new";
    else if (epoch !== space.epoch || from > space.seq) reason = "forked";
    else if (from < space.horizon) reason = "trimmed";
    else if (space.scope !== undefined && !space.scopes.has((open["scope"] as string | undefined) ?? "")) reason = "scope";
    const differs = was !== undefined || open["scope"] !== space.scope;
    const member: Member = { link, client, view, viewID: JSON.stringify(view), seq: from, presence: open["presence"] === true };
    space.members.set(link, member);
    const resume = reason !== undefined ? "reset" : from === space.seq && !differs ? "current" : "diff";
    const outcomes = [...account.outcomes.values()].filter(({ id }) => id > (open["acked"] as number));
    link.tell({ t: "opened", space: space.path, view: member.viewID, ...(cursor !== undefined && { from: cursor }), head: space.cursor(), last: account.last, outcomes, resume, reason, scope: space.scope, leases: space.leases, self: link.name });
    if (member.presence) link.tell({ t: "present", space: space.path, reset: true, peers: [] });
    if (view.length === 0) return;
    if (resume === "reset") space.diff(member, 0, space.data.keys(), { reset: true });
    else if (differs) {
      // What was in the view that the cursor was made with is there already, whatever version that speaks.
      const there = (key: string): boolean => {
        const entry = space.data.get(key);
        return was !== undefined && open["scope"] === space.scope && entry !== undefined && entry.version <= from && space.inView(was, key, entry.value);
      };
      // Nothing is said of what is in neither view.
      const named = (key: string): boolean => [...view, ...(was ?? view)].some((part) => part.in === key.split("/")[0]) && (was === undefined || was.some((part) => part.in === key.split("/")[0]) || space.data.has(key));
      space.diff(member, from, [...space.keys()].filter((key) => named(key) && (!there(key) || !space.inView(view, key, space.data.get(key)?.value ?? {}))));
    }
    else space.tell(member);
  }

  #push(space: FakeSpace, member: Member, muts: readonly Pushed[]): void {
    let account = space.accounts.get(member.client);
    if (account === undefined) space.accounts.set(member.client, (account = { last: 0, outcomes: new Map() }));
    const outcomes: Outcome[] = [];
    for (const { id, ops, reads, call, args, v } of muts) {
      if (id > account.last + 1) {
        member.link.tell({ t: "error", code: "mutation_gap", message: "", space: space.path, expected: account.last + 1 });
        break;
      }
      const known = account.outcomes.get(id);
      if (id <= account.last) {
        outcomes.push(known ?? { id, outcome: "duplicate" });
        continue;
      }
      const outcome = call === undefined ? space.commit(ops.map((op) => (v?.[op.in] === 2 ? downOp(op) : op)), member.client, id, reads) : space.call(this.player, call, args, member.client, id);
      account.last = id;
      account.outcomes.set(id, outcome);
      outcomes.push(outcome);
    }
    if (outcomes.length > 0) member.link.tell({ t: "ack", space: space.path, outcomes });
    space.broadcast();
  }
}
