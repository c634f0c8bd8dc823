// Package web holds the demo's pages, its access rules and what its spaces begin
// with, so that the binary needs no other file. The pages are made from web/demo by `npm run build`
// there and are checked in; `npm run check:dist` fails when they are not up to date.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:demo/dist
var pages embed.FS

//go:embed demo/seed
var seeds embed.FS

// DemoRules is the demo's definition, web/demo/demo.yaml, as it is in the tree.
//
//go:embed demo/demo.yaml
var DemoRules []byte

// Demo gives the demo's pages: index.html, cities.html, access.html, the scripts, styles and names
// that these load by absolute paths, such as /board.js, and the service worker /sw.js.
func Demo() fs.FS {
	dist, err := fs.Sub(pages, "demo/dist")
	if err != nil {
		panic(err) // the path is valid
	}
	return dist
}

// Seed gives the entries that a space of the demo begins with, by the last segment of
// its path: one JSON object a line with the members "in", "id" and "value". Nil if it begins empty.
func Seed(name string) []byte {
	text, err := seeds.ReadFile("demo/seed/" + name + ".ndjson")
	if err != nil {
		return nil
	}
	return text
}

// Define is the module @syncline/client/define, in TypeScript. It imports nothing but types.
//
//go:embed client/src/define.ts
var Define string
