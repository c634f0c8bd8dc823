package ingest

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// A Tracker is the store of an import's replica. It keeps, in a space of its own
// beside the replica's, how far the file was read, and writes that in the same
// append that queues a mutation.
type Tracker struct {
	store.Store
	path space.Path

	mu      sync.Mutex
	head    space.Cursor // of the log in which positions are kept
	state   position
	pending mark // of the mutation that is being queued
}

// A position says how far which file was read, and how many operations of
// rejected mutations were queued again.
type position struct {
	Source   string         `json:"source"`
	Rows     int64          `json:"rows"`
	Replaced map[uint64]int `json:"replaced,omitzero"`
}

// A mark is what a mutation adds to the position when it is queued: that the file
// was read up to a row, or that it and those before it hold the first ops
// operations of a rejected mutation.
type mark struct {
	row int64
	of  uint64
	ops int
}

// trackPath is a name that no space can have.
const trackPath space.Path = "_import"

// Replicas keep their queue in the collection "_queue" (package replica/core).
const (
	queueCollection = "_queue"
	trimEvery       = 256
)

var positionKey = space.Key{Collection: "positions", ID: "file"}

// A SourceError refuses a store which holds another import.
type SourceError struct{ Was, Is string }

func (e *SourceError) Error() string {
	return fmt.Sprintf("it belongs to another import (%s), this one is %s", e.Was, e.Is)
}

// Track wraps the store of a replica of the space path. source says which file is
// imported how: the error is a *SourceError if the store is that of another.
func Track(ctx context.Context, st store.Store, path space.Path, source string) (*Tracker, error) {
	t := &Tracker{Store: st, path: path, state: position{Source: source}}
	head, err := st.Head(ctx, trackPath)
	if err != nil {
		return nil, err
	}
	if t.head = head.Cursor; t.head.IsZero() {
		// Which import this is stands there before anything is queued.
		commit, err := t.commit(t.state)
		if err != nil {
			return nil, err
		}
		return t, t.append(ctx, commit, t.state)
	}
	view, err := st.View(ctx, trackPath, t.head.Seq)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	v, err := view.Get(positionKey)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(v.Payload, &t.state); err != nil {
		return nil, fmt.Errorf("the position in the file: %w: %w", store.ErrCorrupt, err)
	}
	if t.state.Source != source {
		return nil, &SourceError{t.state.Source, source}
	}
	return t, nil
}

// Rows is the number of the last row that has been dealt with, by this run or an
// earlier one.
func (t *Tracker) Rows() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state.Rows
}

// announce says what the mutation adds to the position that will be queued next.
func (t *Tracker) announce(m mark) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = m
}

// replaced is how many operations of a rejected mutation were queued again.
func (t *Tracker) replaced(id uint64) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state.Replaced[id]
}

// forget drops what is known of a rejected mutation; with the next append also in
// the store.
func (t *Tracker) forget(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.state.Replaced, id)
}

// Append implements store.Store.
func (t *Tracker) Append(ctx context.Context, batches ...store.Batch) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending == (mark{}) || !t.queues(batches) {
		return t.Store.Append(ctx, batches...)
	}
	next := t.state
	next.Rows = max(next.Rows, t.pending.row)
	if t.pending.of != 0 {
		if next.Replaced = maps.Clone(next.Replaced); next.Replaced == nil {
			next.Replaced = map[uint64]int{}
		}
		next.Replaced[t.pending.of] = t.pending.ops
	}
	commit, err := t.commit(next)
	if err != nil {
		return err
	}
	return t.append(ctx, commit, next, batches...)
}

// queues reports whether batches queue a mutation of the replica.
func (t *Tracker) queues(batches []store.Batch) bool {
	for _, b := range batches {
		if b.Space != t.path {
			continue
		}
		for _, c := range b.Commits {
			for _, change := range c.Changes {
				if change.Key.Collection == queueCollection && !change.Deleted {
					return true
				}
			}
		}
	}
	return false
}

func (t *Tracker) commit(p position) (*space.Commit, error) {
	payload, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	c := &space.Commit{
		Seq: t.head.Seq + 1, Time: time.Now().Truncate(time.Millisecond).UTC(),
		Changes: []space.Change{{Key: positionKey, Type: space.Record, Hash: space.PayloadHash(payload), Payload: payload}},
	}
	c.Seal(t.head.Digest)
	return c, nil
}

// append writes a position beside other batches.
func (t *Tracker) append(ctx context.Context, c *space.Commit, p position, batches ...store.Batch) error {
	all := append([]store.Batch{{Space: trackPath, Base: t.head, Commits: []*space.Commit{c}}}, batches...)
	if err := t.Store.Append(ctx, all...); err != nil {
		return err
	}
	t.head, t.state = c.Cursor(), p
	if c.Seq%trimEvery == 0 {
		// Old positions are of no use to anybody. If they cannot go now, they go later;
		// the append has succeeded.
		_ = t.Store.Trim(ctx, trackPath, c.Seq)
	}
	return nil
}
