package space

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNames(t *testing.T) {
	path := func(s string) error { _, err := ParsePath(s); return err }
	collection := func(s string) error { _, err := ParseKey(s, "x"); return err }
	id := func(s string) error { _, err := ParseKey("c", s); return err }
	client := func(s string) error { _, err := ParseClientID(s); return err }
	many := strings.Repeat
	for _, c := range []struct {
		kind  string
		parse func(string) error
		good  []string
		bad   []string
	}{
		{
			"space", path,
			[]string{"a", "0", "team/alpha", "a.b-c_d/9", "a/b/c/d/e/f/g/h", many("a", 128), many("a", 63) + "/" + many("b", 64)},
			[]string{"", "/", "a/", "/a", "a//b", "A", "ä", "-a", "_a", ".a", "a/.b", "a/-", "a b", "a\x00", "a\n", "a/b/c/d/e/f/g/h/i", many("a", 129)},
		},
		{
			"collection", collection,
			[]string{"a", "Z", "cards", "a-b_C9", many("a", 64)},
			[]string{"", "_a", "9a", "-a", "a.b", "a b", "a/b", "ä", "a\x00", many("a", 65)},
		},
		{
			"id", id,
			[]string{"a", " ", "/", "a/b", "..", "%2F", "ünï…🎉", "\u2028", "<b>", `"\`, "\u0080", many("a", 256)},
			[]string{"", "\x00", "a\x1f", "a\x7f", "a\n", "\xff", "\xc0\x80", "\xed\xa0\x80", many("a", 257)},
		},
		{
			"client", client,
			[]string{many("a", 16), many("Z", 64), "abcDEF012_-xyz00"},
			[]string{"", many("a", 15), many("a", 65), "abc def ghi jkl mno", "abcdefghijklmnop.", "abcdefghijklmnopä"},
		},
	} {
		for _, s := range c.good {
			if err := c.parse(s); err != nil {
				t.Errorf("%s %q: %v", c.kind, s, err)
			}
		}
		for _, s := range c.bad {
			err := c.parse(s)
			var bad *NameError
			if !errors.As(err, &bad) || bad.Kind != c.kind {
				t.Errorf("%s %q: %v", c.kind, s, err)
			} else if !utf8.ValidString(bad.Error()) || len(bad.Error()) > 400 {
				t.Errorf("%s %q: the message is %q", c.kind, s, bad.Error())
			}
		}
	}
}

// TestKeyOrder: the order of scans is that of the bytes, collections first.
func TestKeyOrder(t *testing.T) {
	keys := []Key{{"B", "z"}, {"a", "Z"}, {"a", "a"}, {"a", "a/"}, {"a", "ab"}, {"a", "é"}, {"ab", "a"}}
	for i, a := range keys {
		for j, b := range keys {
			if got, want := a.Compare(b), min(1, max(-1, i-j)); got != want {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
}

func FuzzParsePath(f *testing.F) {
	f.Add("team/alpha")
	f.Add("a//b")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		if string(p) != s || len(s) > MaxPath || strings.Count(s, "/") >= MaxSegments || strings.ToLower(s) != s || strings.Contains(s, "/-/") {
			t.Errorf("%q is a path", s)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add("cards", "c/1")
	f.Fuzz(func(t *testing.T, collection, id string) {
		k, err := ParseKey(collection, id)
		if err != nil {
			return
		}
		// What engines build rows of must hold no byte below 0x20.
		if k != (Key{collection, id}) || !utf8.ValidString(id) || strings.ContainsFunc(collection+id, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%q, %q is a key", collection, id)
		}
	})
}
