/** Cards as elements, and the way from one to another. */

export function cardElement(board: HTMLElement | null, id: string): HTMLElement | undefined {
  return board?.querySelector<HTMLElement>(`.card[data-id="${CSS.escape(id)}"]`) ?? undefined;
}

/** The card that an arrow key leads to: to the sides the one at the same height in the next lane that has any. */
export function beside(board: HTMLElement | null, id: string, key: string): HTMLElement | undefined {
  const lists = [...(board?.querySelectorAll(".cards") ?? [])].map((list) => [...list.querySelectorAll<HTMLElement>(":scope > .card")]);
  const at = lists.findIndex((list) => list.some((card) => card.dataset["id"] === id));
  const list = lists[at];
  if (list === undefined) return undefined;
  const index = list.findIndex((card) => card.dataset["id"] === id);
  if (key === "ArrowUp" || key === "ArrowDown") return list[index + (key === "ArrowUp" ? -1 : 1)];
  const ways = key === "ArrowRight" ? lists.slice(at + 1) : lists.slice(0, at).reverse();
  const other = ways.find((cards) => cards.length > 0);
  return other?.[Math.min(index, other.length - 1)];
}
