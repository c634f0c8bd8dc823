package selector

import (
	"cmp"
	"slices"

	"github.com/syncline/syncline/value"
)

// combine joins formulas by and (or by or) in normal form: nested ones of the
// same kind are taken in, constants folded, the rest sorted by spelling and
// without duplicates.
func combine(and bool, kids []node) node {
	type spelled struct {
		node
		text string
	}
	var list []spelled
	var take func(kids []node) (decided bool)
	take = func(kids []node) bool {
		for _, n := range kids {
			switch n := n.(type) {
			case constant:
				if bool(n) != and {
					return true // false decides and, true decides or
				}
				continue
			case all:
				if and {
					take(n)
					continue
				}
			case some:
				if !and {
					take(n)
					continue
				}
			}
			list = append(list, spelled{n, string(value.Encode(spell(n)))})
		}
		return false
	}
	if take(kids) {
		return constant(!and)
	}
	slices.SortFunc(list, func(a, b spelled) int { return cmp.Compare(a.text, b.text) })
	list = slices.CompactFunc(list, func(a, b spelled) bool { return a.text == b.text })
	switch len(list) {
	case 0:
		return constant(and)
	case 1:
		return list[0].node
	}
	out := make([]node, len(list))
	for i, s := range list {
		out[i] = s.node
	}
	if and {
		return all(out)
	}
	return some(out)
}

// spell returns the tree of the selector which parses to n.
func spell(n node) map[string]any {
	switch n := n.(type) {
	case constant:
		if !n {
			return map[string]any{"$not": map[string]any{}}
		}
	case some:
		return map[string]any{"$or": spellEach(n)}
	case all:
		return spellAll(n)
	case *condition:
		return spellAll([]node{n})
	}
	return map[string]any{}
}

// spellAll writes as much as it can into one object; what finds its place
// taken goes to $and.
func spellAll(kids []node) map[string]any {
	out := map[string]any{}
	fields := map[string]map[string]any{}
	var rest []node
	for _, n := range kids {
		into, key, arg := out, "$or", any(nil)
		switch n := n.(type) {
		case *condition:
			key, arg = n.spell()
			if len(n.path) > 0 {
				name := n.path.String()
				if fields[name] == nil {
					fields[name] = map[string]any{}
				}
				into = fields[name]
			}
		case some:
			arg = spellEach(n)
		}
		if _, taken := into[key]; taken {
			rest = append(rest, n)
			continue
		}
		into[key] = arg
	}
	for name, ops := range fields {
		out[name] = shorten(ops)
	}
	if len(rest) > 0 {
		out["$and"] = spellEach(rest)
	}
	return out
}

// shorten writes {"$eq": v} as v where that means the same.
func shorten(ops map[string]any) any {
	if arg, ok := ops["$eq"]; ok && len(ops) == 1 {
		if _, object := arg.(map[string]any); !object {
			return arg
		}
	}
	return ops
}

// spell returns the operator and its argument, without the path.
func (c *condition) spell() (key string, arg any) {
	key, arg = opNames[c.op], c.arg
	if c.op == opElemMatch {
		arg = spell(c.elem)
	}
	if c.negate {
		return "$not", map[string]any{key: arg}
	}
	return key, arg
}

func spellEach(kids []node) []any {
	out := make([]any, len(kids))
	for i, n := range kids {
		out[i] = spell(n)
	}
	return out
}
