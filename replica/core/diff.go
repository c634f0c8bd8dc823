package core

import (
	"context"
	"slices"
	"time"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

// A sequence is a diff of which not all parts have come. What has is in memory,
// or, if it is much, in the store above the commit that readers see.
type sequence struct {
	from, to space.Cursor
	reset    bool

	sum  wire.Sum        // of a reset's entries
	in   map[string]bool // the collections of what is put
	keys []space.Key     // that change
	all  bool            // too many of them to name

	dropped []space.Key // covered by drops, to be deleted before any row of the diff

	parts  []*wire.Diff // not yet written ahead
	bytes  int          // of parts, about
	staged bool         // some are
	start  space.Seq    // of the local log; entries at or below it are from before
	fresh  bool         // there were none
}

// diff applies a diff: one whole one in a single step, one in parts by writing
// them ahead.
func (c *Core) diff(ctx context.Context, now time.Time, d *wire.Diff) (Effects, error) {
	k := &c.conn
	if !k.open || c.view == nil || d.View != k.viewID {
		return Effects{}, nil
	}
	if d.Reset {
		k.seq = nil // the server has begun anew
	}
	seq := k.seq
	first := seq == nil
	if first {
		old, err := c.checkRange(d)
		if err != nil {
			return c.refuse(err), nil
		}
		if old {
			return Effects{}, nil
		}
		seq = &sequence{from: d.From, to: d.To, reset: d.Reset, in: map[string]bool{}}
	} else if d.To != seq.to || d.From != seq.from {
		return c.refuse(nonsense("a part of the diff from %s to %s in the middle of that from %s to %s", d.From, d.To, seq.from, seq.to)), nil
	}
	if err := c.checkRows(d, seq); err != nil {
		return c.refuse(err), nil
	}
	drops, err := checkDrops(d, first)
	if err != nil {
		return c.refuse(err), nil
	}
	if bad, err := c.checkVersions(ctx, d); err != nil {
		return Effects{}, err
	} else if bad != nil {
		return c.refuse(bad), nil
	}
	if c.opt.Bugs.ShowHalfDiff && d.More && !d.Reset {
		return c.showPart(ctx, now, d, seq)
	}
	if first && !d.Reset && c.Stage != 0 {
		// What was written ahead of a diff that never ended is in the way.
		if err := c.rollBack(ctx, now); err != nil {
			return Effects{}, err
		}
	}
	seq.note(d)
	if err := c.drop(ctx, now, drops, seq); err != nil {
		return Effects{}, err
	}
	if d.Scope != "" {
		k.scope, k.leases = d.Scope, d.Leases // told with the last part
	}
	if seq.reset && !d.More {
		if err := checkSum(d, seq.sum); err != nil {
			return c.refuse(err), nil
		}
	}
	if !first || d.More || d.Reset || seq.staged {
		return c.stage(ctx, now, d, seq)
	}
	s := c.begin()
	if !c.opt.Bugs.DropLast {
		s.dropRows(seq)
	}
	s.rowsOf(c, d)
	s.dropRows(seq)
	return c.finish(ctx, now, s, seq)
}

// checkRange refuses a diff that does not fit the cursor. old reports one that
// ends below it, which is only late.
func (c *Core) checkRange(d *wire.Diff) (old bool, err error) {
	from, to, at := d.From, d.To, c.Cursor
	switch {
	case from.Seq > space.MaxSeq || to.Seq > space.MaxSeq:
		return false, nonsense("a diff from %d to %d", from.Seq, to.Seq)
	case d.Reset:
		if to.Seq < c.conn.head.Seq {
			return false, nonsense("a reset to %s; the head was %s before", to, c.conn.head)
		}
		return false, nil
	case c.opt.Bugs.AcceptAnyDigest:
		return false, nil
	case from.Seq > to.Seq:
		return false, nonsense("a diff from %s back to %s", from, to)
	case !c.Held || c.conn.due:
		return false, nonsense("a diff where a reset is due")
	case to.Seq < at.Seq:
		return true, nil
	case from.Seq > at.Seq:
		return false, nonsense("a diff from %s, but the cursor is %s: something is missing", from, at)
	case from.Seq == at.Seq && from != at, to.Seq == at.Seq && to != at:
		return false, nonsense("a diff from %s to %s, but the cursor is %s: another history", from, to, at)
	}
	return false, nil
}

// checkRows refuses entries that cannot be.
func (c *Core) checkRows(d *wire.Diff, seq *sequence) error {
	if seq.reset && len(d.Del) > 0 {
		return nonsense("a reset that takes away")
	}
	seen := make(map[space.Key]struct{}, len(d.Put)+len(d.Del))
	once := func(collection, id string) (space.Key, error) {
		key, err := space.ParseKey(collection, id)
		if err != nil {
			return key, nonsense("%v", err)
		}
		if _, dup := seen[key]; dup {
			return key, nonsense("entry %s twice in a diff", key)
		}
		seen[key] = struct{}{}
		return key, nil
	}
	for i := range d.Put {
		row := &d.Put[i]
		key, err := once(row.Key.Collection, row.Key.ID)
		switch {
		case err != nil:
			return err
		case !c.view.Has(key.Collection):
			return nonsense("entry %s is not of the view", key)
		case row.Version == 0 || row.Version > d.To.Seq && row.Version < space.Masked:
			return nonsense("entry %s of version %d in a diff to %s", key, row.Version, d.To)
		}
		record, err := value.Canonical(row.Value, wide)
		if err != nil {
			return nonsense("entry %s: %v", key, err)
		}
		row.Value = record
	}
	for _, pair := range d.Del {
		if _, err := once(pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}

func checkSum(d *wire.Diff, sum wire.Sum) error {
	if d.Count != nil && *d.Count != sum.Count || d.Sum != "" && d.Sum != sum.String() {
		return nonsense("a reset of %d entries with sum %s that does not add up", sum.Count, sum)
	}
	return nil
}

// note keeps account of a part.
func (q *sequence) note(d *wire.Diff) {
	for i := range d.Put {
		key := d.Put[i].Key
		q.in[key.Collection] = true
		if q.reset {
			q.sum.Add(key, d.Put[i].Version)
		}
		q.name(key)
	}
	for _, pair := range d.Del {
		q.name(pair.Key())
	}
}

func (q *sequence) name(key space.Key) {
	if q.all || q.reset || len(q.keys) >= maxKeys {
		q.all, q.keys = true, nil
		return
	}
	q.keys = append(q.keys, key)
}

// rowsOf puts the rows of a diff into the step.
func (s *step) rowsOf(c *Core, d *wire.Diff) {
	for i := range d.Put {
		row := &d.Put[i]
		s.put(row.Key, appendConfirmed(row.Version, row.Value))
		if !slices.Contains(s.Collections, row.Key.Collection) {
			s.Collections = append(slices.Clone(s.Collections), row.Key.Collection)
			s.touch()
		}
	}
	if c.opt.Bugs.DropRemove {
		return
	}
	for _, pair := range d.Del {
		s.del(pair.Key())
	}
}

// finish moves the cursor in the same step that holds the rows of a diff, or the
// last of them, and lets go of the mutations that it confirms.
func (c *Core) finish(ctx context.Context, now time.Time, s *step, seq *sequence) (Effects, error) {
	s.Stage = 0
	s.Cursor, s.Held, s.HeldOf, s.Scope, s.Leases, s.Synced = seq.to, true, s.View, c.conn.scope, c.conn.leases, now.UnixMilli()
	s.touch()
	s.leaveReached(c, seq.to.Seq)
	s.fx.Keys, s.fx.All = append(s.fx.Keys, seq.keys...), s.fx.All || seq.all
	before := c.Cursor.Seq
	c.conn.seq = nil
	if seq.reset {
		for _, it := range s.inOrder() {
			it.hidden = false
		}
		if c.conn.forked {
			c.forsake(s, c.conn.last)
		}
	}
	if s.fx.All {
		c.overlay.stale = true
	}
	for _, it := range s.unacked {
		if it.presumed != 0 && it.presumed > before && it.presumed <= seq.to.Seq {
			s.fx.Keys = append(s.fx.Keys, it.keys...) // confirmed now shows what it did
		}
	}
	fx, err := c.conclude(ctx, now, s)
	if err != nil {
		return fx, err
	}
	k := &c.conn
	k.reopens = 0
	if seq.reset {
		k.forked, k.due = false, false
	}
	if k.live || seq.to.Seq >= k.head.Seq {
		fx, err = c.upToDate(ctx, now, fx)
	} else {
		var more Effects
		more, err = c.lapse(ctx, now, false) // there may be other leases
		fx.All = fx.All || more.All
	}
	if err != nil {
		return fx, err
	}
	return fx, c.ready(ctx)
}

// showPart is a planted bug: half a diff is shown.
func (c *Core) showPart(ctx context.Context, now time.Time, d *wire.Diff, seq *sequence) (Effects, error) {
	seq.note(d)
	seq.reset = false
	c.conn.seq = seq
	s := c.begin()
	s.rowsOf(c, d)
	s.fx.Keys = append(s.fx.Keys, seq.keys...)
	return c.conclude(ctx, now, s)
}

// checkVersions refuses entries older than what is held.
func (c *Core) checkVersions(ctx context.Context, d *wire.Diff) (bad, err error) {
	if len(d.Put) == 0 || d.Reset || c.conn.seq != nil && c.conn.seq.reset || c.opt.Bugs.AcceptAnyDigest {
		return nil, nil
	}
	view, err := c.confirmed(ctx)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	for i := range d.Put {
		row := &d.Put[i]
		live, version, _, err := getConfirmed(view, row.Key)
		if err != nil {
			return nil, err
		}
		if live && version > row.Version && version < space.Masked {
			return nonsense("entry %s of version %d; we hold %d", row.Key, row.Version, version), nil
		}
	}
	return nil, nil
}
