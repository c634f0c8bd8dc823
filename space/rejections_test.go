package space

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRejections are the last RecentMutations' rejected ones and no others.
func TestRejections(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Rejections
		var all []MutationID
		rejects := rapid.SliceOfN(rapid.Uint8(), 1, 40).Draw(t, "rejects")
		last := MutationID(0)
		for _, b := range rejects {
			// Runs of applied mutations between the rejected ones, some of them long.
			for range int(b) * int(b) / 50 {
				last++
				r = r.Next(last, false)
			}
			last++
			r = r.Next(last, true)
			all = append(all, last)
		}
		want := slices.DeleteFunc(slices.Clone(all), func(id MutationID) bool { return id+RecentMutations <= last })
		if got := slices.Collect(r.All); !slices.Equal(got, want) {
			t.Fatalf("after %d: %v, want %v", last, got, want)
		}
		if r.malformed() || !r.Has(last) || r.Has(last+1) || r.Has(0) {
			t.Fatalf("%q", r)
		}
	})
}
