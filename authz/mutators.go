package authz

import (
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/authz/schema"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// callable is a mutator that somebody may call.
type callable struct {
	allow *rule.Rule     // nil: nobody
	space bool           // it sees and does everything in the space
	args  *schema.Schema // nil: any
}

// Values of definition.Mutator.As.
const (
	asCaller = "caller"
	asSpace  = "space"
)

func (c *compiler) mutators(k *kind, env *rule.Env, all map[string]definition.Mutator) {
	env, err := env.WithArgs()
	if !c.check(err) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c.in([]string{"mutators", name}, func() {
			d := all[name]
			if err := space.CheckCollection(name); err != nil {
				c.fail(fmt.Errorf("a mutator is named as a collection is: %w", err))
				return
			}
			m := &callable{space: d.As == asSpace}
			if d.As != "" && d.As != asCaller && d.As != asSpace {
				c.in([]string{"as"}, func() { c.fail(fmt.Errorf("%q is neither caller nor space", d.As)) })
			}
			if d.Allow != "" {
				c.in([]string{"allow"}, func() {
					m.allow, err = env.Compile(d.Allow)
					if c.check(err) && m.allow.Uses("doc", "old", "new", "changed", "op") {
						c.fail(fmt.Errorf("the rule of a mutator can look at auth, space, args, now, relations and other entries only"))
					}
				})
			}
			if d.Args != nil {
				c.in([]string{"args"}, func() {
					m.args, err = schema.Compile(d.Args)
					c.check(err)
				})
			}
			if k.mutators == nil {
				k.mutators = map[string]*callable{}
			}
			k.mutators[name] = m
		})
	}
}

// Claims are what rules see of the session as auth: JSON, not to be altered.
func (s *Session) Claims() map[string]any { return s.claims }

func (unguarded) Call(kernel.State, string, jsontext.Value) (*space.Refusal, error) { return nil, nil }

// Call implements kernel.Guard. A mutator that nobody may call looks like one that does not exist.
func (g *guard) Call(state kernel.State, name string, args jsontext.Value) (*space.Refusal, error) {
	standing := g.standing()
	m := (*callable)(nil)
	if k := g.rights.rules.kind; k != nil {
		m = k.mutators[name]
	}
	if m == nil || m.allow == nil || !standing.open {
		return refused(space.Key{}), nil
	}
	tree, err := value.ParseAny(args)
	if err != nil {
		return nil, err
	}
	in := g.rights.input(standing.related)
	in.Now, in.Lookup, in.Args = g.now, lookup(state), tree
	if g.asked != nil {
		g.asked(&Decision{Rule: "mutators." + name + ".allow"}, m.allow, in)
	}
	if ok, err := m.allow.Eval(in); err != nil || !ok {
		return refused(space.Key{}), nil // a rule that fails denies
	}
	if m.args != nil {
		if path, what, ok := m.args.Check(tree); !ok {
			if path != "" {
				path = "." + path
			}
			return &space.Refusal{Code: space.CodeInvalid, Path: kernel.Clip("args" + path), Message: kernel.Clip(what)}, nil
		}
	}
	g.whole = m.space
	g.rights.versions = nil // a mutator is of the present versions
	return nil, nil
}

// lookup reads other entries for a rule of writes.
func lookup(state kernel.State) func(collection, id string) (map[string]any, error) {
	return func(collection, id string) (map[string]any, error) {
		key, err := space.ParseKey(collection, id)
		if err != nil {
			return nil, nil // there can be no such entry
		}
		v, err := state.Get(key)
		if err != nil {
			return nil, err
		}
		return state.Doc(key, v)
	}
}
