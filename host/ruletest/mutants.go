package ruletest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/space"
)

// A Place is where a rule stands.
type Place struct {
	Rule string // such as spaces.team/{team}.collections.cards.read
	At   string // in the file that the definition is from, such as app.yaml:12:15; "" if it is from none
}

func placeOf(d *definition.Definition, kind string, names []string) Place {
	names = slices.Concat([]string{"spaces", kind}, names)
	return Place{strings.Join(names, "."), d.At(names, 0, 0)}
}

func (p Place) String() string {
	if p.At != "" {
		return p.At + ": " + p.Rule
	}
	return p.Rule
}

// A Survivor is a change of one atom of a rule, or of one condition of a relation's where, that no test of the definition notices.
type Survivor struct {
	Place
	Atom    string
	Instead string // what stood in its place
}

func (s Survivor) String() string {
	return fmt.Sprintf("%s: no test notices if %s is replaced by %s", s.Place, s.Atom, s.Instead)
}

// Mutate tests the tests of a definition: in each rule, and in each relation's where, it replaces each atom by true,
// by false and by its opposite, one at a time, and runs them. It returns what passed
// all of them and how many changes it tried. Some survivors mean the same as the
// rule does, for reasons that no program can see. The definition's own tests must pass.
// They may call the mutators.
func Mutate(ctx context.Context, d *definition.Definition, mutators mutator.Set) (survivors []Survivor, tried int, err error) {
	p, err := passing(ctx, d, mutators)
	if err != nil {
		return nil, 0, err
	}
	for _, kind := range slices.Sorted(maps.Keys(d.Spaces)) {
		// What is said of one kind of space is no business of the spaces of another.
		tests := slices.DeleteFunc(slices.Clone(d.Tests), func(t definition.Test) bool { return p.Rules(space.Path(t.Space)).Kind() != kind })
		all, err := changes(d.Spaces[kind])
		if err != nil {
			return nil, 0, err
		}
		for _, c := range all {
			mutant, err := clone(&definition.Definition{Spaces: map[string]definition.Space{kind: d.Spaces[kind]}})
			if err != nil {
				return nil, 0, err
			}
			changed := mutant.Spaces[kind]
			c.set(&changed)
			mutant.Spaces[kind] = changed
			tried++
			killed, err := kills(ctx, mutant, tests, mutators)
			if err != nil {
				return nil, 0, err
			}
			if !killed {
				survivors = append(survivors, Survivor{placeOf(d, kind, c.place), c.atom, c.instead})
			}
		}
	}
	return survivors, tried, nil
}

// kills reports whether one of the tests fails, or the definition does not compile.
func kills(ctx context.Context, d *definition.Definition, tests []definition.Test, mutators mutator.Set) (bool, error) {
	p, err := authz.Compile(d)
	if err != nil {
		return true, nil
	}
	for i := range tests {
		failures, err := check(ctx, p, mutators, &tests[i], how{quick: true})
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if len(failures) > 0 || err != nil {
			return true, nil
		}
	}
	return false, nil
}

func clone(d *definition.Definition) (*definition.Definition, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return definition.ParseComputed(text)
}
