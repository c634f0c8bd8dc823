/**
 * Says so when the page's own code cannot even start: then nothing else can. It is the first thing that a page imports, and stands
 * back as soon as there is something on the screen.
 */

addEventListener("error", ({ error, message }) => {
  const opening = document.querySelector("#root > .opening");
  if (opening === null) return;
  const text = document.createElement("p");
  text.textContent = `This page could not start: ${error instanceof Error ? error.message : message}. Reload it; if that does not help, try another browser. What you have changed before is stored.`;
  opening.setAttribute("role", "alert");
  opening.replaceChildren(text);
});
