/** Cards that change place glide there instead of jumping. */

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Notes where elements are; the function returned lets them glide from there to where they are by then. */
export function animateMoves(elements: readonly HTMLElement[], held: string | null): () => void {
  if (calm.matches || document.hidden) return () => undefined;
  const before = elements.map((element) => element.getBoundingClientRect());
  return () => {
    for (const [i, element] of elements.entries()) {
      const was = before[i];
      if (was === undefined || !element.isConnected || element.dataset["id"] === held) continue;
      const is = element.getBoundingClientRect();
      const dx = was.left - is.left;
      const dy = was.top - is.top;
      if (Math.abs(dx) + Math.abs(dy) < 2) continue;
      element.animate([{ transform: `translate(${dx}px, ${dy}px)` }, { transform: "none" }], { duration: 180, easing: "cubic-bezier(.2,.8,.2,1)" });
    }
  };
}
