// Package value says what a record is and how bytes become one.
//
// A record is a JSON object. It has two forms, and this package is the way
// between them:
//
//   - canonical bytes (RFC 8785, JCS), which are stored, hashed and sent. Two
//     records are equal exactly when their canonical bytes are. [Canonical]
//     makes them from what a stranger sent, and is strict;
//   - a tree of map[string]any, []any, string, float64, bool and nil, which
//     rules, selectors and updates look at. [Parse] makes it, [Encode] undoes it.
//
// Trees are shared freely between goroutines and versions of a record: treat
// every tree as immutable. Nothing in this package keeps a reference to its
// input bytes, and nothing starts a goroutine.
//
// The TypeScript twin is web/client/src/value.ts. Both run the vectors under
// testdata/vectors and must agree to the letter: the order of [Compare], the
// error codes, the canonical bytes.
package value
