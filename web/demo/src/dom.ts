/** The little that the pages need to make elements. */

type Handler = (event: never) => void;
export type Props = { readonly [name: string]: string | number | boolean | null | undefined | Handler };
export type Child = Node | string | null | false;

/** Makes an element. Functions become listeners (`onclick`), true an empty attribute; false and null are left out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children) if (child !== null && child !== false) element.append(child);
  return element;
}

const ICONS = {
  close: "M4 4l8 8M12 4l-8 8",
  grip: "M6 3.5h.01M10 3.5h.01M6 8h.01M10 8h.01M6 12.5h.01M10 12.5h.01",
  plus: "M8 3v10M3 8h10",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5",
  up: "M8 12.5v-9M4 7.5l4-4 4 4",
  window: "M6.5 3.5h-3v9h9v-3M9 3.5h3.5V7M12.5 3.5L7.5 8.5",
  hand: "M5 8V4.5a1 1 0 012 0V7.5M7 7V3.5a1 1 0 012 0V7.5M9 7V4.5a1 1 0 012 0V9a4 4 0 01-4 4.2c-1.8 0-2.6-.9-3.5-2.5L2.700 9a.9.9 0 011.5-1L5 9",
  panel: "M2.5 3.5h11v9h-11zM10 3.5v9",
  sort: "M8 12.5v-9M4 7.5l4-4 4 4",
} as const;

/** A 16 by 16 line drawing, hidden from assistive technology. */
export function icon(name: keyof typeof ICONS): SVGSVGElement {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(ns, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Moves an element without losing its focus or animations, where the browser can. */
export function moveBefore(parent: Element, node: Element, before: Element | null): void {
  const target = parent as Element & { moveBefore?: (node: Element, before: Element | null) => void };
  if (target.moveBefore !== undefined && node.isConnected && target.isConnected) target.moveBefore(node, before);
  else parent.insertBefore(node, before);
}

/** Calls `fn` at most once a frame. */
export function framed(fn: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      fn();
    });
  };
}
