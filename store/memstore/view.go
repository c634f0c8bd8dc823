package memstore

import (
	"iter"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// A view is a root: what is appended or trimmed later makes other roots.
type view struct {
	at     space.Seq
	root   *node
	closed bool
}

func (v *view) At() space.Seq { return v.at }

func (v *view) Get(key space.Key) (space.Version, error) {
	if v.closed {
		return space.Version{}, store.ErrClosed
	}
	if found := v.root.get(key).at(v.at); found != nil {
		return found.Version, nil
	}
	return space.Version{}, nil
}

func (v *view) Scan(collection, after string) iter.Seq2[space.Entry, error] {
	return func(yield func(space.Entry, error) bool) {
		if v.closed {
			yield(space.Entry{}, store.ErrClosed)
			return
		}
		// No id is empty, so this begins at the first id where after is "".
		v.root.scan(space.Key{Collection: collection, ID: after}, func(n *node) bool {
			if n.key.Collection != collection {
				return false
			}
			found := n.newest.at(v.at)
			if found == nil || found.Deleted {
				return true
			}
			return yield(space.Entry{Key: n.key, Version: found.Version}, nil)
		})
	}
}

func (v *view) Close() error {
	v.closed, v.root = true, nil
	return nil
}
