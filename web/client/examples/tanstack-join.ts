/**
 * Two collections of one space, joined and counted by TanStack DB. Both
 * answers stay up to date: with changes made here, also without network, and
 * with those of others.
 */

import { BasicIndex, count, createCollection, createLiveQueryCollection, createTransaction, eq } from "@tanstack/db";
import type { Space } from "../src/api.js";
import { mutationOf, synclineCollectionOptions, synclineMutation, type SynclineUtils } from "../src/tanstack.js";

/** An entry of `cards`; `id` is what the entry is called. */
export interface Card {
  id: string;
  title: string;
  done: boolean;
  owner: string;
}

/** An entry of `people`. */
export interface Person {
  id: string;
  name: string;
}

/** Joins look rows up by what they join on. */
const INDEXED = { autoIndex: "eager", defaultIndexType: BasicIndex } as const;

/** The collections of a board, whose view has `cards` and `people`, and what is asked of them. */
export function openBoard(board: Space) {
  const cards = createCollection<Card, string, SynclineUtils>({ ...synclineCollectionOptions<Card>({ space: board, collection: "cards" }), ...INDEXED });
  const people = createCollection<Person, string, SynclineUtils>({ ...synclineCollectionOptions<Person>({ space: board, collection: "people" }), ...INDEXED });

  /** Each card with the name of its owner, if that is known. */
  const named = createLiveQueryCollection((q) =>
    q
      .from({ card: cards })
      .leftJoin({ person: people }, ({ card, person }) => eq(card.owner, person.id))
      .orderBy(({ card }) => card.title)
      .select(({ card, person }) => ({ id: card.id, title: card.title, owner: person?.name })),
  );

  /** The number of open cards of each person who has any. */
  const load = createLiveQueryCollection((q) =>
    q
      .from({ card: cards })
      .innerJoin({ person: people }, ({ card, person }) => eq(card.owner, person.id))
      .where(({ card }) => eq(card.done, false))
      .groupBy(({ person }) => person.name)
      .select(({ card, person }) => ({ name: person.name, open: count(card.id) })),
  );

  return {
    cards,
    people,
    named,
    load,

    /** A person who leaves hands all cards on: one transaction, one mutation, all or nothing. Resolves when the server has it. */
    async handOn(from: string, to: string): Promise<void> {
      const theirs = cards.toArray.filter((card) => card.owner === from).map((card) => card.id);
      const transaction = createTransaction({ mutationFn: synclineMutation });
      transaction.mutate(() => {
        if (theirs.length > 0) cards.update(theirs, (drafts) => drafts.forEach((card) => (card.owner = to)));
        people.delete(from);
      });
      await transaction.when("settled");
      await mutationOf(transaction)?.confirmed;
    },
  };
}
