package pebblestore

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/internal/rows"
	"pgregory.net/rapid"
)

// A store that another version wrote is refused with what to do about it.
func TestOtherFormat(t *testing.T) {
	fs := vfs.NewMem()
	db, err := pebble.Open("db", &pebble.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("db", Options{FS: fs}); err == nil || !strings.Contains(err.Error(), "another format") {
		t.Errorf("%v", err)
	}
}

// Pebble relies on this for every string of bytes, bounds and separators of its
// own included: prefixes order before suffixes, and the order is that of bytes.
func TestComparer(t *testing.T) {
	// Few different bytes, so that keys meet.
	key := rapid.Custom(func(t *rapid.T) []byte {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0, 1, 'a', 0xff}), 0, 12).Draw(t, "rest")
		return append([]byte{rapid.SampledFrom([]byte{rows.Data, rows.Data, rows.Log}).Draw(t, "kind")}, b...)
	})
	sign := func(n int) int { return max(-1, min(1, n)) }
	rapid.Check(t, func(t *rapid.T) {
		a, b := key.Draw(t, "a"), key.Draw(t, "b")
		i, j := rows.Split(a), rows.Split(b)
		want := bytes.Compare(a[:i], b[:j])
		if want == 0 {
			want = bytes.Compare(a[i:], b[j:])
		}
		if got := sign(comparer.Compare(a, b)); got != want {
			t.Fatalf("compare %q and %q: %d, by prefix and suffix %d", a, b, got, want)
		}
		if rows.Split(a[:i]) != i {
			t.Fatalf("the prefix of %q has a suffix", a)
		}
		next := comparer.ImmediateSuccessor(nil, a[:i])
		if rows.Split(next) != len(next) || bytes.Compare(a, next) >= 0 {
			t.Fatalf("the successor of %q is %q", a[:i], next)
		}
		if bytes.Compare(b[:j], a[:i]) > 0 && bytes.Compare(b[:j], next) < 0 {
			t.Fatalf("%q lies between %q and its successor %q", b[:j], a[:i], next)
		}
		if want < 0 {
			between := comparer.Separator(nil, a, b)
			if bytes.Compare(a, between) > 0 || bytes.Compare(between, b) >= 0 {
				t.Fatalf("%q does not separate %q and %q", between, a, b)
			}
		}
	})
	k := rows.DataKey(nil, "s/t", space.Key{Collection: "c", ID: "x"}, 7)
	if n := rows.Split(k); string(k[:n]) != "ds/t\x00c\x00x\x00" {
		t.Errorf("split of %q is %d", k, n)
	}
	if seq, err := rows.SuffixSeq(k, rows.Split(k)); err != nil || seq != 7 {
		t.Errorf("seq is %d, %v", seq, err)
	}
}
