// Package web holds the demo's pages and what its board begins with, so that the
// binary needs no other file. The pages are made from web/demo by `npm run build`
// there and are checked in; `npm run check:dist` fails when they are not up to date.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:demo/dist
var pages embed.FS

//go:embed demo/seed/board.ndjson
var board []byte

// Demo gives the demo's pages: index.html, cities.html, the scripts, styles and names
// that these load by absolute paths, such as /board.js, and the service worker /sw.js.
func Demo() fs.FS {
	dist, err := fs.Sub(pages, "demo/dist")
	if err != nil {
		panic(err) // the path is valid
	}
	return dist
}

// Seed gives the entries that the board begins with, one JSON object a line: the
// member "id" is the entry's id, the others are its fields.
func Seed() []byte {
	return append([]byte(nil), board...)
}

// Define is the module @syncline/client/define, in TypeScript. It imports nothing but types.
//
//go:embed client/src/define.ts
var Define string
