import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { precache } from "./build/precache.js";
import { regions } from "./build/regions.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * Three pages and a service worker. File names are the same in every build: dist/ is checked in, the server tells browsers to ask
 * whether a file has changed, and the service worker knows which files belong together.
 */
export default defineConfig({
  root: here("."),
  publicDir: here("static"),
  plugins: [regions(), precache()],
  resolve: {
    alias: [
      { find: /^@syncline\/client$/, replacement: here("../client/src/index.ts") },
      { find: /^@syncline\/client\/([a-z]+)$/, replacement: `${here("../client/src")}/$1.ts` },
    ],
  },
  server: { proxy: { "/v1": { target: "http://127.0.0.1:4600", ws: true } } },
  build: {
    target: ["es2022", "chrome111", "firefox115", "safari16.4"],
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { board: here("index.html"), cities: here("cities.html"), access: here("access.html"), sw: here("src/worker/sw.ts") },
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
        comments: { legal: true, annotation: false, jsdoc: false }, // licences stay
        // The pages share all that is not their own, so that the second one costs little.
        codeSplitting: {
          groups: [
            { name: "react", test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/, priority: 3 },
            { name: "syncline", test: /web[\\/]client[\\/]src[\\/]/, priority: 2 },
            { name: "app", test: /demo[\\/]src[\\/](app|css[\\/](base|panel|app))/, priority: 1 },
          ],
        },
      },
    },
  },
});
