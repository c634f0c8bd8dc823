// Package core is one replica of one space, as a pure function of what it is
// told: no goroutine, clock, randomness or network is in it. Time and fresh
// client ids are handed in; what it knows is kept in a store.Store, whose
// commits it uses as its steps. The simulator runs it on memstore, package
// replica on boltstore.
//
// # What is kept, and where
//
// Confirmed entries stand under their own keys, with the server's version in
// front of the record. Collections that begin with '_' are the replica's own:
//
//	_meta/state   client id, cursor, view, acknowledged ids, … (one row)
//	_queue        mutations without a confirmed effect, in order
//	_rejected     mutations that were refused, until retried or discarded
//	_done         the newest applied ones, for a server that lost them, and
//	              fillers for rejected ones, as ids must have no gaps
//
// Every step (a mutation, the end of a diff, a rejection, a new client id) is
// one commit of the local store, appended by compare-and-set. So a crash leaves
// whole steps, and a second process on the same store is noticed. The local log
// is trimmed to its head as it grows.
//
// # Invariants
//
//   - A mutation is in exactly one of _queue, _rejected and (applied) the past.
//   - Rows are numbered by LocalID and never renumbered. A mutation's id on the
//     wire follows from its place: the first one without an outcome has the id
//     acked+1, the next acked+2. A new client id therefore rewrites nothing.
//   - An outcome is taken only for acked+1, and only if it was pushed on this
//     connection. What an opened message tells of others is used for showing
//     (the effect must not be seen twice), but they are pushed again: only the
//     server can tell that their content is what it took. A copied store is
//     found that way before it loses anything.
//   - A large diff in parts is written ahead, a MiB at a time, while readers go on
//     reading the store as it was before (meta.Stage); the last part moves them to
//     the head. So memory is bounded and nobody sees half a diff.
//
// # Concurrency
//
// A Core is used by one goroutine at a time, whoever holds the caller's lock. A
// Reader taken from it is independent of later steps and may be used elsewhere.
package core
