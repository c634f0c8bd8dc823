package ruletest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/definition"
)

// A change is one of an atom.
type change struct {
	place         []string // names that lead to the rule in its kind of space
	atom, instead string
	set           func(of *definition.Space)
}

// changes lists those of a kind of space.
func changes(of definition.Space) (all []change, err error) {
	for _, s := range slots(of) {
		tree, err := s.tree(of)
		if err != nil {
			return nil, err
		}
		for _, atom := range tree.Atoms() {
			for _, instead := range []string{"true", "false", "!(" + atom.Text + ")"} {
				if instead == atom.Text || constant(atom.Text) && instead[0] == '!' {
					continue // the rule itself, or the other constant once more
				}
				source := tree.With(atom, instead)
				all = append(all, change{s.at, atom.Text, instead, func(of *definition.Space) { s.set(of, source) }})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(of.Relations)) {
		wheres, err := wheresOf(of.Relations[name].Where)
		if err != nil {
			return nil, fmt.Errorf("relations.%s.where: %w", name, err)
		}
		for _, w := range wheres {
			all = append(all, change{[]string{"relations", name, "where"}, w.atom, w.instead, func(of *definition.Space) {
				r := of.Relations[name]
				r.Where = w.where
				of.Relations[name] = r
			}})
		}
	}
	return all, nil
}

// A where is one condition of a selector replaced, and the selector with that.
type where struct {
	atom, instead string
	where         jsontext.Value
}

// wheresOf replaces the members of a selector, one at a time, by what every entry fits, none, and those that did not.
func wheresOf(selector jsontext.Value) (all []where, err error) {
	if selector == nil {
		return nil, nil
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(selector, &members); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		atom := map[string]any{name: members[name]}
		rest := maps.Clone(members)
		delete(rest, name)
		for _, instead := range []map[string]any{{}, {"$not": map[string]any{}}, {"$not": atom}} {
			var text [3]jsontext.Value
			for i, what := range []any{atom, instead, map[string]any{"$and": []any{rest, instead}}} {
				if text[i], err = json.Marshal(what, json.Deterministic(true)); err != nil {
					return nil, err
				}
			}
			all = append(all, where{string(text[0]), string(text[1]), text[2]})
		}
	}
	return all, nil
}

func constant(atom string) bool { return atom == "true" || atom == "false" }

// A slot is where a rule stands in a kind of space.
type slot struct {
	at     []string // names that lead to it in the kind of space
	source string
	args   bool     // it sees the arguments of a call
	asked  []string // as what it is asked, as decisions have it
	set    func(of *definition.Space, source string)
}

func (s *slot) place() string { return strings.Join(s.at, ".") }

// tree takes the rule apart.
func (s *slot) tree(of definition.Space) (*rule.Tree, error) {
	env, err := rule.NewEnv(slices.Sorted(maps.Keys(of.Relations)))
	if err == nil && s.args {
		env, err = env.WithArgs()
	}
	if err != nil {
		return nil, err
	}
	r, err := env.Compile(s.source)
	if err != nil {
		return nil, err
	}
	return r.Tree()
}

// slots lists the rules of a kind of space: who may do what, and which changes concern hooks.
func slots(of definition.Space) (all []slot) {
	add := func(s slot) {
		if s.source == "" {
			return
		}
		if s.asked == nil {
			s.asked = []string{s.place()}
		}
		all = append(all, s)
	}
	add(slot{at: []string{"open"}, source: of.Open, set: func(of *definition.Space, source string) { of.Open = source }})
	for _, name := range slices.Sorted(maps.Keys(of.Collections)) {
		for _, s := range collectionSlots([]string{"collections", name}, of.Collections[name], entryOf(name, func(of *definition.Space) map[string]definition.Collection { return of.Collections })) {
			add(s)
		}
	}
	mutators := func(of *definition.Space) map[string]definition.Mutator { return of.Mutators }
	for _, name := range slices.Sorted(maps.Keys(of.Mutators)) {
		set := func(m *definition.Mutator, source string) { m.Allow = source }
		add(slot{at: []string{"mutators", name, "allow"}, source: of.Mutators[name].Allow, args: true, set: entryOf(name, mutators)(set)})
	}
	for _, side := range []struct {
		field string
		of    func(of *definition.Space) map[string]definition.Hook
	}{
		{"deliver", func(of *definition.Space) map[string]definition.Hook { return of.Deliver }},
		{"ask", func(of *definition.Space) map[string]definition.Hook { return of.Ask }},
	} {
		for _, name := range slices.Sorted(maps.Keys(side.of(&of))) {
			set := func(h *definition.Hook, source string) { h.When = source }
			add(slot{at: []string{side.field, name, "when"}, source: side.of(&of)[name].When, set: entryOf(name, side.of)(set)})
		}
	}
	return all
}

// entryOf makes a change of one of a kind of space's named members out of a change of such a member.
func entryOf[M any](name string, in func(of *definition.Space) map[string]M) func(set func(member *M, source string)) func(*definition.Space, string) {
	return func(set func(*M, string)) func(*definition.Space, string) {
		return func(of *definition.Space, source string) {
			all := in(of)
			member := all[name]
			set(&member, source)
			all[name] = member
		}
	}
}

// collectionSlots lists the rules of a collection.
func collectionSlots(at []string, c definition.Collection, of func(set func(*definition.Collection, string)) func(*definition.Space, string)) []slot {
	in := func(names ...string) []string { return slices.Concat(at, names) }
	all := []slot{
		{at: in("read"), source: c.Read, set: of(func(c *definition.Collection, source string) { c.Read = source })},
		{at: in("create"), source: c.Create, set: of(func(c *definition.Collection, source string) { c.Create = source })},
		{at: in("update"), source: c.Update, set: of(func(c *definition.Collection, source string) { c.Update = source })},
		{at: in("delete"), source: c.Delete, set: of(func(c *definition.Collection, source string) { c.Delete = source })},
	}
	var write []string // what it stands for
	for _, s := range all[1:] {
		if s.source == "" {
			write = append(write, s.place())
		}
	}
	if write != nil {
		all = append(all, slot{at: in("write"), source: c.Write, asked: write, set: of(func(c *definition.Collection, source string) { c.Write = source })})
	}
	for _, path := range slices.Sorted(maps.Keys(c.Fields)) {
		field := func(set func(f *definition.Field, source string)) func(*definition.Space, string) {
			return of(func(c *definition.Collection, source string) {
				f := c.Fields[path]
				set(&f, source)
				c.Fields[path] = f
			})
		}
		all = append(
			all,
			slot{at: in("fields", path, "read"), source: c.Fields[path].Read, set: field(func(f *definition.Field, source string) { f.Read = source })},
			slot{at: in("fields", path, "write"), source: c.Fields[path].Write, set: field(func(f *definition.Field, source string) { f.Write = source })},
		)
	}
	return all
}
