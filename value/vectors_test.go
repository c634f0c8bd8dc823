package value

import (
	"encoding/json"
	"errors"
	"os"
	"testing"
)

// canonicalCase is a line of canonical.json, which the TypeScript tests read
// too. They skip base64, which no string can hold, and strict, which
// JSON.parse does not see.
type canonicalCase struct {
	Text         string
	Base64       []byte
	Bytes, Depth int
	Want, Code   string
	Path         string
}

func canonicalCases(t testing.TB) []canonicalCase {
	t.Helper()
	raw, err := os.ReadFile("../testdata/vectors/canonical.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []canonicalCase
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		if c.Base64 == nil {
			cases[i].Base64 = []byte(c.Text)
		}
	}
	return cases
}

func TestCanonicalVectors(t *testing.T) {
	hostile := 0
	for _, c := range canonicalCases(t) {
		got, err := Canonical(c.Base64, Limits{Bytes: c.Bytes, Depth: c.Depth})
		var e *Error
		if errors.As(err, &e); e == nil {
			e = &Error{}
		} else {
			hostile++
		}
		if string(got) != c.Want || e.Code != c.Code || (c.Path != "" && e.Path != c.Path) {
			t.Errorf("%q: got %s, %v; want %s%s at %q", c.Base64, got, err, c.Want, c.Code, c.Path)
		}
	}
	if hostile < 60 {
		t.Errorf("%d hostile cases, want 60", hostile)
	}
}
