package value

import (
	"cmp"
	"slices"
	"strings"
)

type missing struct{}

// Missing stands for a field which is not there, where [Compare] and sorting
// need one. It is never part of a tree.
var Missing any = missing{}

// rank is the order of the types: missing < null < false < true < numbers <
// strings < arrays < objects.
func rank(v any) int {
	switch v := v.(type) {
	case missing:
		return 0
	case nil:
		return 1
	case bool:
		if v {
			return 3
		}
		return 2
	case float64:
		return 4
	case string:
		return 5
	case []any:
		return 6
	case map[string]any:
		return 7
	}
	return 8 // no tree has it
}

// Compare is the one order of values, total over trees: negative if a is
// before b, zero if they are equal, positive otherwise.
//
// Types come as in CouchDB: [Missing] < null < false < true < numbers <
// strings < arrays < objects. Within a type:
//
//   - strings by code point, which is the order of their UTF-8 bytes (CouchDB
//     has ICU's order here; that one depends on a library's version);
//   - arrays element by element, a prefix before what it is a prefix of;
//   - objects as the list of their members sorted by name (by code point):
//     the first names, then the first values, then the second names and so
//     on; one which is a prefix comes first.
//
// Only the comparison of two objects allocates.
func Compare(a, b any) int {
	switch a := a.(type) {
	case float64:
		if b, ok := b.(float64); ok {
			return cmp.Compare(a, b)
		}
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b)
		}
	case []any:
		if b, ok := b.([]any); ok {
			return compareArrays(a, b)
		}
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			return compareObjects(a, b)
		}
	}
	return cmp.Compare(rank(a), rank(b))
}

func compareArrays(a, b []any) int {
	for i := range min(len(a), len(b)) {
		if c := Compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func compareObjects(a, b map[string]any) int {
	an, bn := sortedNames(a), sortedNames(b)
	for i := range min(len(an), len(bn)) {
		if c := strings.Compare(an[i], bn[i]); c != 0 {
			return c
		}
		if c := Compare(a[an[i]], b[bn[i]]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(an), len(bn))
}

func sortedNames(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Equal reports whether Compare(a, b) is zero, without allocating.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && a == b
	case string:
		b, ok := b.(string)
		return ok && a == b
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, Equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, v := range a {
			if w, ok := b[name]; !ok || !Equal(v, w) {
				return false
			}
		}
		return true
	}
	return rank(a) == rank(b)
}

// IsScalar reports whether v may be an element of a set: a string, a number
// or a boolean, and not null.
func IsScalar(v any) bool {
	switch v.(type) {
	case string, float64, bool:
		return true
	}
	return false
}
