package host

import (
	"sync/atomic"
	"time"
)

// Stats are a Host's counters, for metrics. They may be read at any time.
type Stats struct {
	Sessions  atomic.Int64 // open now
	Spaces    atomic.Int64 // loaded now
	Lagging   atomic.Int64 // members being caught up now
	Asking    atomic.Int64 // mutations about which somebody outside is being asked now
	Commits   atomic.Int64 // appended since the start
	Appends   atomic.Int64 // calls of Append that succeeded: Commits/Appends is the group commit's size
	AppendNS  atomic.Int64 // nanoseconds spent in them
	Failures  atomic.Int64 // calls of Append that failed
	Received  atomic.Int64 // messages from clients
	Refused   atomic.Int64 // messages that were answered with an error
	Delivered atomic.Int64 // frames queued for sessions
	Overflows atomic.Int64 // times that a member fell behind
}

// Stats returns the host's counters.
func (h *Host) Stats() *Stats { return &h.stats }

func (s *Stats) appended(commits int, took time.Duration, err error) {
	if err != nil {
		s.Failures.Add(1)
		return
	}
	s.Commits.Add(int64(commits))
	s.Appends.Add(1)
	s.AppendNS.Add(int64(took))
}
