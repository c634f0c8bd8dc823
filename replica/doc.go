// Package replica is the offline-first replica in Go: a local copy of spaces that
// is read at once, written at once, and kept in step with a Syncline server
// whenever there is one.
//
//	r, err := replica.Open(ctx, replica.Options{Path: "notes.db", URL: "wss://sync.example.org"})
//	s, err := r.Space(ctx, "team/alpha", space.Part{In: "cards"})
//	s.Put(ctx, "cards", "c1", map[string]any{"title": "Write", "done": false})
//	for e, err := range s.Query(ctx, replica.MustQuery("cards", `{"where": {"done": false}}`)) { … }
//
// # What is promised
//
//   - A write is on disk when Put, Patch, Delete or Mutate returns, shows at once
//     and is sent when there is a connection, exactly once. Pending.Wait tells how
//     it ended.
//   - A write ends in exactly one of: applied, rejected (and kept, see
//     Space.Rejected), or still queued. Nothing is lost silently.
//   - What shows is what the server has confirmed, whole commits of it, with the
//     queued writes on top.
//   - A file belongs to one user: its writes are never sent as another's.
//
// # Concurrency
//
// All methods may be called from any goroutine. Each space has a lock around its
// core (package replica/core), held while a step is computed and written, never
// while the network is waited for nor while code of the caller's runs (but for
// OnCast's function and the Logger). One
// goroutine keeps the connection and writes to it, a second reads from it; both
// are started by Open and have ended when Close returns. A panic in either stops
// the replica and shows in Space.Status.
//
// Lock order: Replica.mu, then Space.mu, then nothing.
//
// Messages of a space are handled in the order in which the server sent them.
// Queries and watches see every step whole.
package replica
