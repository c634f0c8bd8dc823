package ruletest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/space"
)

// Unseen is an atom of a rule that never came out in one of its two ways while the definition's tests ran.
type Unseen struct {
	Place
	Atom  string
	Never bool // what it never was
	Fails bool // it came to nothing at times, since what it looked at was not there: that is neither
}

func (u Unseen) String() string {
	but := ""
	if u.Fails && !u.Never {
		but = ", only where it fails, as what it looks at is not there"
	}
	return fmt.Sprintf("%s: no test asks it where %s is %t%s", u.Place, u.Atom, u.Never, but)
}

// Cover runs the tests of a definition, which must pass and may call the mutators, and tells which atoms of its rules they have not
// seen true, or not false, out of how many. That an answer hung on it is more: [Mutate] tells that.
// "true" and "false" are no atoms here.
func Cover(ctx context.Context, d *definition.Definition, mutators mutator.Set) (unseen []Unseen, atoms int, err error) {
	p, err := passing(ctx, d, mutators)
	if err != nil {
		return nil, 0, err
	}
	seen := sightings{}
	for i := range d.Tests {
		kind := p.Rules(space.Path(d.Tests[i].Space)).Kind()
		noted := func(place string, t *rule.Trace) { seen.add(kind+" "+place, t) }
		if _, err := check(ctx, p, mutators, &d.Tests[i], how{noted: noted}); err != nil {
			return nil, 0, err
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(d.Spaces)) {
		for _, s := range slots(d.Spaces[kind]) {
			tree, err := s.tree(d.Spaces[kind])
			if err != nil {
				return nil, 0, err
			}
			for i, atom := range tree.Atoms() {
				if constant(atom.Text) {
					continue
				}
				atoms++
				been := func(result string) bool {
					return slices.ContainsFunc(s.asked, func(place string) bool { return seen[sighting{kind + " " + place, i, result}] })
				}
				for _, way := range []bool{true, false} {
					if !been(fmt.Sprint(way)) {
						unseen = append(unseen, Unseen{placeOf(d, kind, s.at), atom.Text, way, been("error")})
					}
				}
			}
		}
	}
	return unseen, atoms, nil
}

// sightings are how atoms came out.
type sightings map[sighting]bool

type sighting struct {
	rule   string // the kind of space, and where it stands there
	atom   int    // from left to right
	result string
}

func (s sightings) add(place string, t *rule.Trace) {
	for i, atom := range atomsOf(t) {
		s[sighting{place, i, atom.Result}] = true
	}
}

// passing compiles a definition that has tests, which pass.
func passing(ctx context.Context, d *definition.Definition, mutators mutator.Set) (*authz.Policy, error) {
	p, err := Run(ctx, d, mutators)
	if err == nil && len(d.Tests) == 0 {
		err = errNoTests
	}
	return p, err
}

var errNoTests = errors.New("the definition has no tests: say under tests who sees and may do what (docs/RULES.md, Tests of rules)")

// atomsOf lists the atoms of a trace, in the order of [rule.Tree.Atoms].
func atomsOf(t *rule.Trace) (all []*rule.Trace) {
	if t.Kind == rule.Atom {
		return []*rule.Trace{t}
	}
	for _, part := range t.Parts {
		all = append(all, atomsOf(part)...)
	}
	return all
}

// noteWrite lets the rules say how they decide on a mutation.
func (s *scene) noteWrite(who *authz.Session, m *space.Mutation, now time.Time) error {
	if s.noted == nil {
		return nil
	}
	var names []string
	for _, op := range m.Ops {
		names = append(names, s.known.name(space.Key{Collection: op.In, ID: op.ID}))
	}
	return s.note(who, names, func(x *authz.Explainer) error {
		plan := s.plan(now)
		s.calls.serve(plan, who)
		outcome, err := plan.Submit(sandbox, x.Guard(now), m)
		if err != nil || outcome.Kind != space.Applied {
			return err
		}
		for _, h := range slices.Concat(s.rules.Deliveries(), s.rules.Asks()) {
			for _, d := range plan.Deltas() {
				decision, err := s.rules.Explain(h, d, now)
				if err != nil {
					return err
				}
				if decision != nil {
					s.noted(decision.Rule, decision.Trace)
				}
			}
		}
		return nil
	})
}

// note lets the rules say how they decide on what somebody sees of entries, and on more.
func (s *scene) note(who *authz.Session, names []string, more func(*authz.Explainer) error) error {
	if s.noted == nil {
		return nil
	}
	view, err := s.store.View(s.ctx, s.path, s.head.Seq)
	if err != nil {
		return err
	}
	defer view.Close()
	x, err := who.In(s.rules).Explain(view)
	if err != nil {
		return err
	}
	for _, name := range names {
		key := s.known.key(name)
		v, err := view.Get(key)
		if err != nil {
			return err
		}
		if err := x.Read(key, v); err != nil {
			return err
		}
	}
	if more != nil {
		if err := more(x); err != nil {
			return err
		}
	}
	for _, d := range x.Decisions() {
		s.noted(d.Rule, d.Trace)
	}
	return nil
}
