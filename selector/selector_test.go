package selector

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/syncline/syncline/value"
)

func TestAll(t *testing.T) {
	for _, s := range []*Selector{nil, All, MustParse("{}")} {
		if !s.Match(nil) || !s.IsAll() || s.String() != "{}" || len(s.Fields()) != 0 {
			t.Errorf("%v is not All", s)
		}
	}
	if MustParse(`{"a":1}`).IsAll() {
		t.Error("a condition is All")
	}
}

func TestFields(t *testing.T) {
	s := MustParse(`{"b.c": 1, "$or": [{"a": 1}, {"d": {"$elemMatch": {"x": 1}}}], "b": {"$gt": 0}}`)
	if got := s.Fields(); !slices.Equal(got, []string{"a", "b", "d"}) {
		t.Error(got)
	}
}

func TestLimits(t *testing.T) {
	many := func(n int) string {
		return `{"$or":[` + strings.Join(repeat(n, `{"a":%d}`), ",") + `]}`
	}
	for text, code := range map[string]string{
		many(MaxConditions):                             "",
		many(MaxConditions + 1):                         value.CodeBadSelector,
		`{"a":"` + strings.Repeat("x", MaxBytes) + `"}`: value.CodeTooLarge,
		// The normal form spells the path out for each condition.
		`{"` + strings.Repeat("p", 120) + `":{` + strings.Join(repeat(200, `"f%d":1`), ",") + `}}`: value.CodeTooLarge,
	} {
		if _, err := Parse([]byte(text)); codeOf(err) != code {
			t.Errorf("%.60s…: %v, want %q", text, err, code)
		}
	}
}

func repeat(n int, format string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i)
	}
	return out
}

func TestRegexIsRefusedWithAReason(t *testing.T) {
	_, err := Parse([]byte(`{"a":{"$regex":"^x"}}`))
	var e *value.Error
	if !errors.As(err, &e) || e.Path != "a" || !strings.Contains(e.Message, "regular expressions") {
		t.Error(err)
	}
}

const benchSelector = `{"done":false,"votes":{"$gt":5},"meta.source":{"$in":["web","ios"]},"tags":{"$all":["ui"]},"$or":[{"owner":"u1"},{"title":{"$beginsWith":"Drag"}}]}`

const benchDoc = `{"done":false,"meta":{"source":"web"},"owner":"u2","tags":["bug","ui"],"title":"Drag handle","votes":7}`

func TestMatchDoesNotAllocate(t *testing.T) {
	s, doc := MustParse(benchSelector), parseDoc(t, []byte(benchDoc))
	if n := testing.AllocsPerRun(100, func() { s.Match(doc) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if !s.Match(doc) {
		t.Error("no match")
	}
}

func BenchmarkMatch(b *testing.B) {
	doc := parseDoc(b, []byte(benchDoc))
	for _, text := range []string{`{"done":false}`, benchSelector} {
		b.Run(fmt.Sprint(len(text)), func(b *testing.B) {
			s := MustParse(text)
			b.ReportAllocs()
			for b.Loop() {
				s.Match(doc)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse([]byte(benchSelector)); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range vectors[selectorCase](f, "selector.json") {
		f.Add([]byte(c.Selector), []byte(`{"a":[1,{"b":"x"}],"b":null}`))
	}
	f.Fuzz(func(t *testing.T, raw, rawDoc []byte) {
		s, err := Parse(raw)
		if err != nil {
			if codeOf(err) == "" {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		checkRoundTrip(t, s)
		doc, err := value.Parse(rawDoc)
		if err != nil {
			return
		}
		if s.Match(doc) != MustParse(s.String()).Match(doc) {
			t.Fatalf("%s and its normal form %s disagree on %s", raw, s, rawDoc)
		}
	})
}

func FuzzParseQuery(f *testing.F) {
	for _, c := range vectors[queryCase](f, "query.json") {
		f.Add([]byte(c.Query))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		q, err := ParseQuery(raw)
		if err != nil {
			if codeOf(err) == "" {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if again, err := ParseQuery([]byte(q.String())); err != nil || again.String() != q.String() {
			t.Fatalf("normal form %s parses to %v, %v", q, again, err)
		}
		q.Project(parseDoc(t, []byte(benchDoc)))
	})
}
