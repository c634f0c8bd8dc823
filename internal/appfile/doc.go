// Package appfile reads an application's definition from a TypeScript or JavaScript
// file: it bundles the file with what it imports, runs the result in a sandbox
// without I/O, clock or chance, and takes from it the definition, as data, and the
// script that has the mutators.
//
// What a definition means is the business of packages definition and authz; running
// mutators, that of package mutator. This package is for the binary: what embeds Syncline says its definition in Go.
package appfile
