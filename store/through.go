package store

import (
	"iter"

	"github.com/syncline/syncline/space"
)

// Through is a view whose versions are what read makes of those of another, which is
// closed with it. read gets live and other versions, and must not alter their payloads.
func Through(v View, read func(space.Key, space.Version) (space.Version, error)) View {
	return through{v, read}
}

type through struct {
	View
	read func(space.Key, space.Version) (space.Version, error)
}

func (t through) Get(key space.Key) (space.Version, error) {
	v, err := t.View.Get(key)
	if err != nil {
		return v, err
	}
	return t.read(key, v)
}

func (t through) Scan(collection, after string) iter.Seq2[space.Entry, error] {
	return func(yield func(space.Entry, error) bool) {
		for e, err := range t.View.Scan(collection, after) {
			if err == nil {
				e.Version, err = t.read(e.Key, e.Version)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
