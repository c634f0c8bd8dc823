package value

import (
	"cmp"
	"slices"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

// ascending is in the order of Compare, one value of each kind of edge.
var ascending = []any{
	Missing, nil, false, true,
	-9007199254740991.0, -1.0, 0.0, 5e-324, 0.5, 1.0, 10.0, 9007199254740991.0,
	"", "\x00", "A", "Z", "a", "aa", "b", "é", "\ue000", "\uffff", "\U00010000", "\U0001f600",
	[]any{},
	[]any{nil},
	[]any{nil, nil},
	[]any{1.0},
	[]any{1.0, nil},
	[]any{1.0, 2.0},
	[]any{2.0},
	[]any{"a"},
	[]any{[]any{}},
	[]any{map[string]any{}},
	map[string]any{},
	map[string]any{"a": nil},
	map[string]any{"a": nil, "b": nil},
	map[string]any{"a": 1.0},
	map[string]any{"a": 1.0, "z": 0.0},
	map[string]any{"a": 2.0},
	map[string]any{"b": 0.0},
	map[string]any{"\uffff": 0.0},
	map[string]any{"\U0001f600": 0.0},
}

func TestCompareOrder(t *testing.T) {
	for i, a := range ascending {
		for j, b := range ascending {
			if got, want := cmp.Compare(Compare(a, b), 0), cmp.Compare(i, j); got != want {
				t.Errorf("Compare(%#v, %#v) = %d, want %d", a, b, got, want)
			}
			if Equal(a, b) != (i == j) {
				t.Errorf("Equal(%#v, %#v) = %v", a, b, i != j)
			}
		}
	}
}

func TestCompareDoesNotAllocate(t *testing.T) {
	a, b := any([]any{1.0, "x", true, nil}), any([]any{1.0, "x", true, "y"})
	if n := testing.AllocsPerRun(100, func() { Compare(a, b); Equal(a, b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCompareUTF16(t *testing.T) {
	str := rapid.StringOf(rapid.SampledFrom([]rune("a\u00e9\u07ff\u0800\ud7ff\ue000\ufffd\uffff\U00010000\U0001f600\U0010ffff")))
	rapid.Check(t, func(t *rapid.T) {
		a, b := str.Draw(t, "a"), str.Draw(t, "b")
		want := slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		if got := cmp.Compare(compareUTF16(a, b), 0); got != want {
			t.Fatalf("compareUTF16(%q, %q) = %d, want %d", a, b, got, want)
		}
	})
}

func TestIsScalar(t *testing.T) {
	for _, v := range ascending {
		_, list := v.([]any)
		_, object := v.(map[string]any)
		if want := !list && !object && v != nil && v != Missing; IsScalar(v) != want {
			t.Errorf("IsScalar(%#v) = %v", v, !want)
		}
	}
}
