package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/internal/rows"
)

// Head implements store.Store.
func (s *Store) Head(ctx context.Context, path space.Path) (store.Head, error) {
	if err := s.begin(ctx); err != nil {
		return store.Head{}, err
	}
	defer s.gate.Leave()
	p := s.spaces.acquire(path)
	defer s.spaces.release(p)
	return s.head(p)
}

// Heads implements store.Store.
func (s *Store) Heads(ctx context.Context) iter.Seq2[store.SpaceHead, error] {
	return func(yield func(store.SpaceHead, error) bool) {
		if err := s.begin(ctx); err != nil {
			yield(store.SpaceHead{}, err)
			return
		}
		defer s.gate.Leave()
		for path, err := range s.paths() {
			h := store.SpaceHead{Space: path}
			if err == nil {
				// A space that is appended to is in memory: this is never a head that
				// is still on its way to the disk.
				h.Head, err = s.Head(ctx, path)
			}
			if err != nil {
				yield(store.SpaceHead{}, err)
				return
			}
			if h.Cursor.IsZero() {
				continue // dropped, or about to have its first commit
			}
			if !yield(h, nil) {
				return
			}
		}
	}
}

// paths yields the spaces that have a log or a horizon, in their order, with two
// seeks for each.
func (s *Store) paths() iter.Seq2[space.Path, error] {
	return func(yield func(space.Path, error) bool) {
		kinds := [...]byte{rows.Log, rows.Horizon}
		var its [len(kinds)]*pebble.Iterator
		for i, kind := range kinds {
			it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
			if err != nil {
				yield("", corrupt(err))
				return
			}
			defer it.Close()
			it.First()
			its[i] = it
		}
		for its[0].Valid() || its[1].Valid() {
			var path space.Path // of which no name is empty
			for _, it := range its {
				if it.Valid() && (path == "" || pathOf(it.Key()) < path) {
					path = pathOf(it.Key())
				}
			}
			if !yield(path, nil) {
				return
			}
			for i, it := range its {
				if it.Valid() && pathOf(it.Key()) == path {
					it.SeekGE(rows.SpaceEnd(nil, kinds[i], path))
				}
			}
		}
		if err := errors.Join(its[0].Error(), its[1].Error()); err != nil {
			yield("", corrupt(err))
		}
	}
}

// pathOf reads the space off the key of any of its rows.
func pathOf(key []byte) space.Path {
	path, _, _ := bytes.Cut(key[1:], []byte{0})
	return space.Path(path)
}

// Log implements store.Store.
func (s *Store) Log(ctx context.Context, path space.Path, after space.Seq) iter.Seq2[*space.Commit, error] {
	return func(yield func(*space.Commit, error) bool) {
		if err := s.begin(ctx); err != nil {
			yield(nil, err)
			return
		}
		defer s.gate.Leave()
		if err := s.log(path, after, yield); err != nil {
			yield(nil, err)
		}
	}
}

// log calls yield, and returns an error that is still to be yielded.
func (s *Store) log(path space.Path, after space.Seq, yield func(*space.Commit, error) bool) error {
	p := s.spaces.acquire(path)
	defer s.spaces.release(p)
	// The head before the iterator, the horizon after it (see View).
	head, err := s.head(p)
	if err != nil {
		return err
	}
	if after < head.Horizon.Seq {
		return store.ErrTrimmed
	}
	if after >= head.Cursor.Seq {
		return nil
	}
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: rows.LogKey(nil, path, after+1),
		UpperBound: rows.LogKey(nil, path, head.Cursor.Seq+1),
	})
	if err != nil {
		return corrupt(err)
	}
	defer it.Close()
	now, err := s.head(p)
	if err != nil {
		return err
	}
	if after < now.Horizon.Seq {
		return store.ErrTrimmed
	}
	want := after
	for it.First(); it.Valid(); it.Next() {
		want++
		seq := rows.LogSeq(it.Key())
		if seq != want {
			return fmt.Errorf("log of space %s: %w: commit %d is missing", path, store.ErrCorrupt, want)
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return corrupt(err)
		}
		c, err := rows.DecodeCommit(path, seq, v)
		if err != nil {
			return err
		}
		if !yield(c, nil) {
			return nil
		}
	}
	if err := it.Error(); err != nil {
		return corrupt(err)
	}
	if want != head.Cursor.Seq {
		return fmt.Errorf("log of space %s: %w: it ends at %d, the head is %d", path, store.ErrCorrupt, want, head.Cursor.Seq)
	}
	return nil
}

// Client implements store.Store.
func (s *Store) Client(ctx context.Context, path space.Path, client space.ClientID) (space.ClientState, error) {
	if err := s.begin(ctx); err != nil {
		return space.ClientState{}, err
	}
	defer s.gate.Leave()
	p := s.spaces.acquire(path)
	defer s.spaces.release(p)
	state, err := s.client(path, client)
	if err != nil {
		return space.ClientState{}, err
	}
	head, err := s.head(p)
	if err != nil || state.Seq <= head.Cursor.Seq {
		return state, err
	}
	// An Append whose fsync is under way has written it. Whoever takes it for
	// an outcome would acknowledge what is not durable: wait for the Append.
	p.appending.Lock()
	defer p.appending.Unlock()
	if err := s.broken(); err != nil {
		return space.ClientState{}, err
	}
	return s.client(path, client)
}

func (s *Store) client(path space.Path, client space.ClientID) (space.ClientState, error) {
	var scratch [256]byte
	v, ok, err := s.get(rows.ClientKey(scratch[:0], path, client))
	if err != nil || !ok {
		return space.ClientState{}, err
	}
	state, err := space.DecodeClientState(v)
	if err != nil {
		return state, fmt.Errorf("client %s of space %s: %w: %w", client, path, store.ErrCorrupt, err)
	}
	return state, nil
}
