package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// A step is a change of the replica in the making: the state as it will be and
// the rows that have to be written for it. It takes effect when commit returns
// nil, and not at all otherwise.
type step struct {
	state
	rows    map[space.Key][]byte // nil deletes
	dirty   bool                 // whether the meta row changes
	fx      Effects
	leave   []*item // left the queue: their effect is to be taken back
	rejects []*item // new on the rejected list
}

func (c *Core) begin() *step { return &step{state: c.state} }

func (s *step) put(key space.Key, payload []byte) {
	if s.rows == nil {
		s.rows = make(map[space.Key][]byte)
	}
	s.rows[key] = payload
}

func (s *step) del(key space.Key) { s.put(key, nil) }

// touch makes the step write the meta row.
func (s *step) touch() { s.dirty = true }

func queueKey(id LocalID) space.Key { return space.Key{Collection: queueCollection, ID: id.rowID()} }

func rejectedKey(id LocalID) space.Key {
	return space.Key{Collection: rejectedCollection, ID: id.rowID()}
}
func doneKey(id LocalID) space.Key { return space.Key{Collection: doneCollection, ID: id.rowID()} }

// commit writes the step's rows as one commit and makes its state the replica's.
// A step without rows (an acknowledgement that only memory need know of: the
// server will tell again) writes nothing.
func (c *Core) commit(ctx context.Context, now time.Time, s *step) error {
	if err := c.usable(); err != nil {
		return err
	}
	if s.dirty {
		s.put(metaKey, encodeMeta(&s.state))
	}
	if len(s.rows) > 0 {
		if err := c.append(ctx, now, s.rows); err != nil {
			return err
		}
	}
	c.state = s.state
	c.trim(ctx) // not before: the state says what readers still need
	return nil
}

func (c *Core) append(ctx context.Context, now time.Time, rows map[space.Key][]byte) error {
	commit := &space.Commit{Seq: c.head.Seq + 1, Time: millis(now), Changes: make([]space.Change, 0, len(rows))}
	for _, key := range slices.SortedFunc(maps.Keys(rows), space.Key.Compare) {
		change := space.Change{Key: key, Type: space.Record, Deleted: rows[key] == nil, Payload: rows[key]}
		if !change.Deleted {
			change.Hash = space.PayloadHash(change.Payload)
		}
		commit.Changes = append(commit.Changes, change)
	}
	commit.Seal(c.head.Digest)
	err := c.store.Append(ctx, store.Batch{Space: c.path, Base: c.head, Commits: []*space.Commit{commit}})
	switch {
	case err == nil:
		c.head = commit.Cursor()
		return nil
	case errors.Is(err, store.ErrFull), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err // nothing has happened
	default:
		// It may have happened: only the store knows, and a new Core will ask it.
		c.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return c.broken
	}
}

// usable reports why nothing can be done any more.
func (c *Core) usable() error { return c.broken }

// trimEvery is how many local commits the log may grow by.
const trimEvery = 64

// trim cuts the local log. A failure only means that the log is longer: the next
// commits will try again.
func (c *Core) trim(ctx context.Context) {
	to := c.readAt()
	if to < c.trimmed+trimEvery {
		return
	}
	if c.store.Trim(ctx, c.path, to) == nil {
		c.trimmed = to
	} else {
		c.trimmed += trimEvery
	}
}

// readAt is the local commit at which confirmed entries are read.
func (c *Core) readAt() space.Seq {
	if c.Stage != 0 {
		return c.Stage
	}
	return c.head.Seq
}

// confirmed opens the confirmed entries as readers see them.
func (c *Core) confirmed(ctx context.Context) (store.View, error) {
	return c.store.View(ctx, c.path, c.readAt())
}

// Broken is why the Core must be thrown away, nil while it need not: its store
// failed in a way that leaves open whether a step was written.
func (c *Core) Broken() error { return c.broken }
