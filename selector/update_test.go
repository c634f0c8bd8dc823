package selector

import (
	"errors"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/value"
)

func mustUpdate(t testing.TB, text string) *Update {
	t.Helper()
	u, err := ParseUpdate([]byte(text), value.Limits{})
	if err != nil {
		t.Fatal(text, err)
	}
	return u
}

func TestPaths(t *testing.T) {
	u := mustUpdate(t, `{"$set":{"b":1,"a-b":1,"a.b":1},"$unset":["a.a"]}`)
	want := []string{"a.a", "a.b", "a-b", "b"}
	for i, p := range u.Paths() {
		if p.String() != want[i] {
			t.Errorf("path %d is %s, want %s", i, p, want[i])
		}
	}
}

func TestApplyToNothing(t *testing.T) {
	for text, want := range map[string]string{`{"$inc":{"a.b":2}}`: `{"a":{"b":2}}`, `{"$unset":["a"]}`: `{}`} {
		doc, err := mustUpdate(t, text).Apply(nil)
		if err != nil || string(value.Encode(doc)) != want {
			t.Errorf("%s: %v, %v", text, doc, err)
		}
	}
}

func TestApplySharesWhatItDoesNotTouch(t *testing.T) {
	before := parseDoc(t, []byte(`{"a":{"x":1},"b":{"y":1}}`))
	after, err := mustUpdate(t, `{"$set":{"a.x":2}}`).Apply(before)
	if err != nil {
		t.Fatal(err)
	}
	after["b"].(map[string]any)["y"] = 9.0 // never do this: it is how sharing shows
	if before["b"].(map[string]any)["y"] != 9.0 {
		t.Error("an untouched object was copied")
	}
}

// commuting draws an update of counters and sets. Elements which are added are
// never removed by another.
func commuting(t *rapid.T, label string) *Update {
	text := rapid.OneOf(
		rapid.Map(rapid.IntRange(-9, 9), func(n int) string {
			return `{"$inc":{"n":` + strconv.Itoa(n) + `,"m.k":1}}`
		}),
		rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]any{"a", "b", 1.0, true, "\uffff", "\U0001f600"}), 1, 4), func(l []any) string {
			return `{"$add":{"t":` + encodeAny(l) + `}}`
		}),
		rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]any{"x", "y", 0.0, false}), 1, 4), func(l []any) string {
			return `{"$remove":{"t":` + encodeAny(l) + `}}`
		}),
	).Draw(t, label)
	u, err := ParseUpdate([]byte(text), value.Limits{})
	if err != nil {
		t.Fatal(text, err)
	}
	return u
}

func encodeAny(v any) string {
	raw, err := value.EncodeAny(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func TestCountersAndSetsCommute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOf(rapid.SampledFrom([]any{"a", "x", "y", 0.0, 1.0, false}))
		doc := map[string]any{"n": float64(rapid.IntRange(-99, 99).Draw(t, "n")), "t": append([]any{}, set.Draw(t, "t")...)}
		u, v := commuting(t, "u"), commuting(t, "v")
		if !u.Commutes() {
			t.Fatal(u)
		}
		before := string(value.Encode(doc))
		one, two := applyBoth(t, doc, u, v), applyBoth(t, doc, v, u)
		if one != two {
			t.Fatalf("%s: %s then %s is %s, the other way %s", before, u, v, one, two)
		}
		if after := string(value.Encode(doc)); after != before {
			t.Fatalf("the input changed from %s to %s", before, after)
		}
	})
}

func applyBoth(t *rapid.T, doc map[string]any, first, second *Update) string {
	mid, err := first.Apply(doc)
	if err != nil {
		t.Fatal(err)
	}
	end, err := second.Apply(mid)
	if err != nil {
		t.Fatal(err)
	}
	return string(value.Encode(end))
}

func TestApplyIsPureAndUpdatesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGenerator(rapid.Uint64().Draw(t, "seed"))
		doc, raw := g.doc(3), value.Encode(g.update())
		u, err := ParseUpdate(raw, value.Limits{})
		if err != nil {
			return
		}
		again, err := ParseUpdate([]byte(u.String()), value.Limits{})
		if err != nil || again.String() != u.String() {
			t.Fatalf("normal form %s parses to %v, %v", u, again, err)
		}
		before := string(value.Encode(doc))
		one, err := u.Apply(doc)
		if string(value.Encode(doc)) != before {
			t.Fatalf("%s altered %s", u, before)
		}
		two, err2 := again.Apply(doc)
		if (err == nil) != (err2 == nil) || !value.Equal(one, two) {
			t.Fatalf("%s and its normal form disagree: %v, %v", raw, err, err2)
		}
	})
}

func FuzzParseUpdate(f *testing.F) {
	for _, c := range vectors[updateCase](f, "update.json") {
		f.Add([]byte(c.Update), []byte(`{"a":{"b":1},"t":["a"],"n":1}`))
	}
	f.Fuzz(func(t *testing.T, raw, rawDoc []byte) {
		u, err := ParseUpdate(raw, value.Limits{})
		if err != nil {
			if codeOf(err) == "" {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if again, err := ParseUpdate([]byte(u.String()), value.Limits{}); err != nil || again.String() != u.String() {
			t.Fatalf("normal form %s parses to %v, %v", u, again, err)
		}
		doc, err := value.Parse(rawDoc)
		if err != nil {
			return
		}
		before := string(value.Encode(doc))
		after, err := u.Apply(doc)
		if string(value.Encode(doc)) != before {
			t.Fatalf("%s altered %s", u, before)
		}
		if err != nil {
			if code := codeOf(err); code != value.CodeTypeMismatch && code != value.CodeUnsafeNumber {
				t.Fatalf("%s: %v", u, err)
			}
			return
		}
		value.Encode(after) // panics on what no record can hold
	})
}

func TestErrorIdentity(t *testing.T) {
	_, err := mustUpdate(t, `{"$inc":{"a":1}}`).Apply(map[string]any{"a": "x"})
	if !errors.Is(err, &value.Error{Code: value.CodeTypeMismatch}) || !errors.Is(err, &value.Error{Code: value.CodeTypeMismatch, Path: "a"}) {
		t.Error(err)
	}
}

func BenchmarkApply(b *testing.B) {
	doc := parseDoc(b, []byte(benchDoc))
	for _, c := range []struct{ name, text string }{
		{"inc", `{"$inc":{"votes":1}}`},
		{"mixed", `{"$set":{"title":"x","meta.seen":true},"$inc":{"votes":1},"$add":{"tags":["new"]},"$unset":["owner"]}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			u := mustUpdate(b, c.text)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := u.Apply(doc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseUpdate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustUpdate(b, `{"$inc":{"votes":1}}`)
	}
}
