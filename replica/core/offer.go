package core

import (
	"cmp"
	"context"
	"slices"

	"github.com/syncline/syncline/space"
)

// offerAgain puts the mutations above last that were dealt with and are still kept
// back before the queue. whole says whether none is missing, so that they can be
// sent under the ids that they had. With hide those whose effect is in the
// confirmed entries are not shown on top of them a second time, until a reset
// replaces these.
func (c *Core) offerAgain(ctx context.Context, s *step, last space.MutationID, hide bool) (whole bool, err error) {
	lost := func(client space.ClientID, id space.MutationID, _ space.Seq) bool {
		return client == s.Client && id > last
	}
	offered, err := c.takeBack(ctx, s, lost, hide)
	if err != nil {
		return false, err
	}
	if whole = space.MutationID(len(offered)) == s.Acked-last; !whole {
		offered = slices.DeleteFunc(offered, func(it *item) bool { return it.filler })
	}
	for _, it := range offered {
		s.put(queueKey(it.ID), it.row().encode())
		s.bytes += it.size
	}
	s.unacked = append(offered, s.unacked...)
	s.Acked = last
	s.touch()
	c.overlay.stale = true
	return whole, nil
}

// offerOld puts what was pushed under an earlier client id, and applied in commits
// that the server has lost, at the end of the queue: as new mutations, since
// nobody can ask for the old ids any more.
func (c *Core) offerOld(ctx context.Context, s *step, common space.Seq) error {
	lost := func(client space.ClientID, _ space.MutationID, seq space.Seq) bool {
		return client != s.Client && seq > common
	}
	offered, err := c.takeBack(ctx, s, lost, true)
	if err != nil {
		return err
	}
	unacked := slices.Clone(s.unacked)
	for _, it := range offered {
		if it.filler {
			continue
		}
		it.ID = s.Next
		s.Next++
		s.put(queueKey(it.ID), it.row().encode())
		s.bytes += it.size
		unacked = append(unacked, it)
	}
	s.unacked = unacked
	c.overlay.stale = true
	return nil
}

// takeBack takes the mutations that are lost out of those done and those waiting.
// They are copies, and have no row.
func (c *Core) takeBack(ctx context.Context, s *step, lost func(space.ClientID, space.MutationID, space.Seq) bool, hide bool) ([]*item, error) {
	var offered []*item
	var done []doneRef
	for _, d := range s.done {
		if !lost(d.client, d.id, d.seq) {
			done = append(done, d)
			continue
		}
		it, err := c.doneItem(ctx, d)
		if err != nil {
			return nil, err
		}
		it.hidden = hide
		offered = append(offered, it)
		s.unkeep(d)
	}
	var left []waiting
	for _, w := range s.waiting {
		if !lost(w.client, w.id, w.seq) {
			left = append(left, w)
			continue
		}
		again := *w.item
		offered = append(offered, &again)
		s.del(queueKey(w.ID))
		s.bytes -= w.size
	}
	s.waiting, s.done = left, done
	// A rejection is done at once, what was applied before it only when it is
	// confirmed. Ids follow the order of the queue, which is that of the rows.
	slices.SortStableFunc(offered, func(a, b *item) int { return cmp.Compare(a.ID, b.ID) })
	return offered, nil
}

func (c *Core) doneItem(ctx context.Context, d doneRef) (*item, error) {
	view, err := c.store.View(ctx, c.path, c.head.Seq)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	key := doneKey(d.local)
	v, err := view.Get(key)
	if err != nil {
		return nil, err
	}
	it, err := decodeItem(space.Entry{Key: key, Version: v})
	if err != nil {
		return nil, err
	}
	it.size = len(it.row().encode())
	return it, nil
}
