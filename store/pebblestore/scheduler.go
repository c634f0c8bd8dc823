package pebblestore

import "github.com/cockroachdb/pebble/v2"

// newScheduler is Pebble's own scheduler of compactions without its ticker,
// which wakes an idle process ten times a second to look for compactions that
// nobody has asked for, and is never stopped when Open fails. They are started
// here when one is wanted (after each flush) and when one has ended.
func newScheduler() pebble.CompactionScheduler {
	return pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest()
}
