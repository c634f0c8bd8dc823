package kernel_test

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
)

// TestOverlaid: what comes out is the newer versions over the older ones, in order; a reader may stop anywhere.
func TestOverlaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		versions := rapid.MapOf(rapid.StringMatching(`[a-d]{1,2}`), rapid.Map(rapid.IntRange(1, 9), func(n int) space.Version {
			return space.Version{Seq: space.Seq(n), Deleted: n > 7}
		}))
		old, newer := versions.Draw(t, "old"), versions.Draw(t, "newer")
		fails := rapid.IntRange(0, 5).Draw(t, "fails") == 0
		broken := errors.New("broken")
		var base iter.Seq2[space.Entry, error] = func(yield func(space.Entry, error) bool) {
			for _, id := range slices.Sorted(maps.Keys(old)) {
				if !yield(space.Entry{Key: space.Key{Collection: "c", ID: id}, Version: old[id]}, nil) {
					return
				}
			}
			if fails {
				yield(space.Entry{}, broken)
			}
		}
		all := maps.Clone(old)
		maps.Copy(all, newer)
		want := slices.Sorted(maps.Keys(all))
		stop := rapid.IntRange(0, len(want)).Draw(t, "stop")
		var got []string
		var failed error
		for e, err := range kernel.Overlaid(base, "c", newer) {
			if err != nil {
				failed = err
				continue
			}
			if v := all[e.Key.ID]; e.Key.Collection != "c" || v.Seq != e.Seq || v.Deleted != e.Deleted {
				t.Fatalf("%+v, want %+v", e, v)
			}
			if got = append(got, e.Key.ID); len(got) == stop && stop < len(want) {
				break
			}
		}
		switch {
		case stop > 0 && stop < len(want):
			want = want[:stop]
			if !slices.Equal(got, want[:len(got)]) || len(got) < stop && failed == nil {
				t.Fatalf("%v, want %v", got, want)
			}
		case fails:
			if failed != broken || !slices.Equal(got, want[:len(got)]) {
				t.Fatalf("%v, %v", got, failed)
			}
		case failed != nil || !slices.Equal(got, want):
			t.Fatalf("%v, want %v (%v)", got, want, failed)
		}
	})
}
