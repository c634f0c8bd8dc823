/** One person's device: a client of its own, with a store of its own, and what happens to it. */

import type { Client, Space } from "@syncline/client";
import { connect } from "../app/session.js";
import { Diary } from "./diary.js";
import { Meter } from "./meter.js";
import { DOCUMENTS, PROJECTS, STUDIO, VIEW } from "./studio.js";

export class Device {
  readonly user: string;
  readonly client: Client;
  readonly space: Space;
  readonly diary: Diary;
  /** Titles of documents that were here once: what is gone still has to be named. */
  readonly #titles = new Map<string, string>();

  constructor(user: string) {
    const meter = new Meter();
    this.user = user;
    this.client = connect(meter.socket(), user).client;
    this.space = this.client.space(STUDIO, { view: VIEW });
    this.diary = new Diary(this.space, meter, this.titleOf);
    this.space.onEvent((event) => {
      if (event.kind === "queued") for (const { id, before } of event.changes) this.#note(id, before?.value["title"]);
    });
  }

  readonly titleOf = (collection: string, id: string): string => {
    const value = this.space.get(collection, id)?.value;
    this.#note(id, collection === PROJECTS ? value?.["name"] : value?.["title"]);
    return this.#titles.get(id) ?? (collection === DOCUMENTS ? "a document" : "a project");
  };

  #note(id: string, title: unknown): void {
    if (typeof title === "string") this.#titles.set(id, title);
  }
}
