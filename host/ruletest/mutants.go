package ruletest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/mutator"
)

// A Survivor is a change of one atom of a rule that no test of the definition notices.
type Survivor struct {
	Rule    string // where it stands, such as spaces.team/{team}.collections.cards.read
	Atom    string
	Instead string // what stood in its place
}

func (s Survivor) String() string {
	return fmt.Sprintf("%s: no test notices if %s is replaced by %s", s.Rule, s.Atom, s.Instead)
}

// Mutate tests the tests of a definition: in each rule it replaces each atom by true,
// by false and by its opposite, one at a time, and runs them. It returns what passed
// all of them and how many changes it tried. Some survivors mean the same as the
// rule does, for reasons that no program can see. The definition's own tests must pass.
// They may call the mutators.
func Mutate(ctx context.Context, d *definition.Definition, mutators mutator.Set) (survivors []Survivor, tried int, err error) {
	if _, err := Run(ctx, d, mutators); err != nil {
		return nil, 0, err
	}
	if len(d.Tests) == 0 {
		return nil, 0, errors.New("the definition has no tests")
	}
	for _, pattern := range slices.Sorted(maps.Keys(d.Spaces)) {
		of := d.Spaces[pattern]
		env, err := rule.NewEnv(slices.Sorted(maps.Keys(of.Relations)))
		if err != nil {
			return nil, 0, err
		}
		for _, s := range slots(of) {
			compiled := env
			if s.args {
				if compiled, err = env.WithArgs(); err != nil {
					return nil, 0, err
				}
			}
			r, err := compiled.Compile(s.source)
			if err != nil {
				return nil, 0, err
			}
			tree, err := r.Tree()
			if err != nil {
				return nil, 0, err
			}
			for _, atom := range tree.Atoms() {
				for _, instead := range []string{"true", "false", "!(" + atom.Text + ")"} {
					if instead == atom.Text || (atom.Text == "true" || atom.Text == "false") && instead[0] == '!' {
						continue // the rule itself, or the other constant once more
					}
					if err := ctx.Err(); err != nil {
						return nil, 0, err
					}
					mutant, err := clone(d)
					if err != nil {
						return nil, 0, err
					}
					changed := mutant.Spaces[pattern]
					s.set(&changed, tree.With(atom, instead))
					mutant.Spaces[pattern] = changed
					tried++
					if _, err := Run(ctx, mutant, mutators); err == nil {
						survivors = append(survivors, Survivor{"spaces." + pattern + "." + s.place, atom.Text, instead})
					}
				}
			}
		}
	}
	return survivors, tried, nil
}

func clone(d *definition.Definition) (*definition.Definition, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return definition.ParseComputed(text)
}

// A slot is where a rule stands in a kind of space.
type slot struct {
	place, source string
	args          bool // it sees the arguments of a call
	set           func(of *definition.Space, source string)
}

// slots lists the rules of a kind of space that decide who may do what.
func slots(of definition.Space) []slot {
	var all []slot
	add := func(place, source string, set func(*definition.Space, string)) {
		if source != "" {
			all = append(all, slot{place: place, source: source, set: set})
		}
	}
	add("open", of.Open, func(of *definition.Space, source string) { of.Open = source })
	for _, name := range slices.Sorted(maps.Keys(of.Collections)) {
		c := of.Collections[name]
		in := func(part string, source string, set func(c *definition.Collection, source string)) {
			add("collections."+name+"."+part, source, func(of *definition.Space, source string) {
				c := of.Collections[name]
				set(&c, source)
				of.Collections[name] = c
			})
		}
		in("read", c.Read, func(c *definition.Collection, source string) { c.Read = source })
		in("create", c.Create, func(c *definition.Collection, source string) { c.Create = source })
		in("update", c.Update, func(c *definition.Collection, source string) { c.Update = source })
		in("delete", c.Delete, func(c *definition.Collection, source string) { c.Delete = source })
		in("write", c.Write, func(c *definition.Collection, source string) { c.Write = source })
		for _, path := range slices.Sorted(maps.Keys(c.Fields)) {
			field := func(set func(f *definition.Field, source string)) func(*definition.Collection, string) {
				return func(c *definition.Collection, source string) {
					f := c.Fields[path]
					set(&f, source)
					c.Fields[path] = f
				}
			}
			in("fields."+path+".read", c.Fields[path].Read, field(func(f *definition.Field, source string) { f.Read = source }))
			in("fields."+path+".write", c.Fields[path].Write, field(func(f *definition.Field, source string) { f.Write = source }))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(of.Mutators)) {
		before := len(all)
		add("mutators."+name+".allow", of.Mutators[name].Allow, func(of *definition.Space, source string) {
			m := of.Mutators[name]
			m.Allow = source
			of.Mutators[name] = m
		})
		for i := before; i < len(all); i++ {
			all[i].args = true
		}
	}
	return all
}
