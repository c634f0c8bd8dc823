package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/internal/gate"
	"github.com/syncline/syncline/store/internal/hints"
	"github.com/syncline/syncline/store/internal/rows"
)

// A Store is a store.Store in a directory. Make one with Open.
type Store struct {
	options Options
	dir     string
	fs      *faultFS
	db      *pebble.DB
	spaces  *spaces
	disk    disk
	hub     hints.Hub
	gate    gate.Gate
	drops   atomic.Uint64 // counts Drops begun and ended, for View
	stuck   atomic.Bool   // Pebble has panicked: its locks may be held for ever
	write   *pebble.WriteOptions
}

var (
	_ store.Store    = (*Store)(nil)
	_ store.Verifier = (*Store)(nil)
)

// Open opens the store in dir, and makes it if there is none. A directory is
// open at most once at a time, in one process.
func Open(dir string, o Options) (s *Store, err error) {
	o = o.withDefaults()
	s = &Store{
		options: o,
		dir:     dir,
		fs:      &faultFS{FS: o.FS, log: o.Logger, failed: make(chan struct{})},
		spaces:  newSpaces(o.CachedSpaces),
		write:   pebble.Sync,
	}
	if o.dangerouslyNoSync {
		s.write = pebble.NoSync
	}
	s.disk = disk{fs: o.FS, dir: dir, reserve: o.ReserveBytes}
	defer func() {
		if err != nil {
			s, err = nil, fmt.Errorf("open store %s: %w", dir, err)
		}
	}()
	if err := s.checkClosed(); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		return nil, corrupt(err)
	}
	s.fs.armed.Store(true)
	return s, nil
}

// open opens the database, and makes an error of Pebble's panics.
func (s *Store) open() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("pebble: %v", r)
			if e, ok := r.(error); ok {
				err = e
			}
		}
	}()
	s.db, err = pebble.Open(s.dir, s.pebbleOptions())
	return explainFormat(err)
}

// corrupt marks Pebble's errors about damaged files as store.ErrCorrupt.
func corrupt(err error) error {
	if err != nil && pebble.IsCorruptionError(err) && !errors.Is(err, store.ErrCorrupt) {
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return err
}

// begin is the start of every operation, whose end is s.gate.Leave.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.gate.Enter()
}

// broken is the error of every write after the first failure.
func (s *Store) broken() error {
	if err := s.fs.err(); err != nil {
		return fmt.Errorf("the store is broken since an earlier failure: %w", err)
	}
	return nil
}

// commit writes b and returns when it is durable (or queued, with NoSync).
func (s *Store) commit(b *pebble.Batch, o *pebble.WriteOptions) (err error) {
	if err := s.broken(); err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			s.stuck.Store(true)
			s.fs.fail(fmt.Errorf("pebble: %v", r))
			err = s.broken()
		}
	}()
	if err := s.db.Apply(b, o); err != nil {
		s.fs.fail(err)
	}
	// The faultFS has told Pebble that all is well even if it was not.
	return s.broken()
}

// get reads a row into into, which it returns; ok is false if there is none.
func (s *Store) get(key []byte) (value []byte, ok bool, err error) {
	v, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, corrupt(err)
	}
	value = append(value, v...)
	return value, true, closer.Close()
}

// readHead reads a space's head and horizon from disk: the last row of its log is
// the head, or the horizon is. A row for the head would be a third of what a
// write costs.
func (s *Store) readHead(path space.Path) (h store.Head, err error) {
	mark, err := s.readHorizon(path)
	if err != nil {
		return h, err
	}
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: rows.SpacePrefix(nil, rows.Log, path),
		UpperBound: rows.SpaceEnd(nil, rows.Log, path),
	})
	if err != nil {
		return h, corrupt(err)
	}
	defer it.Close()
	h = store.Head{Cursor: mark.Horizon, Horizon: mark.Horizon}
	if !it.Last() {
		return h, corrupt(it.Error())
	}
	row, err := it.ValueAndErr()
	if err != nil {
		return h, corrupt(err)
	}
	// A Trim cut short leaves rows at and below the horizon.
	if seq := rows.LogSeq(it.Key()); seq > mark.Horizon.Seq {
		c, err := rows.DecodeCommit(path, seq, row)
		if err != nil {
			return h, err
		}
		h.Cursor = c.Cursor()
	}
	return h, nil
}

// head returns a space's published head, from memory if it is there.
func (s *Store) head(p *spaceState) (store.Head, error) {
	if h := p.head.Load(); h != nil {
		return *h, nil
	}
	p.appending.Lock()
	defer p.appending.Unlock()
	return s.headLocked(p)
}

// headLocked is head for those who hold p.appending.
func (s *Store) headLocked(p *spaceState) (store.Head, error) {
	if h := p.head.Load(); h != nil {
		return *h, nil
	}
	h, err := s.readHead(p.path)
	if err != nil {
		return store.Head{}, err
	}
	p.head.Store(&h)
	return h, nil
}

// Watch implements store.Store.
func (s *Store) Watch(hint func(space.Path)) (stop func()) { return s.hub.Watch(hint) }

// Close implements store.Store. It writes what is in memory to tables, so that
// the next Open has nothing to replay and damage to any file is noticed.
func (s *Store) Close() error {
	if err := s.gate.Close(); err != nil {
		return err
	}
	s.hub.Close()
	if s.stuck.Load() {
		return s.broken()
	}
	if err := s.broken(); err != nil {
		return errors.Join(err, s.db.Close())
	}
	err := s.flush()
	err = errors.Join(err, s.db.Close(), s.broken())
	if err == nil {
		err = errors.Join(s.noteClosed(), s.broken())
	}
	return err
}

// flush writes what is in memory to tables. Pebble tries for ever.
func (s *Store) flush() error {
	flushed, err := s.db.AsyncFlush()
	if err != nil {
		return err
	}
	select {
	case <-flushed:
	case <-s.fs.failed:
	}
	return s.broken()
}
