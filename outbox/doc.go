// Package outbox tells others of what was committed: at least once, in order for
// each entry, until they have taken it.
//
// The log is the outbox. Nothing is written beside a commit, so what is to be told
// is exactly as durable as the commit, and a commit costs nothing more; what is
// written is how far each delivery has got in each space (a lane), in a ledger
// that is a space of the same store. History that a lane still needs is held back
// from being trimmed (Outbox.Hold).
//
// The order of things, on which everything rests: an event is sent, its answer is
// read, and only then the ledger says that it is dealt with. A crash in between
// sends it again, under the same id. A dead letter is written in the commit that
// moves its lane past it.
//
// Goroutines: one that plans (Outbox.run), one for each lane that is being worked
// on, one for each request under way. A lane belongs to its goroutine. Locks:
// Outbox.mu, Ledger.mu; neither is held during I/O.
//
// What does not belong here: requests and addresses (package webhook), the form
// of what is sent (package hook).
package outbox
