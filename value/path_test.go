package value

import (
	"slices"
	"strings"
	"testing"
)

func TestPathText(t *testing.T) {
	for text, want := range map[string]Path{
		"a":                            {"a"},
		"a.b":                          {"a", "b"},
		`a\.b.c`:                       {"a.b", "c"},
		`a\\.b`:                        {`a\`, "b"},
		`\$a.$b`:                       {"$a", "$b"},
		"a b.é.0":                      {"a b", "é", "0"},
		"constructor":                  {"constructor"},
		strings.Repeat("a.", 15) + "a": slices.Repeat(Path{"a"}, 16),
		strings.Repeat("é", 64):        {strings.Repeat("é", 64)},
	} {
		p, err := ParsePath(text)
		if err != nil || !slices.Equal(p, want) || p.String() != text {
			t.Errorf("%q: %q, %v", text, p, err)
		}
	}
	for _, text := range []string{
		"", ".", "a.", ".a", "a..b", "$a", "$", `\`, `a\`, `a\b`, `a\$b`, `a.\$b`, "__proto__", "a.__proto__",
		strings.Repeat("a.", 16) + "a", strings.Repeat("é", 64) + "a", "\xff",
	} {
		if p, err := ParsePath(text); err == nil {
			t.Errorf("%q is taken as %q", text, p)
		}
	}
}

func TestPathGet(t *testing.T) {
	doc := map[string]any{"a": map[string]any{"b": nil}, "l": []any{1.0}, "s": "x"}
	for text, want := range map[string]bool{"a": true, "a.b": true, "a.b.c": false, "a.c": false, "l.0": false, "s.length": false} {
		p, err := ParsePath(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := p.Get(doc); ok != want {
			t.Errorf("Get(%s) = %v", text, ok)
		}
		if n := testing.AllocsPerRun(100, func() { p.Get(doc) }); n != 0 {
			t.Errorf("Get(%s): %v allocations", text, n)
		}
	}
}

func TestPathWithAndWithout(t *testing.T) {
	doc := func() map[string]any {
		return map[string]any{"a": map[string]any{"b": 1.0, "c": 2.0}, "d": "text"}
	}
	for _, c := range []struct {
		path Path
		v    any
		with string // "": cannot be
		out  string
	}{
		{Path{"d"}, 5.0, `{"a":{"b":1,"c":2},"d":5}`, `{"a":{"b":1,"c":2}}`},
		{Path{"a", "b"}, 5.0, `{"a":{"b":5,"c":2},"d":"text"}`, `{"a":{"c":2},"d":"text"}`},
		{Path{"e", "f", "g"}, true, `{"a":{"b":1,"c":2},"d":"text","e":{"f":{"g":true}}}`, `{"a":{"b":1,"c":2},"d":"text"}`},
		{Path{"d", "f"}, true, "", `{"a":{"b":1,"c":2},"d":"text"}`},
	} {
		before := doc()
		if got := string(Encode(c.path.Without(before))); got != c.out {
			t.Errorf("without %s: %s, want %s", c.path, got, c.out)
		}
		got, ok := c.path.With(before, c.v)
		if ok != (c.with != "") || ok && string(Encode(got)) != c.with {
			t.Errorf("with %s: %s, %t; want %s", c.path, Encode(got), ok, c.with)
		}
		if !Equal(before, doc()) {
			t.Fatalf("%s: the record itself was changed: %v", c.path, before)
		}
	}
}
