package rule

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/value"
)

// TestSelectorOfText: the selector of an atom's text matches exactly the records that
// the atom yields the text of.
func TestSelectorOfText(t *testing.T) {
	scalar := rapid.OneOf(
		rapid.Map(rapid.SampledFrom([]string{"", "1", "true", "null", "a", "a.b", `\`, "$x", `"`, "ü", "__proto"}), func(s string) any { return s }),
		rapid.Map(rapid.SampledFrom([]float64{0, 1, -1, 0.5, 1e-7, 1e-300, 9007199254740991}), func(f float64) any { return f }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just(any(nil)),
	)
	list := rapid.Map(rapid.SliceOfN(scalar, 0, 3), func(l []any) any { return l })
	object := rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{"a", "a.b", "1", "$x", "ü"}), scalar, 0, 3), func(m map[string]any) any { return m })
	field := rapid.OneOf(scalar, list, object)
	paths := []value.Path{{"f"}, {"f", "g"}, {"f.g"}, {"$f"}, {"f", "a.b"}}
	hits, misses := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		a := &atom{path: rapid.SampledFrom(paths).Draw(t, "path"), list: rapid.Bool().Draw(t, "list")}
		key := field.Draw(t, "key")
		text, ok := Text(key)
		if !ok {
			t.Fatal("a JSON value without text")
		}
		raw := a.selector(text)
		where, err := selector.Parse(raw)
		if err != nil {
			t.Fatalf("%s of %q: %v", raw, text, err)
		}
		doc := map[string]any{}
		if rapid.IntRange(0, 9).Draw(t, "there") > 0 {
			in := doc
			for _, name := range a.path[:len(a.path)-1] {
				next := map[string]any{}
				in[name], in = next, next
			}
			held := field.Draw(t, "value")
			if rapid.Bool().Draw(t, "the same") {
				held = key
				if a.list {
					held = []any{true, key}
				}
			}
			in[a.path[len(a.path)-1]] = held
		}
		want := false
		a.texts(doc, func(got string) bool {
			want = want || got == text
			return true
		})
		if got := where.Match(doc); got != want {
			t.Fatalf("%s on %v: %t, but the text %q is there: %t", where, doc, got, text, want)
		}
		if want {
			hits++
		} else {
			misses++
		}
	})
	if hits < 5 || misses < 20 {
		t.Errorf("%d hits, %d misses: that tests little", hits, misses)
	}
}
