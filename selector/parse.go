package selector

import (
	"slices"
	"strings"

	"github.com/syncline/syncline/value"
)

// parser turns the tree of a selector into a formula.
type parser struct {
	conditions int
}

// place is where in the selector the parser is.
type place struct {
	path   value.Path // of the field, from the record or the element
	field  bool       // operators on a field make sense here
	negate bool       // an odd number of negations is around
}

func (p place) fault(why string) error {
	return &value.Error{Code: value.CodeBadSelector, Path: p.path.String(), Message: why}
}

// object reads {"name": …, "$op": …}: all of its members hold.
func (p *parser) object(tree map[string]any, at place) (node, error) {
	kids := make([]node, 0, len(tree))
	for _, key := range sortedKeys(tree) {
		kid, err := p.member(key, tree[key], at)
		if err != nil {
			return nil, err
		}
		kids = append(kids, kid)
	}
	return combine(!at.negate, kids), nil
}

func (p *parser) member(key string, arg any, at place) (node, error) {
	switch key {
	case "$and":
		return p.list(key, arg, at, true)
	case "$or":
		return p.list(key, arg, at, false)
	case "$nor":
		at.negate = !at.negate
		return p.list(key, arg, at, false)
	case "$not":
		tree, ok := arg.(map[string]any)
		if !ok {
			return nil, at.fault("$not takes a selector")
		}
		at.negate = !at.negate
		return p.object(tree, at)
	case "$regex":
		return nil, at.fault("$regex is not supported, because Go and JavaScript disagree on regular expressions; use $beginsWith")
	}
	if strings.HasPrefix(key, "$") {
		return p.operator(key, arg, at)
	}
	name, err := value.ParsePath(key)
	if err != nil {
		return nil, err
	}
	at.path, at.field = slices.Concat(at.path, name), true
	if err := at.path.Valid(); err != nil {
		return nil, err
	}
	if tree, ok := arg.(map[string]any); ok && len(tree) > 0 {
		return p.object(tree, at)
	}
	return p.condition(opEq, arg, at)
}

// list reads the argument of $and, $or and $nor.
func (p *parser) list(key string, arg any, at place, and bool) (node, error) {
	list, _ := arg.([]any)
	if len(list) == 0 {
		return nil, at.fault(key + " takes a list of selectors which is not empty")
	}
	kids := make([]node, 0, len(list))
	for _, e := range list {
		tree, ok := e.(map[string]any)
		if !ok {
			return nil, at.fault(key + " takes a list of selectors")
		}
		kid, err := p.object(tree, at)
		if err != nil {
			return nil, err
		}
		kids = append(kids, kid)
	}
	return combine(and != at.negate, kids), nil
}

func (p *parser) operator(key string, arg any, at place) (node, error) {
	o, ok := opNamed(key)
	if !ok {
		return nil, at.fault("unknown operator " + key)
	}
	if !at.field {
		return nil, at.fault(key + " needs a field")
	}
	return p.condition(o, arg, at)
}

func (p *parser) condition(o op, arg any, at place) (node, error) {
	if p.conditions++; p.conditions > MaxConditions {
		return nil, at.fault("more than 256 conditions")
	}
	c := &condition{path: at.path, op: o}
	if o == opElemMatch {
		tree, ok := arg.(map[string]any)
		if !ok {
			return nil, at.fault("$elemMatch takes a selector")
		}
		elem, err := p.object(tree, place{field: true})
		if err != nil {
			return nil, err
		}
		c.elem = elem
	} else {
		var fault string
		if c.arg, fault = checkArg(o, arg); fault != "" {
			return nil, at.fault(opNames[o] + " " + fault)
		}
	}
	if at.negate {
		switch {
		case o == opExists:
			c.arg = !c.arg.(bool)
		case o.hasOpposite():
			c.op = o.opposite()
		default:
			c.negate = true
		}
	}
	return c, nil
}

func sortedKeys(tree map[string]any) []string {
	keys := make([]string, 0, len(tree))
	for key := range tree {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
