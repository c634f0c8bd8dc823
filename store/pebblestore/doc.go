// Package pebblestore is the server's store: spaces in a Pebble database, in a
// directory of their own, without cgo.
//
// # Durability
//
// An Append is one Pebble batch, written and fsynced before Append returns.
// Appends to one space take turns; those to different spaces run at once and
// share an fsync. Pebble makes a batch visible before it is durable; this
// package shows nobody a commit before its fsync: heads are published from
// memory after it, and what rows say beyond them is not believed.
//
// # Failure
//
// Pebble answers a failed write of its log or manifest by ending the process or
// by a panic with its locks held. Here a file system in between (faultFS) notices
// the first failed write, sync, creation, renaming or removal. From then on the
// store is broken: every Append fails with that first error, and the disk is left
// as it was, as if the power had failed then, because after a failed fsync
// nobody can say what the disk holds. Pebble is told that all is well, so that
// reads go on. Nothing is ever synced a second time.
//
// # Lock order
//
// space.sweeping, then space.appending (several in the order of paths), then
// spaces.mu. Reads take spaces.mu only, and space.appending only where nothing of
// the space is in memory or a client row is ahead of the published head.
//
// # Rows
//
// See internal/rows; there are no head rows. Each row but the horizon and clients
// is written once.
package pebblestore
