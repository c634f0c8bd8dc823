package core

import (
	"context"
	"slices"
	"time"

	"github.com/syncline/syncline/space"
)

// settleFirst gives the first mutation without outcome the one it got.
func (c *Core) settleFirst(s *step, o space.Outcome) {
	it := s.unacked[0]
	s.unacked = s.unacked[1:]
	s.Acked++
	w := waiting{it, s.Client, o.ID, o.Seq}
	if it.filler {
		s.finish(c, w)
		return
	}
	s.fx.Finished = append(s.fx.Finished, Finished{it.ID, o})
	if o.Kind == space.Rejected || o.Kind == space.Quarantined {
		s.reject(it, o)
		w.item = it.fill()
		s.keep(c, w)
		return
	}
	if w.seq == 0 && !c.conn.live {
		// The server no longer knows where it was applied. It was before now, so it is
		// confirmed once the view has caught up.
		w.seq = c.conn.head.Seq
	}
	if s.pushOnly() || c.reached(s, w) {
		s.finish(c, w)
		return
	}
	s.waiting = append(s.waiting, w)
}

// reached reports whether the confirmed state holds the effect of w.
func (c *Core) reached(s *step, w waiting) bool {
	if !s.Held || c.conn.forked {
		return false
	}
	return w.seq <= s.Cursor.Seq
}

// reject moves a mutation, already taken out of the step's queue, to the
// rejected list.
func (s *step) reject(it *item, o space.Outcome) {
	rejected := &item{Mutation: it.Mutation, updates: it.updates, keys: it.keys}
	if it.Call != "" {
		rejected.keys = nil // what it would have written nobody knows
	}
	rejected.Outcome = o
	payload := rejected.row().encode()
	rejected.size = len(payload)
	s.del(queueKey(it.ID))
	s.put(rejectedKey(it.ID), payload)
	at, _ := slices.BinarySearchFunc(s.rejected, it.ID, func(have *item, id LocalID) int {
		return int(int64(have.ID) - int64(id))
	})
	s.rejected = slices.Insert(slices.Clone(s.rejected), at, rejected)
	s.bytes -= it.size
	s.leave = append(s.leave, it)
	s.rejects = append(s.rejects, rejected)
	s.touch()
}

// finish takes a mutation that was dealt with, already taken out of the step's
// queue, to the ones that are done.
func (s *step) finish(c *Core, w waiting) {
	s.del(queueKey(w.ID))
	s.bytes -= w.size
	s.leave = append(s.leave, w.item)
	s.touch()
	s.keep(c, w)
}

// keep keeps a mutation for a server that may lose it, in place of the oldest.
func (s *step) keep(c *Core, w waiting) {
	if c.opt.KeepDone == 0 {
		return
	}
	r := w.row()
	r.Client, r.Mutation, r.Seq = w.client, w.id, w.seq
	payload := r.encode()
	s.put(doneKey(w.ID), payload)
	s.done = append(s.done, doneRef{w.ID, w.client, w.id, w.seq, w.filler, len(payload)})
	s.kept += len(payload)
	for len(s.done) > c.opt.KeepDone || s.kept > maxDoneBytes {
		s.unkeep(s.done[0])
		s.done = s.done[1:]
	}
}

// unkeep drops the row of a done mutation.
func (s *step) unkeep(d doneRef) {
	s.kept -= d.size
	s.del(doneKey(d.local))
}

// leaveReached lets go of all waiting mutations that the confirmed state holds
// once the cursor is the step's.
func (s *step) leaveReached(c *Core, upTo space.Seq) {
	var left []waiting
	for _, w := range s.waiting {
		if w.seq <= upTo {
			s.finish(c, w)
		} else {
			left = append(left, w)
		}
	}
	s.waiting = left
}

// leaveAll lets go of all waiting mutations, where nothing will confirm them.
func (s *step) leaveAll(c *Core) { s.leaveReached(c, space.MaxSeq) }

// conclude commits a step and brings everything derived up to date: what shows,
// and the effects.
func (c *Core) conclude(ctx context.Context, now time.Time, s *step) (Effects, error) {
	keys := map[space.Key]struct{}{}
	for _, it := range s.leave {
		for _, key := range it.keys {
			keys[key] = struct{}{}
		}
	}
	for _, key := range s.fx.Keys {
		keys[key] = struct{}{}
	}
	acked := s.Acked
	before := c.Acked
	sameClient := s.Client == c.meta.Client
	if err := c.commit(ctx, now, s); err != nil {
		return Effects{}, err
	}
	if sameClient && acked > before {
		c.conn.sent = max(0, c.conn.sent-int(acked-before))
		c.conn.gaps, c.conn.reopens = 0, 0
	}
	c.overlay.remove(s.leave)
	for _, it := range s.rejects {
		c.countRejected(it, 1)
	}
	fx := s.fx
	fx.All = fx.All || c.overlay.stale || len(keys) > maxKeys
	left := slices.ContainsFunc(s.leave, func(it *item) bool { return it.Call != "" })
	if err := c.replayKeys(ctx, keys, left); err != nil {
		// What was committed is; the overlay will be computed when it is next needed.
		fx.All = true
	}
	fx.Keys = nil
	if !fx.All {
		fx.Keys = make([]space.Key, 0, len(keys))
		for key := range keys {
			fx.Keys = append(fx.Keys, key)
		}
		slices.SortFunc(fx.Keys, space.Key.Compare)
	}
	return fx, nil
}

// maxKeys is how many keys Effects name one by one.
const maxKeys = 4096
