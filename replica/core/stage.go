package core

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// stageBytes is how much of a diff in parts is held in memory before it is written
// ahead: enough to make the writes few, little enough for anybody. Tests lower it.
var stageBytes = 1 << 20

// stage takes a part of a diff. What is more than stageBytes is written ahead:
// above the commit that readers see, which the first write fixes. The last part
// moves readers to the head, in one step with the cursor.
//
// A crash or a lost connection in the middle leaves the stage behind; nothing of
// it was ever shown. A reset that comes later is written over it; before any other
// diff it is rolled back. Until then the local log is not trimmed.
func (c *Core) stage(ctx context.Context, now time.Time, d *wire.Diff, seq *sequence) (Effects, error) {
	seq.take(d)
	c.conn.seq = seq
	if d.More && seq.bytes < stageBytes {
		return Effects{}, nil
	}
	s := c.begin()
	if !seq.staged && (d.More || seq.reset) {
		seq.staged, seq.start, seq.fresh = true, c.head.Seq, len(c.Collections) == 0
		if s.Stage == 0 {
			s.Stage = c.head.Seq
		}
		s.touch()
	}
	s.dropRows(seq)
	for _, part := range seq.parts {
		s.rowsOf(c, part)
	}
	seq.parts, seq.bytes = nil, 0
	if !d.More && !seq.reset {
		return c.finish(ctx, now, s, seq)
	}
	if err := c.commit(ctx, now, s); err != nil {
		return Effects{}, err
	}
	if d.More {
		return Effects{}, nil
	}
	if !seq.fresh {
		if err := c.sweep(ctx, now, c.Collections, seq.start); err != nil {
			return Effects{}, err
		}
	}
	s = c.begin()
	s.Collections = slices.Sorted(maps.Keys(seq.in))
	seq.all = true
	return c.finish(ctx, now, s, seq)
}

// take holds a part in memory.
func (q *sequence) take(d *wire.Diff) {
	q.parts = append(q.parts, d)
	for i := range d.Put {
		q.bytes += len(d.Put[i].Key.ID) + len(d.Put[i].Value) + 64
	}
	q.bytes += 128 * len(d.Del)
}

// sweep deletes, still unseen, the confirmed entries that were written at or
// below a commit of the local log: those that a reset did not name.
func (c *Core) sweep(ctx context.Context, now time.Time, collections []string, start space.Seq) error {
	for _, collection := range collections {
		after := ""
		for {
			rows, last, err := c.sweepable(ctx, collection, after, start)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				break
			}
			if err := c.append(ctx, now, rows); err != nil {
				return err
			}
			after = last
		}
	}
	return nil
}

func (c *Core) sweepable(ctx context.Context, collection, after string, start space.Seq) (rows map[space.Key][]byte, last string, err error) {
	view, err := c.store.View(ctx, c.path, c.head.Seq)
	if err != nil {
		return nil, "", err
	}
	defer view.Close()
	rows = map[space.Key][]byte{}
	for e, err := range view.Scan(collection, after) {
		if err != nil {
			return nil, "", err
		}
		if e.Seq > start {
			continue
		}
		rows[e.Key] = nil
		if last = e.Key.ID; len(rows) == c.opt.Chunk {
			break
		}
	}
	return rows, last, nil
}

// forget drops the confirmed entries of some collections: what follows must be a step that ends the
// stage.
func (c *Core) forget(ctx context.Context, now time.Time, collections []string) error {
	if c.Stage != 0 && len(collections) < len(c.Collections) {
		// What was written ahead in others is not to stay.
		if err := c.rollBack(ctx, now); err != nil {
			return err
		}
	}
	if c.Stage == 0 {
		s := c.begin()
		s.Stage = c.head.Seq
		s.touch()
		if err := c.commit(ctx, now, s); err != nil {
			return err
		}
	}
	return c.sweep(ctx, now, collections, c.head.Seq)
}

// rollBack undoes what was written ahead, by writing the older values again, and
// then lets readers go on to the head. It can be interrupted and begun again.
func (c *Core) rollBack(ctx context.Context, now time.Time) error {
	at, end := c.Stage, c.head.Seq
	for after := at; after < end; after++ {
		changes, err := c.changesAfter(ctx, after)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(changes, c.opt.Chunk) {
			rows, err := c.older(ctx, at, part)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				continue
			}
			if err := c.append(ctx, now, rows); err != nil {
				return err
			}
		}
	}
	s := c.begin()
	s.Stage = 0
	s.touch()
	return c.commit(ctx, now, s)
}

// changesAfter are the changes of one local commit. The loop over the log ends
// before anything is appended: an engine may have to wait for that.
func (c *Core) changesAfter(ctx context.Context, after space.Seq) ([]space.Change, error) {
	for commit, err := range c.store.Log(ctx, c.path, after) {
		if err != nil {
			return nil, err
		}
		return commit.Changes, nil
	}
	return nil, nil
}

// older are the rows that entries among the changes had at a local commit.
func (c *Core) older(ctx context.Context, at space.Seq, changes []space.Change) (map[space.Key][]byte, error) {
	view, err := c.store.View(ctx, c.path, at)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	rows := map[space.Key][]byte{}
	for i := range changes {
		key := changes[i].Key
		if key.Collection[0] == '_' {
			continue
		}
		v, err := view.Get(key)
		if err != nil {
			return nil, err
		}
		rows[key] = nil
		if v.Live() {
			rows[key] = v.Payload
		}
	}
	return rows, nil
}
