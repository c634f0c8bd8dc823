package space

import (
	"strings"
	"testing"
)

func TestCursorText(t *testing.T) {
	digest := Digest{0xff, 1, 2, 3, 0xfb}
	for _, c := range []Cursor{{}, {1, Digest{}}, {118, digest}, {MaxSeq, digest}} {
		if got, err := ParseCursor(c.String()); err != nil || got != c {
			t.Errorf("%s: %s, %v", c, got, err)
		}
	}
	good := Cursor{118, digest}.String()
	d := good[4:]
	for _, s := range []string{
		"", "-", "0-", "0-" + d, "1", "1-", "01-" + d, "+1-" + d, "-1-" + d, " 1-" + d, "1-" + d + " ", "1_0-" + d, "1.0-" + d,
		"9007199254740992-" + d, "18446744073709551616-" + d,
		good[:len(good)-1], good + "A", good + "=", "118-" + strings.ReplaceAll(d, "_", "/"),
		"118-" + d[:21] + "B", // bits that the digest does not have
		"118-" + d[:10] + "\n" + d[10:], good + "\n", "118-" + d[:21] + "\n",
	} {
		if c, err := ParseCursor(s); err == nil {
			t.Errorf("%q is read as %s", s, c)
		}
	}
	var c Cursor
	if err := c.UnmarshalText([]byte("x")); err == nil || !c.IsZero() {
		t.Errorf("UnmarshalText: %v, %v", c, err)
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("0")
	f.Add(Cursor{118, Digest{1}}.String())
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := ParseCursor(s); err == nil && c.String() != s {
			t.Errorf("%q is read as %s", s, c)
		}
	})
}
