package wire

import (
	"fmt"
	"hash/fnv"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/space"
)

// TestSumIsFNV: the first half is the FNV-1a of the standard library, so that
// other implementations can be checked against it.
func TestSumIsFNV(t *testing.T) {
	h := fnv.New32a()
	h.Write([]byte("cards\x00ü/1\x0042"))
	var s Sum
	s.Add(space.Key{Collection: "cards", ID: "ü/1"}, 42)
	if got, want := s.String()[:8], fmt.Sprintf("%08x", h.Sum32()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if empty := (Sum{}).String(); empty != "0000000000000000" {
		t.Errorf("the empty sum is %s", empty)
	}
}

// TestSumIsOfASet: neither order nor what came and went shows.
func TestSumIsOfASet(t *testing.T) {
	type entry struct {
		key     space.Key
		version space.Seq
	}
	entries := rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) entry {
		return entry{space.Key{Collection: rapid.StringMatching(`[a-c]{1,2}`).Draw(t, "in"), ID: rapid.StringMatching(`[a-c1]{1,3}`).Draw(t, "id")}, space.Seq(rapid.IntRange(1, 20).Draw(t, "version"))}
	}), func(e entry) entry { return e })
	rapid.Check(t, func(t *rapid.T) {
		all := entries.Draw(t, "entries")
		shuffled := rapid.Permutation(all).Draw(t, "order")
		keep := 0
		if len(all) > 0 {
			keep = rapid.IntRange(0, len(all)-1).Draw(t, "keep")
		}
		var a, b Sum
		for _, e := range all[:keep] {
			a.Add(e.key, e.version)
		}
		for _, e := range shuffled {
			b.Add(e.key, e.version)
		}
		if len(all) > keep && a == b {
			t.Fatalf("%v and %v sum up alike", all[:keep], all)
		}
		for _, e := range all[keep:] {
			b.Remove(e.key, e.version)
		}
		if a != b {
			t.Fatalf("%v and %v, of %v", a, b, all)
		}
	})
}
