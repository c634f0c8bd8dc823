// Package selector is the small algebra over records which subscriptions,
// client queries and _find share: selectors say which records
// ([Parse], [Selector]), queries add order and shape ([ParseQuery], [Query]),
// updates say how a record changes ([ParseUpdate], [Update]).
//
// All three are JSON, parsed strictly once and then immutable: every value of
// this package may be used by many goroutines at once. All three have a normal
// form, String, which parses back to the same thing and is equal for equal
// things; use it as a key.
//
// # Selectors
//
// The language is CouchDB's Mango, cut down to what means the same in Go and
// in JavaScript: {"done": false, "votes": {"$gt": 5}}. See [Parse] for the
// operators. What Mango leaves vague is decided here:
//
//   - A condition on a field which is missing is neither true nor false but
//     unknown, as in SQL, and a record matches only if the whole is true. So
//     {"a": {"$ne": 1}} and {"$not": {"a": 1}} do not match a record without
//     a. Only $exists sees that a field is missing. This is what CouchDB does.
//   - Comparisons are across types, in the order of [value.Compare]: any
//     string is $gt any number.
//   - Paths lead through objects, never into arrays: use $elemMatch or $in.
//   - null is a value: {"a": null} needs a to be there.
//
// The TypeScript twins are web/client/src/selector.ts and update.ts; the files
// in testdata/vectors bind the two.
package selector
