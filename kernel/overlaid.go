package kernel

import (
	"iter"
	"maps"
	"slices"

	"github.com/syncline/syncline/space"
)

// Overlaid yields the entries of a scan of one collection, with newer versions in
// the place of those that have some and among them, in the order of ids. newer are by
// id, deleted ones as well: those are yielded, too. An error of the scan ends it.
func Overlaid(base iter.Seq2[space.Entry, error], collection string, newer map[string]space.Version) iter.Seq2[space.Entry, error] {
	return func(yield func(space.Entry, error) bool) {
		ids := slices.Sorted(maps.Keys(newer))
		// before yields what comes before an id; all of it if that is "".
		before := func(id string) bool {
			for ; len(ids) > 0 && (id == "" || ids[0] < id); ids = ids[1:] {
				if !yield(space.Entry{Key: space.Key{Collection: collection, ID: ids[0]}, Version: newer[ids[0]]}, nil) {
					return false
				}
			}
			return true
		}
		for e, err := range base {
			if err != nil {
				yield(space.Entry{}, err)
				return
			}
			if !before(e.Key.ID) {
				return
			}
			if _, replaced := newer[e.Key.ID]; !replaced && !yield(e, nil) {
				return
			}
		}
		before("")
	}
}
