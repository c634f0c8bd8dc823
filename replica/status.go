package replica

import (
	"context"
	"iter"
	"slices"
	"time"
)

// A State says how a space stands with the server.
type State string

// The states.
const (
	Offline    State = "offline"    // no connection, and none being made right now
	Connecting State = "connecting" // a connection is being made
	Syncing    State = "syncing"    // connected; what is held is not up to date yet
	Live       State = "live"       // what is held is up to date, and changes come as they happen
	Stopped    State = "stopped"    // closed, or stopped by Err until GoOnline
)

// A Status says where a space stands.
type Status struct {
	State      State
	LastSynced time.Time // when it was last up to date; zero if never
	Pending    int       // mutations queued
	Rejected   int       // mutations rejected and kept
	Expired    []string  // collections that are hidden: their leases have run out, and show again once it is Live
	Err        error     // what last went wrong; nil once it is right again
}

// Status says where the space stands now.
func (s *Space) Status() Status {
	link := s.r.linkState()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.pass()
	}
	return s.status(link)
}

func (s *Space) status(link linkState) Status {
	c := s.core.Status()
	st := Status{State: link.state, LastSynced: c.Synced, Pending: c.Pending, Rejected: c.Rejected, Expired: c.Expired, Err: s.err}
	switch {
	case s.closed || s.halted || link.state == Stopped:
		st.State = Stopped
	case link.state != Live: // no session
	case c.Live && !s.wantOpen:
		st.State = Live
		if s.heard.After(st.LastSynced) {
			st.LastSynced = s.heard
		}
	default:
		st.State = Syncing
	}
	if st.Err == nil && st.State != Live {
		st.Err = link.err // until everything is right again
	}
	return st
}

// StatusChanges yields the status now and whenever it has changed, until the loop
// or ctx ends or the replica is closed. Changes in quick succession may be one.
func (s *Space) StatusChanges(ctx context.Context) iter.Seq[Status] {
	return func(yield func(Status) bool) {
		var last Status
		for first := true; ; first = false {
			s.mu.Lock()
			changed, closed := s.changed, s.closed // before the status: what changes later wakes
			s.mu.Unlock()
			now := s.Status()
			if first || !sameStatus(now, last) {
				if last = now; !yield(now) {
					return
				}
			}
			if closed {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

// sameStatus lets LastSynced pass alone: it moves with every message.
func sameStatus(a, b Status) bool {
	return a.State == b.State && a.Pending == b.Pending && a.Rejected == b.Rejected && slices.Equal(a.Expired, b.Expired) && a.Err == b.Err
}

// Sync waits until no mutation is queued and what is held is up to date. The error
// is ctx's, ErrClosed, or what stopped the space.
func (s *Space) Sync(ctx context.Context) error {
	for st := range s.StatusChanges(ctx) {
		if st.State == Stopped {
			if st.Err != nil {
				return st.Err
			}
			return ErrClosed
		}
		if st.State == Live && st.Pending == 0 {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return ErrClosed
}
