package selector

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/value"
)

// vectors reads a file which the TypeScript tests read too.
func vectors[T any](t testing.TB, name string) []T {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(name, err)
	}
	return out
}

func codeOf(err error) string {
	var e *value.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func parseDoc(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	doc, err := value.Parse(raw)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return doc
}

type selectorCase struct {
	Selector    jsontext.Value
	Normal      string
	Match, Miss []jsontext.Value
	Code        string
}

func TestSelectorVectors(t *testing.T) {
	cases := vectors[selectorCase](t, "selector.json")
	if len(cases) < 150 {
		t.Errorf("%d cases, want 150", len(cases))
	}
	for _, c := range cases {
		s, err := Parse(c.Selector)
		if codeOf(err) != c.Code {
			t.Errorf("%s: error %v, want code %q", c.Selector, err, c.Code)
		}
		if err != nil {
			continue
		}
		if c.Normal != "" && s.String() != c.Normal {
			t.Errorf("%s: normal form %s, want %s", c.Selector, s, c.Normal)
		}
		checkRoundTrip(t, s)
		for _, doc := range c.Match {
			if !s.Match(parseDoc(t, doc)) {
				t.Errorf("%s does not match %s", c.Selector, doc)
			}
		}
		for _, doc := range c.Miss {
			if s.Match(parseDoc(t, doc)) {
				t.Errorf("%s matches %s", c.Selector, doc)
			}
		}
	}
}

func checkRoundTrip(t testing.TB, s *Selector) {
	t.Helper()
	again, err := Parse([]byte(s.String()))
	if err != nil || again.String() != s.String() {
		t.Errorf("normal form %s parses to %v, %v", s, again, err)
	}
}

type updateCase struct {
	Update    jsontext.Value
	Normal    string
	Depth     int
	Before    jsontext.Value
	After     string
	Code      string // of ParseUpdate
	ApplyCode string
	Path      string // of either error
}

func TestUpdateVectors(t *testing.T) {
	cases := vectors[updateCase](t, "update.json")
	if len(cases) < 60 {
		t.Errorf("%d cases, want 60", len(cases))
	}
	for _, c := range cases {
		u, err := ParseUpdate(c.Update, value.Limits{Depth: c.Depth})
		checkError(t, c.Update, err, c.Code, c.Path)
		if err != nil {
			continue
		}
		if c.Normal != "" && u.String() != c.Normal {
			t.Errorf("%s: normal form %s, want %s", c.Update, u, c.Normal)
		}
		before := parseDoc(t, c.Before)
		after, err := u.Apply(before)
		checkError(t, c.Update, err, c.ApplyCode, c.Path)
		if err == nil && string(value.Encode(after)) != c.After {
			t.Errorf("%s on %s: %s, want %s", c.Update, c.Before, value.Encode(after), c.After)
		}
		if !value.Equal(before, parseDoc(t, c.Before)) {
			t.Errorf("%s altered its input", c.Update)
		}
	}
}

func checkError(t *testing.T, of jsontext.Value, err error, code, path string) {
	t.Helper()
	if codeOf(err) != code {
		t.Errorf("%s: error %v, want code %q", of, err, code)
	}
	var e *value.Error
	if errors.As(err, &e) && path != "" && e.Path != path {
		t.Errorf("%s: error %v, want path %q", of, err, path)
	}
}

type queryCase struct {
	Query  jsontext.Value
	Normal string
	Code   string
	Docs   map[string]jsontext.Value
	Order  []string // ids of those which match, in order
	Rows   []string // what Project makes of them
}

func TestQueryVectors(t *testing.T) {
	cases := vectors[queryCase](t, "query.json")
	if len(cases) < 30 {
		t.Errorf("%d cases, want 30", len(cases))
	}
	for _, c := range cases {
		q, err := ParseQuery(c.Query)
		checkError(t, c.Query, err, c.Code, "")
		if err != nil {
			continue
		}
		if c.Normal != "" && q.String() != c.Normal {
			t.Errorf("%s: normal form %s, want %s", c.Query, q, c.Normal)
		}
		if again, err := ParseQuery([]byte(q.String())); err != nil || again.String() != q.String() {
			t.Errorf("%s: normal form %s parses to %v, %v", c.Query, q, again, err)
		}
		ids, rows := runQuery(t, q, c.Docs)
		if c.Order != nil && !slices.Equal(ids, c.Order) {
			t.Errorf("%s: order %v, want %v", c.Query, ids, c.Order)
		}
		if c.Rows != nil && !slices.Equal(rows, c.Rows) {
			t.Errorf("%s: rows %v, want %v", c.Query, rows, c.Rows)
		}
	}
}

// runQuery does what a store does with a query.
func runQuery(t *testing.T, q *Query, docs map[string]jsontext.Value) (ids, rows []string) {
	t.Helper()
	parsed := map[string]map[string]any{}
	for id, raw := range docs {
		if doc := parseDoc(t, raw); q.Where.Match(doc) {
			parsed[id] = doc
		}
	}
	ids = slices.SortedFunc(maps.Keys(parsed), func(a, b string) int {
		return q.Compare(parsed[a], a, parsed[b], b)
	})
	ids = ids[min(q.Skip, len(ids)):]
	if q.Limit > 0 {
		ids = ids[:min(q.Limit, len(ids))]
	}
	for _, id := range ids {
		rows = append(rows, string(value.Encode(q.Project(parsed[id]))))
	}
	return ids, rows
}
