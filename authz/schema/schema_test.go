package schema_test

import (
	"strings"
	"testing"

	"github.com/syncline/syncline/authz/schema"
)

// TestCheck: what is said of records.
func TestCheck(t *testing.T) {
	s, err := schema.Compile([]byte(`{"type":"object","required":["title"],"additionalProperties":false,"properties":{
		"title":{"type":"string","minLength":1,"maxLength":5},"votes":{"type":"integer","minimum":0},"at":{"type":"string","format":"date-time"},
		"tags":{"type":"array","items":{"$ref":"#/$defs/tag"},"uniqueItems":true},"kind":{"enum":["a","b"]},
		"id":{"pattern":"^(a+)+$"}},"$defs":{"tag":{"type":"string"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		doc        map[string]any
		path, what string
	}{
		"right":          {map[string]any{"title": "a", "votes": 3.0, "at": "2026-11-26T10:00:00Z", "tags": []any{"x"}, "kind": "a"}, "", ""},
		"missing":        {map[string]any{}, "", "title"},
		"too long":       {map[string]any{"title": "abcdef"}, "title", "5"},
		"fraction":       {map[string]any{"title": "a", "votes": 1.5}, "votes", "integer"},
		"no date":        {map[string]any{"title": "a", "at": "yesterday"}, "at", "date-time"},
		"inside a list":  {map[string]any{"title": "a", "tags": []any{"x", 1.0}}, "tags.1", "string"},
		"not one of":     {map[string]any{"title": "a", "kind": "c"}, "kind", "one of"},
		"unknown":        {map[string]any{"title": "a", "Title": "b"}, "", "Title"},
		"an old pattern": {map[string]any{"title": "a", "id": strings.Repeat("a", 100_000) + "!"}, "id", "pattern"},
	} {
		path, what, ok := s.Check(c.doc)
		if ok != (c.what == "") || path != c.path || !strings.Contains(what, c.what) {
			t.Errorf("%s: %q at %q, %v; want %q at %q", name, what, path, ok, c.what, c.path)
		}
	}
}

// TestCompile refuses what is no schema, and what is elsewhere.
func TestCompile(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"objet"}`:                             "type",
		`{"$ref":"https://example.com/schema.json"}`:   "by itself",
		`{"$ref":"file:///etc/passwd"}`:                "by itself",
		`{"type":"object","type":"string"}`:            "duplicate",
		`{"pattern":"("}`:                              "regex",
		`{"x":"` + strings.Repeat("x", 256<<10) + `"}`: "limit",
	} {
		if _, err := schema.Compile([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v; want %q", text, err, want)
		}
	}
}

// TestPatternsThatExplode: a record that would take long does not fit, whatever stands around the pattern. (What
// hangs fails by the time of the whole test.)
func TestPatternsThatExplode(t *testing.T) {
	many := make([]any, 5000)
	for i := range many {
		many[i] = strings.Repeat("a", 50)
	}
	long := map[string]any{"s": strings.Repeat("a", 250_000), "many": many}
	for _, text := range []string{
		`{"properties":{"s":{"pattern":"a{1,1000}b"}}}`,
		`{"properties":{"s":{"not":{"pattern":"a{1,1000}b"}}}}`,
		`{"properties":{"s":{"anyOf":[{"pattern":"(a{1,30}){1,30}b"},{"type":"string"}]}}}`,
		`{"properties":{"many":{"items":{"pattern":"(a{1,30}){1,30}b"}}}}`,
		`{"propertyNames":{"pattern":"^[a-z]+$"},"properties":{"many":{"contains":{"pattern":"(a|aa){1,200}b"}}}}`,
	} {
		s, err := schema.Compile([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if path, what, ok := s.Check(long); ok || !strings.Contains(what, "too long") {
				t.Errorf("%s: %q, %q, %t", text, path, what, ok)
			}
		}
		// What came before does not count.
		if path, what, _ := s.Check(map[string]any{"s": "aab", "many": []any{"aab"}}); strings.Contains(what, "too long") {
			t.Errorf("%s: %q, %q", text, path, what)
		}
	}
}
