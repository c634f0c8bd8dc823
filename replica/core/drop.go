package core

import (
	"context"
	"time"

	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

// A dropped is what a diff takes away by selector, of all that was held before it.
type dropped struct {
	in    string
	where *selector.Selector // nil: the whole collection
}

// checkDrops refuses drops that cannot be, or stand where none may.
func checkDrops(d *wire.Diff, first bool) ([]dropped, error) {
	switch {
	case len(d.Drop) == 0:
		return nil, nil
	case d.Reset || !first:
		return nil, nonsense("a drop, but not at the beginning of a diff")
	case len(d.Drop) > wire.MaxDrops:
		return nil, nonsense("%d drops", len(d.Drop))
	}
	out := make([]dropped, len(d.Drop))
	for i, part := range d.Drop {
		if err := space.CheckCollection(part.In); err != nil {
			return nil, nonsense("a drop: %v", err)
		}
		out[i].in = part.In
		if part.Where == nil {
			continue
		}
		var err error
		if out[i].where, err = selector.Parse(part.Where); err != nil {
			return nil, nonsense("a drop of %s: %v", part.In, err)
		}
	}
	return out, nil
}

// drop finds what the drops of a diff cover. What one step can carry goes with the
// rows of the diff; more than that is deleted ahead, still unseen, Options.Chunk at a time.
func (c *Core) drop(ctx context.Context, now time.Time, drops []dropped, seq *sequence) error {
	for _, d := range drops {
		after := ""
		for {
			keys, last, err := c.covered(ctx, d, after)
			if err != nil {
				return err
			}
			full := len(keys) == c.opt.Chunk
			if !full && !seq.staged && len(seq.dropped)+len(keys) <= c.opt.Chunk {
				seq.dropped = append(seq.dropped, keys...)
				break
			}
			if err := c.dropAhead(ctx, now, append(seq.dropped, keys...), seq); err != nil {
				return err
			}
			seq.dropped = nil
			if !full {
				break
			}
			after = last
		}
	}
	for _, key := range seq.dropped {
		seq.name(key)
	}
	seq.bytes += 128 * len(seq.dropped)
	return nil
}

// covered lists up to Options.Chunk keys that a drop covers, from after an id on, as readers
// see them.
func (c *Core) covered(ctx context.Context, d dropped, after string) (keys []space.Key, last string, err error) {
	view, err := c.confirmed(ctx)
	if err != nil {
		return nil, "", err
	}
	defer view.Close()
	for e, err := range view.Scan(d.in, after) {
		if err != nil {
			return nil, "", err
		}
		if d.where != nil {
			_, record, err := decodeConfirmed(e.Key, e.Payload)
			if err != nil {
				return nil, "", err
			}
			doc, err := value.Parse(record)
			if err != nil {
				return nil, "", err
			}
			if !d.where.Match(doc) {
				continue
			}
		}
		keys = append(keys, e.Key)
		if last = e.Key.ID; len(keys) == c.opt.Chunk {
			break
		}
	}
	return keys, last, nil
}

// dropAhead deletes above the commit that readers see, which the first call fixes.
func (c *Core) dropAhead(ctx context.Context, now time.Time, keys []space.Key, seq *sequence) error {
	s := c.begin()
	if !seq.staged {
		seq.staged, seq.start = true, c.head.Seq
		s.Stage = c.head.Seq
		s.touch()
	}
	for _, key := range keys {
		s.del(key)
	}
	seq.all, seq.keys = true, nil
	return c.commit(ctx, now, s)
}

// dropRows puts into the step what the drops cover. The rows of the diff follow.
func (s *step) dropRows(seq *sequence) {
	for _, key := range seq.dropped {
		s.del(key)
	}
	seq.dropped = nil
}
