package core

import (
	"context"
	"iter"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// reader is a kernel.Reader over a store, at one head. It opens the store's
// view when first needed.
type reader struct {
	ctx  context.Context
	s    *Space
	at   space.Seq
	view store.View
}

func (r *reader) Get(key space.Key, at space.Seq) (space.Version, error) {
	if at == r.at {
		if r.view == nil {
			v, err := r.s.view(r.ctx, r.at)
			if err != nil {
				return space.Version{}, err
			}
			r.view = v
		}
		return r.view.Get(key)
	}
	v, err := r.s.view(r.ctx, at)
	if err != nil {
		return space.Version{}, err
	}
	defer v.Close()
	return v.Get(key)
}

// view is the space at one commit, with all entries as the present versions of their collections have them.
func (s *Space) view(ctx context.Context, at space.Seq) (store.View, error) {
	v, err := s.cfg.Store.View(ctx, s.cfg.Path, at)
	if err != nil {
		return nil, err
	}
	if s.cfg.Bugs.Unlifted {
		return v, nil
	}
	return s.cfg.Rules.Lifted(v), nil
}

// Scan opens a view of its own: the loop's body reads from the other.
func (r *reader) Scan(collection, after string, at space.Seq) iter.Seq2[space.Entry, error] {
	return store.Reader{Context: r.ctx, Store: r.s.cfg.Store, Space: r.s.cfg.Path, Through: r.s.cfg.Rules.Lifted}.Scan(collection, after, at)
}

func (r *reader) Log(after space.Seq) logSeq { return r.s.cfg.Store.Log(r.ctx, r.s.cfg.Path, after) }

func (r *reader) Client(id space.ClientID) (space.ClientState, error) {
	if s, ok := r.s.known[id]; ok {
		return s, nil
	}
	return r.s.cfg.Store.Client(r.ctx, r.s.cfg.Path, id)
}

func (r *reader) close() {
	if r.view != nil {
		_ = r.view.Close() // a view that only read has nothing to lose
		r.view = nil
	}
}
