package core

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// opened handles the answer to OpenMessage: what the server knows of this client,
// and how the view will be brought up to date.
func (c *Core) opened(ctx context.Context, now time.Time, m *wire.Opened) (Effects, error) {
	k := &c.conn
	asks := k.asks
	k.denied = false
	if k.asks = max(0, asks-1); k.asks > 0 {
		return Effects{}, nil // the answer to a message that another one has replaced
	}
	if m.From != c.from() && !c.opt.Bugs.AcceptAnyDigest {
		// It answers a message that came twice; what follows does not fit what is held.
		return c.refuse(nonsense("opened from %q, but we stand at %q", m.From, c.from())), nil
	}
	if asks == 0 && m.View == k.viewID {
		// Told again, because the message came twice. What follows is the answer to the second.
		k.scope, k.leases, k.due = m.Scope, m.Leases, k.due || m.Resume == wire.ResumeReset
		return Effects{}, nil
	}
	if err := c.checkOpened(m); err != nil {
		return c.refuse(err), nil
	}
	s := c.begin()
	forked := m.Resume == wire.ResumeReset && m.Reason == wire.ResetForked
	if forked {
		common := space.Seq(0)
		if m.Fork != nil {
			common = min(*m.Fork, m.Head.Seq)
		}
		if err := c.offerOld(ctx, s, common); err != nil {
			return Effects{}, err
		}
	}
	if m.Last < s.Acked {
		whole, err := c.offerAgain(ctx, s, m.Last, forked)
		if err != nil {
			return Effects{}, err
		}
		if !whole {
			why := fmt.Errorf("mutation %d is the last that the server knows, %d had an outcome: it has lost history; taking a new client id", m.Last, c.Acked)
			c.rekey(s)
			return c.rekeyed(ctx, now, s, why)
		}
	}
	if forked {
		s.lowerWaiting(m.Head.Seq)
	}
	assigned := s.Acked + space.MutationID(len(s.unacked))
	if m.Last > assigned {
		if len(s.unacked) == 0 {
			c.rekey(s)
			return c.rekeyed(ctx, now, s, errCopied)
		}
		k.barrier = s.Next
	}
	presumed := presume(s, m)
	if c.opt.Bugs.DoubleResend && m.Last > s.Acked {
		s.Acked, presumed = m.Last, nil
		s.touch()
	}

	live := c.view == nil
	if m.Resume == wire.ResumeCurrent {
		live = true
		s.Cursor, s.Held, s.HeldOf, s.Scope, s.Leases, s.Synced = m.Head, true, s.View, m.Scope, m.Leases, now.UnixMilli()
		s.touch()
		s.leaveReached(c, m.Head.Seq)
	}
	keys := c.suppose(s, presumed)
	s.fx.Keys = append(s.fx.Keys, keys...)
	sent := k.sentMax
	fx, err := c.conclude(ctx, now, s)
	if err != nil {
		return fx, err
	}
	k.open, k.forked, k.fresh = true, forked, false
	k.due = m.Resume == wire.ResumeReset
	k.head, k.viewID, k.scope, k.leases, k.sent, k.sentMax, k.last = m.Head, m.View, m.Scope, m.Leases, 0, sent, m.Last
	if c.opt.Bugs.EarlyContact && !live {
		c.lease.asked = k.asked
		if _, err := c.lapse(ctx, now, true); err != nil {
			return fx, err
		}
	}
	if live {
		if fx, err = c.upToDate(ctx, now, fx); err != nil {
			return fx, err
		}
	}
	return fx, c.ready(ctx)
}

// checkOpened refuses what cannot be an answer to what was asked.
func (c *Core) checkOpened(m *wire.Opened) error {
	if m.Head.Seq > space.MaxSeq || m.Last > space.MutationID(space.MaxSeq) {
		return nonsense("head %d, last %d", m.Head.Seq, m.Last)
	}
	switch m.Resume {
	case "":
		if c.view != nil {
			return nonsense("a view was asked for, but nothing is said of it")
		}
	case wire.ResumeCurrent:
		if c.view == nil || !c.Held || m.Head.Seq < c.Cursor.Seq ||
			m.Head.Seq == c.Cursor.Seq && m.Head != c.Cursor && !c.opt.Bugs.AcceptAnyDigest {
			return nonsense("nothing new since %s, but the head is %s", c.Cursor, m.Head)
		}
	case wire.ResumeDiff, wire.ResumeReset:
		if c.view == nil || m.View == "" {
			return nonsense("no view was asked for")
		}
		if m.Resume == wire.ResumeDiff && (!c.Held || m.Head.Seq < c.Cursor.Seq) {
			return nonsense("a diff to %s for a replica that holds %s", m.Head, c.Cursor)
		}
	default:
		return nonsense("resume %.20q", m.Resume)
	}
	return nil
}

// forsake rejects, at the end of the reset that follows a fork, the serializable
// mutations that the server has not dealt with: the history that they were read from is gone, and its numbers
// mean something else now. What follows them moves up; the server knows none of
// those ids either.
func (c *Core) forsake(s *step, last space.MutationID) {
	var left []*item
	for i, it := range s.unacked {
		if it.Reads == nil || s.Acked+1+space.MutationID(i) <= last {
			left = append(left, it)
			continue
		}
		o := space.Outcome{
			Kind: space.Rejected, Code: space.CodeStale, Path: "reads",
			Message: "the server has lost the history that this mutation was computed from",
		}
		s.fx.Finished = append(s.fx.Finished, Finished{it.ID, o})
		s.reject(it, o)
	}
	s.unacked = left
	s.touch()
	c.overlay.stale = true
}

// lowerWaiting follows once those that are lost are out: the others are in the
// new history, somewhere up to its head.
func (s *step) lowerWaiting(head space.Seq) {
	left := slices.Clone(s.waiting)
	for i := range left {
		left[i].seq = min(left[i].seq, head)
	}
	s.waiting = left
}

// presume finds, for the mutations without outcome that the server says it has
// dealt with, where it seems to have done so: from there on confirmed state has
// their effect, if they had any.
func presume(s *step, m *wire.Opened) map[*item]space.Seq {
	if m.Last <= s.Acked {
		return nil
	}
	told := make(map[space.MutationID]space.Outcome, len(m.Outcomes))
	for _, o := range m.Outcomes {
		told[o.ID] = o
	}
	presumed := map[*item]space.Seq{}
	for i, it := range s.unacked {
		id := s.Acked + 1 + space.MutationID(i)
		if id > m.Last {
			break
		}
		// A rejection counts, too: what is made from then on must not be made upon it,
		// or it would be a read of what never was.
		seq := max(m.Head.Seq, 1)
		if o, ok := told[id]; ok && o.Seq != 0 {
			seq = o.Seq
		} else if it.presumed != 0 && m.Reason != wire.ResetForked {
			seq = min(seq, it.presumed) // it was told better before
		}
		presumed[it] = seq
	}
	return presumed
}

// suppose notes what is presumed and returns the keys that may show otherwise.
func (c *Core) suppose(s *step, presumed map[*item]space.Seq) []space.Key {
	var keys []space.Key
	for _, it := range s.unacked {
		if seq := presumed[it]; seq != it.presumed {
			it.presumed = seq
			keys = append(keys, it.keys...)
			c.overlay.stale = c.overlay.stale || it.Call != ""
		}
	}
	return keys
}
