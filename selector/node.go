package selector

import "github.com/syncline/syncline/value"

// A node is a formula in negation normal form: and, or, conditions and
// constants. Negation stands only inside a condition, where a missing field
// makes it false either way; so two truth values are enough to compute with
// three.
type node interface {
	// match says whether the value at hand, a record or an element of an
	// array, makes the formula true.
	match(v any) bool
	// conditions calls f for each condition on the value at hand.
	conditions(f func(*condition))
}

type (
	constant bool
	all      []node // true if each is; at least two
	some     []node // true if one is; at least two
)

// condition is one operator on one field.
type condition struct {
	path   value.Path // empty inside $elemMatch: the element itself
	op     op
	negate bool // only for operators without an opposite
	arg    any  // checked by the parser for op; nil for $elemMatch
	elem   node // of $elemMatch
}

func (c constant) match(any) bool { return bool(c) }

func (a all) match(v any) bool {
	for _, n := range a {
		if !n.match(v) {
			return false
		}
	}
	return true
}

func (s some) match(v any) bool {
	for _, n := range s {
		if n.match(v) {
			return true
		}
	}
	return false
}

func (c *condition) match(v any) bool {
	there := true
	for _, name := range c.path {
		var doc map[string]any
		if doc, there = v.(map[string]any); !there {
			break
		}
		if v, there = doc[name]; !there {
			break
		}
	}
	if c.op == opExists {
		return there == c.arg.(bool)
	}
	return there && c.holds(v) != c.negate
}

func (constant) conditions(func(*condition)) {}

func (a all) conditions(f func(*condition)) {
	for _, n := range a {
		n.conditions(f)
	}
}

func (s some) conditions(f func(*condition)) {
	for _, n := range s {
		n.conditions(f)
	}
}

func (c *condition) conditions(f func(*condition)) { f(c) }
