package value

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// tree draws any value that a record can hold.
func tree() *rapid.Generator[any] {
	name := rapid.StringN(0, 6, -1).Filter(func(s string) bool { return s != protoName })
	scalar := rapid.OneOf(
		rapid.Just[any](nil), rapid.Just[any](true), rapid.Just[any](false),
		rapid.Map(rapid.Float64Range(-MaxSafeInteger, MaxSafeInteger), func(f float64) any { return f + 0 }),
		rapid.Map(rapid.Int64Range(-MaxSafeInteger, MaxSafeInteger), func(i int64) any { return float64(i) }),
		rapid.Map(rapid.String(), func(s string) any { return s }),
	)
	v := scalar
	for range 2 {
		inner := v
		v = rapid.OneOf(scalar,
			rapid.Map(rapid.SliceOfN(inner, 0, 4), func(l []any) any { return append([]any{}, l...) }),
			rapid.Map(rapid.MapOfN(name, inner, 0, 4), func(m map[string]any) any { return m }))
	}
	return v
}

func TestParseUndoesEncode(t *testing.T) {
	v := tree()
	rapid.Check(t, func(t *rapid.T) {
		doc := map[string]any{"v": v.Draw(t, "v")}
		raw := Encode(doc)
		back, err := Parse(raw)
		if err != nil || !Equal(doc, back) {
			t.Fatalf("%s: %v, %v", raw, back, err)
		}
		again, err := Canonical(raw, Limits{})
		if err != nil || string(again) != string(raw) || !isCanonicalObject(raw, defaultDepth) == !strings.Contains(string(raw), `\`) {
			t.Fatalf("%s is not canonical: %s, %v", raw, again, err)
		}
	})
}

// The library's canonical form is the oracle for ours.
func checkAgainstLibrary(t testing.TB, raw []byte) {
	t.Helper()
	got, err := Canonical(raw, Limits{})
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Code == "" {
			t.Fatalf("%q: untyped error %v", raw, err)
		}
		return
	}
	want := jsontext.Value(strings.Clone(string(raw)))
	if err := want.Canonicalize(); err != nil || string(want) != string(got) {
		t.Fatalf("%q: %s, the library has %s, %v", raw, got, want, err)
	}
	doc, err := Parse(got)
	if err != nil || string(Encode(doc)) != string(got) {
		t.Fatalf("%q: Encode(Parse) is not the identity: %v", got, err)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, c := range canonicalCases(f) {
		f.Add(c.Base64)
	}
	f.Add([]byte(benchRecord))
	f.Add([]byte(benchUnsorted))
	f.Fuzz(func(t *testing.T, raw []byte) { checkAgainstLibrary(t, raw) })
}

func TestCanonicalCopies(t *testing.T) {
	raw := []byte(benchRecord)
	got, err := Canonical(raw, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	clear(raw)
	if string(got) != benchRecord {
		t.Error("the result shares memory with the input")
	}
}

func TestCanonicalDeepInput(t *testing.T) {
	raw := []byte(`{"a":` + strings.Repeat("[", 100_000))
	_, err := Canonical(raw, Limits{Depth: 1 << 30})
	if !errors.Is(err, &Error{Code: CodeTooDeep}) {
		t.Error(err)
	}
}

func TestEncodeAnyRefuses(t *testing.T) {
	for code, v := range map[string]any{
		CodeUnsafeNumber: math.NaN(),
		CodeInvalidUTF8:  map[string]any{"a": "\xff"},
		CodeBadName:      []any{map[string]any{protoName: 1.0}},
		CodeInvalidJSON:  struct{}{},
	} {
		if raw, err := EncodeAny(v); !errors.Is(err, &Error{Code: code}) {
			t.Errorf("%v: %s, %v; want %s", v, raw, err, code)
		}
	}
	if raw, err := EncodeAny(map[string]any{"n": 7}); err != nil || string(raw) != `{"n":7}` {
		t.Errorf("%s, %v", raw, err)
	}
}
