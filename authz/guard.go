package authz

import (
	"errors"
	"slices"
	"time"

	"github.com/syncline/syncline/authz/constraint"
	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/lens"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// Guard decides on the writes of the principal on the state that relations and
// the kernel's plan show. now is the time that rules see. What constraints count of the writes is noted in relations,
// which the writes of other principals have to be decided on, too.
func (r Rights) Guard(relations *Relations, now time.Time) kernel.Guard {
	if r.Unlimited() {
		return unguarded{}
	}
	return &guard{rights: r, relations: relations, now: now}
}

type unguarded struct{}

func (unguarded) Write(kernel.State, space.Key, func() (space.Version, error), space.Version) (*space.Refusal, error) {
	return nil, nil
}
func (unguarded) Sight(string) kernel.Filter { return nil }
func (unguarded) Restore(_ space.Key, _, made map[string]any) (map[string]any, *space.Refusal) {
	return made, nil
}

func (unguarded) Settle(kernel.State, *kernel.Proposal) ([]space.Change, *space.Refusal, error) {
	return nil, nil, nil
}
func (unguarded) Applied()                                        {}
func (unguarded) Scope() string                                   { return "" }
func (unguarded) Decisive(space.Key, space.Version) (bool, error) { return false, nil }

type guard struct {
	rights    Rights
	relations *Relations
	now       time.Time
	knows     *standing
	asked     func(d *Decision, ask *rule.Rule, in *rule.Input) // hears of each rule that is asked, before it answers; nil: nobody does
	whole     bool                                              // a mutator writes that may do everything: what fits the schema and the constraints
	staged    *constraint.Index                                 // what constraints count with the mutation
}

// refused is what is said of whatever may not be written: the same whether it exists or not.
func refused(key space.Key) *space.Refusal {
	return &space.Refusal{Code: space.CodeForbidden, Message: "the rules do not allow this", Key: key}
}

// writes is the rule of an operation, nil if nobody may.
func (c *collection) writes(op string) *rule.Rule {
	switch op {
	case "create":
		return c.create
	case "delete":
		return c.remove
	default:
		return c.update
	}
}

func (g *guard) Write(state kernel.State, key space.Key, was func() (space.Version, error), next space.Version) (*space.Refusal, error) {
	c := g.rights.rules.collection(key.Collection)
	standing := g.standing()
	if c == nil || !standing.open {
		return refused(key), nil
	}
	in := g.rights.input(standing.related)
	in.Now = g.now
	in.Lookup = lookup(state)
	old, err := was()
	if err != nil {
		return nil, err
	}
	if err := describe(in, key, old, next, state.Doc); err != nil {
		return nil, err
	}
	if !g.whole {
		ask := c.writes(in.Op)
		if g.asked != nil {
			g.asked(&Decision{Rule: "collections." + key.Collection + "." + in.Op}, ask, in)
		}
		if ask == nil {
			return refused(key), nil
		}
		if in.Old != nil {
			if of := g.sight(key.Collection).sights[key.Collection]; of == nil || !of.grants.Allows(in.Old) {
				return refused(key), nil
			}
		}
		if ok, err := ask.Eval(in); err != nil || !ok {
			return refused(key), nil // a rule that fails denies
		}
		if path := g.protected(c, key.Collection, in); path != "" {
			no := refused(key)
			no.Path = path
			return g.known(no), nil
		}
	}
	// Last: who may not write learns nothing of what would fit.
	if in.New != nil {
		if path, what, ok := g.fits(c, key.Collection, in.New); !ok {
			return g.known(&space.Refusal{Code: space.CodeInvalid, Path: kernel.Clip(path), Message: kernel.Clip(what), Key: key}), nil
		}
	}
	return nil, nil
}

// fits holds a record against the schema. Of fields that the principal may not see nothing is said.
func (g *guard) fits(c *collection, name string, doc map[string]any) (path, what string, ok bool) {
	of := g.sight(name).sights[name]
	if path, what, ok = c.fits(doc); ok || g.whole || of == nil {
		return path, what, ok
	}
	shown, whole := of.mask(doc)
	if whole {
		return path, what, false
	}
	if at, of, fits := c.fits(shown); fits || at != path || of != what {
		return "", "the record does not fit the schema of " + name, false
	}
	return path, what, false
}

// standing is the principal's. A guard is made for one mutation: it does not change meanwhile.
func (g *guard) standing() *standing {
	if g.knows == nil {
		g.knows = g.relations.standing(g.rights)
	}
	return g.knows
}

// sight is what the principal may see of a collection.
func (g *guard) sight(collection string) *Scope { return g.standing().sight(g.rights, collection) }

// sees reports whether the principal may see an entry.
func (g *guard) sees(state kernel.State, key space.Key, v space.Version) (bool, error) {
	if g.whole {
		return v.Live(), nil
	}
	sight := g.sight(key.Collection)
	if sight.every(key.Collection) {
		return v.Live(), nil
	}
	_, _, visible, err := kernel.Look(sight, key, v, state.Doc)
	return visible, err
}

// Sight implements kernel.Guard.
func (g *guard) Sight(collection string) kernel.Filter {
	if !g.whole {
		return g.sight(collection)
	}
	if l := g.rights.rules.lens(collection); l.Alters(l.Version()) {
		return g.unlimited(collection, l)
	}
	return nil
}

// unlimited is the sight of a mutator that may see everything: what the present version has.
func (g *guard) unlimited(collection string, l *lens.Lens) *Scope {
	s := &Scope{id: "*", open: true, all: true}
	s.through(collection, l, l.Version())
	return s
}

// Restore implements kernel.Guard.
func (g *guard) Restore(key space.Key, old, made map[string]any) (map[string]any, *space.Refusal) {
	l := g.rights.rules.lens(key.Collection)
	version := g.rights.version(key.Collection)
	of := (*sight)(nil)
	if !g.whole {
		of = g.sight(key.Collection).sights[key.Collection]
	}
	seen := old
	if of != nil && old != nil {
		seen, _ = of.mask(old)
	}
	whole, err := l.Up(made, seen, version)
	if fault := (*lens.Fault)(nil); errors.As(err, &fault) {
		return nil, &space.Refusal{Code: space.CodeInvalid, Path: fault.Path, Message: fault.Message, Key: key}
	}
	if of == nil {
		return whole, nil
	}
	whole, at := of.unmask(old, whole, func(h hidden, v any) bool { return l.Supplied(h.path, v, version) })
	if at != "" {
		no := refused(key)
		no.Path = at
		return nil, g.known(no)
	}
	return whole, nil
}

// Scope names the rights.
func (g *guard) Scope() string { return g.rights.Name() }

// Decisive reports whether an entry says something of the principal that rules may ask for.
func (g *guard) Decisive(key space.Key, v space.Version) (bool, error) {
	if !g.rights.rules.Concern(key.Collection) {
		return false, nil
	}
	for _, rel := range g.rights.rules.kind.relations {
		if rel.in != key.Collection {
			continue
		}
		if user, _, err := rel.read(key, v); err != nil || user == g.rights.session.user {
			return err == nil, err
		}
	}
	return false, nil
}

// changed lists the outermost fields in which two records differ, in order.
func changed(old, next map[string]any) []string {
	out := []string{}
	for name, v := range next {
		if was, ok := old[name]; !ok || !value.Equal(was, v) {
			out = append(out, name)
		}
	}
	for name := range old {
		if _, ok := next[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
