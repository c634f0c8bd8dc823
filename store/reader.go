package store

import (
	"context"
	"iter"

	"github.com/syncline/syncline/space"
)

// A Reader reads one space of a store, each time through a view of its own. It is
// what a kernel.Plan asks for, for those who have no better one.
type Reader struct {
	Context context.Context
	Store   Store
	Space   space.Path
	// Through, if not nil, makes of each view the one to read.
	Through func(View) View
}

func (r Reader) view(at space.Seq) (View, error) {
	v, err := r.Store.View(r.Context, r.Space, at)
	if err == nil && r.Through != nil {
		v = r.Through(v)
	}
	return v, err
}

// Get returns the newest version of key at or below at, the zero Version if there is none.
func (r Reader) Get(key space.Key, at space.Seq) (space.Version, error) {
	v, err := r.view(at)
	if err != nil {
		return space.Version{}, err
	}
	defer v.Close()
	return v.Get(key)
}

// Scan yields the live entries of a collection with ids above after, as of at.
func (r Reader) Scan(collection, after string, at space.Seq) iter.Seq2[space.Entry, error] {
	return func(yield func(space.Entry, error) bool) {
		v, err := r.view(at)
		if err != nil {
			yield(space.Entry{}, err)
			return
		}
		defer v.Close()
		for e, err := range v.Scan(collection, after) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// Log is the store's.
func (r Reader) Log(after space.Seq) iter.Seq2[*space.Commit, error] {
	return r.Store.Log(r.Context, r.Space, after)
}

// Client is the store's.
func (r Reader) Client(id space.ClientID) (space.ClientState, error) {
	return r.Store.Client(r.Context, r.Space, id)
}
