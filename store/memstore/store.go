// Package memstore keeps spaces in memory: the store of the simulator and of
// tests. It is deterministic (no goroutine runs unless Watch is called) and its
// durability point is the return of Append: Clone gives the state that a crash
// would leave behind.
//
// Lock order: Store.mu, then nothing. Hints are given after it is released.
package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/internal/hints"
)

// A Store is a store.Store in memory. Make one with New.
type Store struct {
	// Fault, when not nil, is asked before each operation, named as its method in
	// lower case ("append", "head", "heads", "log", "view", "client", "trim",
	// "drop"), and again as "appended" once an Append has been carried out. An
	// error is what the operation returns; that of "appended" leaves the caller in
	// doubt about a commit that exists. It may be set while nobody calls the store,
	// and is called without a lock held.
	Fault func(op string) error

	hub hints.Hub

	mu     sync.RWMutex
	closed bool
	broken error // the first failed Append's error
	spaces map[space.Path]*table
}

var _ store.Store = (*Store)(nil)

// A table is one space. Its fields are replaced under Store.mu; what they point
// to is immutable, except for clients.
type table struct {
	head    store.Head
	log     []*space.Commit // above the horizon, without payloads
	root    *node
	clients map[space.ClientID]space.ClientState
}

// New returns an empty store.
func New() *Store { return &Store{spaces: make(map[space.Path]*table)} }

// Clone returns an independent store with the same content: what a restart
// after a crash at this moment would find. It has no watchers and no Fault, and
// it is open and sound whatever s is. Versions are shared, so it costs little.
func (s *Store) Clone() *Store {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := New()
	for path, t := range s.spaces {
		// The clip makes the clone's first append move its log away from ours.
		c.spaces[path] = &table{t.head, slices.Clip(t.log), t.root, maps.Clone(t.clients)}
	}
	return c
}

// begin is the start of every operation.
func (s *Store) begin(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.Fault != nil {
		return s.Fault(op)
	}
	return nil
}

// read begins an operation that looks at one space; t is nil for one without
// commits. The caller must call done when err is nil.
func (s *Store) read(ctx context.Context, op string, path space.Path) (t *table, done func(), err error) {
	if err := s.begin(ctx, op); err != nil {
		return nil, nil, err
	}
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return nil, nil, store.ErrClosed
	}
	return s.spaces[path], s.mu.RUnlock, nil
}

// Append implements store.Store.
func (s *Store) Append(ctx context.Context, batches ...store.Batch) error {
	if err := store.CheckBatches(batches); err != nil {
		return err
	}
	if err := s.begin(ctx, "append"); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.fail(err)
	}
	if err := s.append(batches); err != nil {
		return err
	}
	for i := range batches {
		s.hub.Notify(batches[i].Space)
	}
	if s.Fault != nil {
		if err := s.Fault("appended"); err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.fail(err)
		}
	}
	return nil
}

// fail keeps err for later Appends if it is one that breaks a store.
func (s *Store) fail(err error) error {
	if s.broken == nil && !errors.Is(err, store.ErrFull) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		s.broken = err
	}
	return err
}

func (s *Store) append(batches []store.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	if s.broken != nil {
		return fmt.Errorf("an earlier append failed: %w", s.broken)
	}
	for i := range batches {
		b := &batches[i]
		head := space.Cursor{}
		if t := s.spaces[b.Space]; t != nil {
			head = t.head.Cursor
		}
		if head != b.Base {
			return &store.ConflictError{Space: b.Space, Base: b.Base, Head: head}
		}
	}
	for i := range batches {
		b := &batches[i]
		t := s.spaces[b.Space]
		if t == nil {
			t = &table{clients: make(map[space.ClientID]space.ClientState)}
			s.spaces[b.Space] = t
		}
		for _, c := range b.Commits {
			t.add(c)
		}
		maps.Copy(t.clients, space.ClientStates(b.Commits))
	}
	return nil
}

func (t *table) add(c *space.Commit) {
	own := strip(c)
	for i := range c.Changes {
		change := &c.Changes[i]
		v := change.Version(c.Seq)
		v.Payload = bytes.Clone(v.Payload)
		t.root = t.root.set(change.Key, &version{v, t.root.get(change.Key)})
	}
	t.log = append(t.log, own)
	t.head.Cursor = c.Cursor()
}

