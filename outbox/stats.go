package outbox

import "sync/atomic"

// Stats are an Outbox's counters, for metrics. They may be read at any time.
type Stats struct {
	Sent      atomic.Int64 // requests
	Delivered atomic.Int64 // events taken by their receivers
	Failed    atomic.Int64 // requests in vain
	Dead      atomic.Int64 // events that became dead letters
	Lost      atomic.Int64 // commits that could not be told since their history is gone
}
