package selector

import (
	"slices"

	"github.com/syncline/syncline/value"
)

// Limits of a selector. They hold for the text given and for the normal form,
// so that what String returns can always be parsed again.
const (
	MaxBytes      = 16 << 10 // of the canonical text
	MaxDepth      = 16       // nested objects and arrays
	MaxConditions = 256      // operators on fields, implicit $eq included
)

// Selector says of any record whether it matches. It is immutable.
// A nil Selector matches everything, like [All].
type Selector struct {
	root node
	text string
}

// All is the selector {}: it matches every record.
var All = &Selector{root: constant(true), text: "{}"}

// Parse reads a selector. On a field:
//
//	$eq $ne $lt $lte $gt $gte   any value; order of value.Compare
//	$in $nin                    the field, or an element of it if it is an array, is in the list
//	$exists                     true or false
//	$type                       "null" "boolean" "number" "string" "array" "object"
//	$all                        an array with all of these elements
//	$size                       an array of this length
//	$elemMatch                  an array with an element which matches the selector given
//	$mod                        [divisor, remainder]: an integer with this remainder (its sign is the integer's)
//	$beginsWith                 a string with this prefix
//
// and $and, $or, $nor with a list of selectors and $not with one, at the top
// or under a field. {"a": 1} is {"a": {"$eq": 1}}; {"a": {"b": 1}} is
// {"a.b": 1}; {"a": {}} is equality with the empty object.
//
// The error is a [*value.Error]: bad_selector for what is not in this
// language ($regex is not: Go and JavaScript disagree on regular
// expressions), bad_name for a bad path, too_large and too_deep for
// [MaxBytes] and [MaxDepth], and those of [value.Canonical].
func Parse(raw []byte) (*Selector, error) {
	canonical, err := value.Canonical(raw, value.Limits{Bytes: MaxBytes, Depth: MaxDepth})
	if err != nil {
		return nil, err
	}
	tree, err := value.Parse(canonical)
	if err != nil {
		return nil, err
	}
	var p parser
	root, err := p.object(tree, place{})
	if err != nil {
		return nil, err
	}
	// The normal form can be bigger than what was given (a path is spelled
	// out for each condition), so the limits are checked again.
	text, err := value.Canonical(value.Encode(spell(root)), value.Limits{Bytes: MaxBytes, Depth: MaxDepth})
	if err != nil {
		return nil, err
	}
	return &Selector{root: root, text: string(text)}, nil
}

// MustParse is [Parse] for selectors in source code: it panics on an error.
func MustParse(text string) *Selector {
	s, err := Parse([]byte(text))
	if err != nil {
		panic(err)
	}
	return s
}

// Match reports whether the record matches. It does not allocate, unless it
// orders objects ($lt and the like with an object).
func (s *Selector) Match(doc map[string]any) bool {
	return s == nil || s.root.match(doc)
}

// String returns the normal form, canonical JSON. Selectors whose normal
// forms are equal match the same records: nested fields are dotted paths,
// negation is pushed down to the conditions, $and and $or are flat, sorted
// and without duplicates.
func (s *Selector) String() string {
	if s == nil {
		return All.text
	}
	return s.text
}

// IsAll reports whether s matches every record by construction.
func (s *Selector) IsAll() bool { return s == nil || s.root == node(constant(true)) }

// Fields returns the top-level fields which the answer of Match depends on,
// sorted, each once.
func (s *Selector) Fields() []string {
	if s == nil {
		return nil
	}
	var names []string
	s.root.conditions(func(c *condition) {
		if len(c.path) > 0 {
			names = append(names, c.path[0])
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}