// strip copies a commit without its payloads.
func strip(c *space.Commit) *space.Commit {
	own := *c
	own.Changes = slices.Clone(c.Changes)
	for i := range own.Changes {
		own.Changes[i].Payload = nil
	}
	if c.Refusal != nil {
		refusal := *c.Refusal
		own.Refusal = &refusal
	}
	return &own
}

// Head implements store.Store.
func (s *Store) Head(ctx context.Context, path space.Path) (store.Head, error) {
	t, done, err := s.read(ctx, "head", path)
	if err != nil {
		return store.Head{}, err
	}
	defer done()
	if t == nil {
		return store.Head{}, nil
	}
	return t.head, nil
}

// Heads implements store.Store.
func (s *Store) Heads(ctx context.Context) iter.Seq2[store.SpaceHead, error] {
	return func(yield func(store.SpaceHead, error) bool) {
		_, done, err := s.read(ctx, "heads", "")
		if err != nil {
			yield(store.SpaceHead{}, err)
			return
		}
		heads := make([]store.SpaceHead, 0, len(s.spaces))
		for _, path := range slices.Sorted(maps.Keys(s.spaces)) {
			heads = append(heads, store.SpaceHead{Space: path, Head: s.spaces[path].head})
		}
		done()
		for _, h := range heads {
			if !yield(h, nil) {
				return
			}
		}
	}
}

// Log implements store.Store.
func (s *Store) Log(ctx context.Context, path space.Path, after space.Seq) iter.Seq2[*space.Commit, error] {
	return func(yield func(*space.Commit, error) bool) {
		t, done, err := s.read(ctx, "log", path)
		if err != nil {
			yield(nil, err)
			return
		}
		var log []*space.Commit
		var horizon space.Seq
		if t != nil {
			log, horizon = t.log, t.head.Horizon.Seq
		}
		done()
		if after < horizon {
			yield(nil, store.ErrTrimmed)
			return
		}
		for _, c := range log[min(after-horizon, space.Seq(len(log))):] {
			if !yield(strip(c), nil) {
				return
			}
		}
	}
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, path space.Path, at space.Seq) (store.View, error) {
	t, done, err := s.read(ctx, "view", path)
	if err != nil {
		return nil, err
	}
	defer done()
	if t == nil {
		t = &table{}
	}
	switch {
	case at < t.head.Horizon.Seq:
		return nil, store.ErrTrimmed
	case at > t.head.Cursor.Seq:
		return nil, store.ErrFuture
	}
	return &view{at: at, root: t.root}, nil
}

// Client implements store.Store.
func (s *Store) Client(ctx context.Context, path space.Path, client space.ClientID) (space.ClientState, error) {
	t, done, err := s.read(ctx, "client", path)
	if err != nil {
		return space.ClientState{}, err
	}
	defer done()
	if t == nil {
		return space.ClientState{}, nil
	}
	return t.clients[client], nil
}

// Trim implements store.Store.
func (s *Store) Trim(ctx context.Context, path space.Path, horizon space.Seq) error {
	if err := s.begin(ctx, "trim"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	t := s.spaces[path]
	if t == nil {
		t = &table{}
	}
	if horizon > t.head.Cursor.Seq {
		return store.ErrFuture
	}
	if horizon <= t.head.Horizon.Seq {
		return nil
	}
	n := horizon - t.head.Horizon.Seq
	for _, c := range t.log[:n] {
		for i := range c.Changes {
			key := c.Changes[i].Key
			// Views hold the old root, and so the old versions.
			if kept := t.root.get(key).cut(horizon); kept != nil {
				t.root = t.root.set(key, kept)
			} else {
				t.root = t.root.remove(key)
			}
		}
	}
	t.head.Horizon = t.log[n-1].Cursor()
	t.log = slices.Clone(t.log[n:])
	return nil
}

// Watch implements store.Store.
func (s *Store) Watch(hint func(space.Path)) (stop func()) { return s.hub.Watch(hint) }

// Drop implements store.Store.
func (s *Store) Drop(ctx context.Context, path space.Path) error {
	if err := s.begin(ctx, "drop"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	delete(s.spaces, path)
	return nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	wasClosed := s.closed
	s.closed = true
	s.mu.Unlock()
	if wasClosed {
		return store.ErrClosed
	}
	s.hub.Close()
	return nil
}
