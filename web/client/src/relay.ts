import type { Cast, CheckResult, Json, Peer, View } from "./api.js";
import type { Channel } from "./channel.js";
import { SynclineError } from "./errors.js";
import type { Home } from "./home.js";
import type { Peers } from "./presence.js";
import type { Standing } from "./status.js";
import type { TabMessage } from "./tabs.js";
import { ahead, union } from "./view.js";

/** How long the leader may take to answer a question, in milliseconds. */
const ANSWER = 15_000;

/** What a relay asks of its space and tells it. */
export interface RelayEvents {
  /** How this tab stands to the server, if it leads. */
  standing(): Standing;
  /** What the leader says has changed. */
  changed(): void;
  hear(cast: Cast): void;
  /** A newer version of the program has the space in another tab. */
  outdated(): void;
  /** When this tab knows of contact, and that the leader knows of it. */
  contact(): number;
  seen(asked: number): void;
}

interface Question {
  readonly resolve: (result: CheckResult) => void;
  readonly reject: (error: Error) => void;
  /** Rejects when there was no answer for long. */
  readonly late: ReturnType<typeof setTimeout>;
}

/**
 * What the tabs that have a space open tell each other of it besides data: the
 * leader how it stands to the server, who is there and what was cast; the
 * others which view they want, and what they have to say. All tabs speak to the
 * server with one voice, so that they share one presence.
 */
export class Relay {
  readonly #path: string;
  readonly #home: Home;
  readonly #peers: Peers;
  readonly #channel: Channel;
  readonly #events: RelayEvents;
  /** The views that tabs want. */
  readonly #wants = new Map<string, View>();
  readonly #questions = new Map<number, Question>();
  #presence = false;
  #asked = 0;
  #standing: Standing | undefined;

  constructor(path: string, home: Home, peers: Peers, channel: Channel, events: RelayEvents) {
    this.#path = path;
    this.#home = home;
    this.#peers = peers;
    this.#channel = channel;
    this.#events = events;
    peers.subscribe(() => this.#post("peers", { peers: [...peers.peers] }, true));
  }

  /** How the leader stands to the server, as far as it has told. */
  get standing(): Standing | undefined {
    return this.#standing;
  }

  get wanted(): boolean {
    return this.#wants.size > 0;
  }

  /** A tab wants a view. Of tabs that speak different versions the older ones are to end: each hears what the others want. */
  want(tab: string, view: View, presence = this.#presence): void {
    const own = tab === this.#home.tab;
    if (own) {
      this.#presence = presence;
      this.#post("want", { view, presence });
    }
    for (const [other, has] of this.#wants) {
      const by = ahead(view, has);
      if (by > 0) this.#wants.delete(other);
      if (by < 0) return own ? this.#events.outdated() : this.#post("want", { view: has }); // for that tab to hear
    }
    this.#wants.set(tab, view);
    this.#channel.setView(union([...this.#wants.values()]), presence);
  }

  /** A tab does not want the space any more. What it wanted stays until the space is opened anew. */
  leave(tab: string): void {
    if (!this.#wants.delete(tab)) return;
    if (tab === this.#home.tab) this.#post("leave", {});
  }

  /** Another tab has the space with this view: if that is of a newer version of the program, this tab is to end. */
  meet(view: View): boolean {
    const own = this.#wants.get(this.#home.tab);
    const outdated = own !== undefined && ahead(view, own) > 0;
    if (outdated) this.#events.outdated();
    return outdated;
  }

  /** Tells the leader what this tab wants, and the others, if it leads, what they ask. */
  tell(): void {
    this.#post("standing", { standing: this.#events.standing() }, true);
  }

  /** Tells the others of contact. */
  seen(asked: number): void {
    this.#post("seen", { asked }, true);
  }

  follow(): void {
    this.#standing = undefined;
    const own = this.#wants.get(this.#home.tab);
    this.#wants.clear();
    if (own !== undefined) this.want(this.#home.tab, own);
    for (const n of this.#questions.keys()) this.#unanswered(n);
  }

  say(): void {
    this.#post("say", { state: JSON.parse(this.#peers.state) as Json });
  }

  cast(topic: string, data: string): void {
    this.#post("utter", { topic, data });
  }

  heard(cast: Cast): void {
    this.#post("heard", { cast }, true);
  }

  check(): Promise<CheckResult> {
    return new Promise((resolve, reject) => {
      const n = ++this.#asked;
      const late = setTimeout(() => this.#unanswered(n), ANSWER);
      this.#questions.set(n, { resolve, reject, late });
      this.#post("check", { n });
    });
  }

  /** Takes a message; false if it is the keeper's. */
  message(message: TabMessage, from: string): boolean {
    const leading = this.#home.epoch !== undefined;
    switch (message.t) {
      case "want":
        if (this.meet(message["view"] as View) || !leading) break;
        this.want(from, message["view"] as View, message["presence"] === true);
        this.tell();
        this.seen(this.#events.contact());
        this.#post("peers", { peers: [...this.#peers.peers] }, true);
        break;
      case "leave":
        this.leave(from);
        break;
      case "say":
        if (leading) this.#peers.set(message["state"] as Json);
        break;
      case "utter":
        if (leading) this.#channel.cast(String(message["topic"]), String(message["data"]));
        break;
      case "check":
        if (leading) this.#check(message["n"] as number, from);
        break;
      case "standing":
        if (leading) break;
        this.#standing = message["standing"] as Standing;
        this.#events.changed();
        break;
      case "seen":
        if (!leading) this.#events.seen(message["asked"] as number);
        break;
      case "peers":
        if (!leading) this.#peers.mirror(new Map(message["peers"] as [string, Peer][]));
        break;
      case "heard":
        if (!leading) this.#events.hear(message["cast"] as Cast);
        break;
      case "checked": {
        if (message["to"] !== this.#home.tab) break;
        const question = this.#answer(message["n"] as number);
        if (typeof message["error"] === "string") question?.reject(new SynclineError("not_live", message["error"]));
        else question?.resolve(message["result"] as CheckResult);
        break;
      }
      default:
        return false;
    }
    return true;
  }

  #unanswered(n: number): void {
    this.#answer(n)?.reject(new SynclineError("not_live", "the leader does not answer"));
  }

  #answer(n: number): Question | undefined {
    const question = this.#questions.get(n);
    this.#questions.delete(n);
    clearTimeout(question?.late);
    return question;
  }

  #check(n: number, to: string): void {
    this.#channel.check().then(
      (result) => this.#post("checked", { n, to, result }, true),
      ({ message }: Error) => this.#post("checked", { n, to, error: message }, true),
    );
  }

  #post(t: string, members: { readonly [name: string]: unknown }, leader = false): void {
    if (!leader || this.#home.epoch !== undefined) this.#home.post({ t, path: this.#path, ...members });
  }
}
