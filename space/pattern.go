package space

import (
	"fmt"
	"slices"
	"strings"
)

// A Pattern tells a kind of space by its paths: segments as in a path, of which each
// may be a variable, such as "team/{team}". It is immutable; the zero Pattern fits nothing.
type Pattern struct{ segments []string }

// ParsePattern reads a pattern. Variables have names of ASCII letters and
// underscores, each once; none is called path, as which rules know the whole.
func ParsePattern(text string) (Pattern, error) {
	p := Pattern{strings.Split(text, "/")}
	plain := make([]string, len(p.segments))
	seen := map[string]bool{"path": true}
	for i, segment := range p.segments {
		name, ok := strings.CutPrefix(segment, "{")
		if !ok {
			plain[i] = segment
			continue
		}
		name, ok = strings.CutSuffix(name, "}")
		if !ok || name == "" || seen[name] || strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' }) {
			return Pattern{}, fmt.Errorf("the variable %s is no name of letters and underscores in braces, is used twice, or is called path", segment)
		}
		seen[name] = true
		plain[i] = "0"
	}
	if _, err := ParsePath(strings.Join(plain, "/")); err != nil {
		return Pattern{}, err
	}
	return p, nil
}

func isVariable(segment string) bool { return strings.HasPrefix(segment, "{") }

// Shape is the pattern without the names of its variables: patterns that fit the
// same paths have the same.
func (p Pattern) Shape() string {
	plain := slices.Clone(p.segments)
	for i, segment := range plain {
		if isVariable(segment) {
			plain[i] = "{}"
		}
	}
	return strings.Join(plain, "/")
}

// String is the text of the pattern.
func (p Pattern) String() string { return strings.Join(p.segments, "/") }

// Compare orders patterns by their segments, literal ones before variables: of
// several that fit a path the first is the one that counts.
func (p Pattern) Compare(q Pattern) int {
	return slices.CompareFunc(p.segments, q.segments, func(a, b string) int {
		if va, vb := isVariable(a), isVariable(b); va != vb {
			if va {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
}

// Match reports whether the pattern fits a path, and tells value, if that is not
// nil, what each variable is. It may have told some of them if it does not fit.
func (p Pattern) Match(path Path, value func(variable, is string)) bool {
	segments := strings.Split(string(path), "/")
	if len(segments) != len(p.segments) {
		return false
	}
	for i, want := range p.segments {
		switch {
		case !isVariable(want):
			if want != segments[i] {
				return false
			}
		case value != nil:
			value(want[1:len(want)-1], segments[i])
		}
	}
	return true
}
