/**
 * The pages without a network. What belongs to them is stored as one set when a version of this worker is installed; the data is the
 * client's business, and nothing below /v1 comes by here.
 *
 * Nothing stays old for ever: with a network each file comes from the server, and the set only stands in where there is no answer, an
 * error of the server, or none in time. A page that came from the set gets the rest of it from there too, so that files of two versions
 * do not meet. A new worker takes over at once, and removes the sets of others.
 */

export {};

/** Path and digest of each file, put in by the build. */
declare const __FILES__: readonly (readonly [path: string, integrity: string])[];
/** Names the set of just these files, put in by the build. */
declare const __VERSION__: string;
declare const self: ServiceWorkerGlobalScope;

const PREFIX = "syncline-demo/";
/** How long the server may take, in milliseconds, where there is something to show without it. */
const PATIENCE = 3000;
const files = new Map(__FILES__);
const set = PREFIX + __VERSION__;
/** Pages that have come from the set. */
const apart = new Set<string>();

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request, clientId, resultingClientId } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  const page = request.mode === "navigate";
  const path = page ? pageAt(pathname) : pathname;
  if (!files.has(path)) return;
  event.respondWith(apart.has(clientId) && !page ? stored(path, request) : answer(path, request, () => page && apart.add(resultingClientId)));
});

async function install(): Promise<void> {
  const cache = await caches.open(set);
  // A file that is not the one of this version fails the installation: the browser tries again later.
  await Promise.all([...files].map(async ([path, integrity]) => cache.put(path, await fetch(new Request(path, { cache: "no-cache", integrity })))));
  await self.skipWaiting();
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== set) await caches.delete(name);
  await self.clients.claim();
}

/** The server's answer, or what is stored; `fell` is told of the latter. */
async function answer(path: string, request: Request, fell: () => void): Promise<Response> {
  const cache = await caches.open(set);
  const kept = await cache.match(path);
  if (kept === undefined) return fetch(request).catch((error: unknown) => (request.mode === "navigate" ? sorry() : Promise.reject(error)));
  const fresh = await inTime(fetch(request));
  if (fresh !== undefined && fresh.status < 500) return fresh;
  fell();
  return kept;
}

async function stored(path: string, request: Request): Promise<Response> {
  return (await (await caches.open(set)).match(path)) ?? fetch(request);
}

/** Undefined if it fails or takes too long. */
function inTime(answer: Promise<Response>): Promise<Response | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), PATIENCE);
    answer.then(resolve, () => resolve(undefined)).finally(() => clearTimeout(timer));
  });
}

/** The file of a page: as the server has it, / is index.html, /cities is cities.html. */
function pageAt(path: string): string {
  return path === "/" ? "/index.html" : files.has(`${path}.html`) ? `${path}.html` : path;
}

/** The browser has removed the set, and there is no network. */
function sorry(): Response {
  const text = "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Syncline</title><p>There is no network, and this page is not stored on this device any more. Connect, then reload.";
  return new Response(text, { status: 503, headers: { "content-type": "text/html; charset=utf-8" } });
}
