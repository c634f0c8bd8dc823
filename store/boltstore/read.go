package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

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
	p, err := s.snapshot(path)
	if err != nil {
		return store.Head{}, err
	}
	return p.head, p.close()
}

// Heads implements store.Store.
func (s *Store) Heads(ctx context.Context) iter.Seq2[store.SpaceHead, error] {
	return func(yield func(store.SpaceHead, error) bool) {
		if err := s.begin(ctx); err != nil {
			yield(store.SpaceHead{}, err)
			return
		}
		defer s.gate.Leave()
		p, err := s.snapshot("")
		if err != nil {
			yield(store.SpaceHead{}, err)
			return
		}
		defer p.close()
		c := p.cursor()
		err = c.seek([]byte{rows.Head})
		for err == nil && c.key != nil && c.key[0] == rows.Head {
			h := store.SpaceHead{Space: space.Path(c.key[1:])}
			if h.Head, err = s.shown(p.reader, h.Space); err != nil {
				break
			}
			if !h.Cursor.IsZero() && !yield(h, nil) {
				return
			}
			err = c.next()
		}
		if err != nil {
			yield(store.SpaceHead{}, err)
		}
	}
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
	p, err := s.snapshot(path)
	if err != nil {
		return err
	}
	defer p.close()
	if after < p.head.Horizon.Seq {
		return store.ErrTrimmed
	}
	if after >= p.head.Cursor.Seq {
		return nil
	}
	prefix := rows.SpacePrefix(nil, rows.Log, path)
	c := p.cursor()
	err = c.seek(rows.LogKey(nil, path, after+1))
	for want := after + 1; want <= p.head.Cursor.Seq; want++ {
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(c.key, prefix) || rows.LogSeq(c.key) != want {
			return fmt.Errorf("log of space %s: %w: commit %d is missing", path, store.ErrCorrupt, want)
		}
		commit, err2 := rows.DecodeCommit(path, want, c.value)
		if err2 != nil {
			return err2
		}
		if !yield(commit, nil) {
			return nil
		}
		if want < p.head.Cursor.Seq {
			err = c.next()
		}
	}
	return nil
}

// Client implements store.Store.
func (s *Store) Client(ctx context.Context, path space.Path, client space.ClientID) (space.ClientState, error) {
	if err := s.begin(ctx); err != nil {
		return space.ClientState{}, err
	}
	defer s.gate.Leave()
	for range 100 {
		state, ahead, err := s.client(path, client)
		if err != nil || !ahead {
			return state, err
		}
		// Whoever takes it for an outcome would acknowledge what is not durable:
		// wait for the transaction, or look again if it is durable by now.
		s.mu.Lock()
		settled, broken, waiting := s.settled, s.broken, s.inflight != nil
		s.mu.Unlock()
		if broken != nil {
			return space.ClientState{}, broken
		}
		if waiting {
			<-settled
		}
	}
	return space.ClientState{}, fmt.Errorf("client %s of space %s: %w: it is ahead of the head", client, path, store.ErrCorrupt)
}

// client reads a client's row, and says whether it is ahead of the shown head.
func (s *Store) client(path space.Path, client space.ClientID) (state space.ClientState, ahead bool, err error) {
	p, err := s.snapshot(path)
	if err != nil {
		return state, false, err
	}
	defer p.close()
	v, err := p.get(rows.ClientKey(nil, path, client))
	if err != nil || v == nil {
		return state, false, err
	}
	if state, err = space.DecodeClientState(v); err != nil {
		return state, false, fmt.Errorf("client %s of space %s: %w: %w", client, path, store.ErrCorrupt, err)
	}
	return state, state.Seq > p.head.Cursor.Seq, nil
}

// View implements store.Store. It is a read transaction: see the package comment.
func (s *Store) View(ctx context.Context, path space.Path, at space.Seq) (store.View, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	p, err := s.snapshot(path)
	if err != nil {
		return nil, err
	}
	switch {
	case at < p.head.Horizon.Seq:
		return nil, errors.Join(store.ErrTrimmed, p.close())
	case at > p.head.Cursor.Seq:
		return nil, errors.Join(store.ErrFuture, p.close())
	}
	return &view{s: s, snapshot: p, path: path, at: at}, nil
}
