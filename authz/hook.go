package authz

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
)

// A Hook is what a kind of space says of somebody outside who is told of changes
// after the commit, or asked before it. It is immutable.
type Hook struct {
	Name string
	To   string // the operator's name of an endpoint

	field       string // of the kind of space: deliver or ask
	kind        *kind
	collections []string
	when        *rule.Rule // nil: always
}

// Kind is the pattern of the kind of space that the hook belongs to, without the
// names of its variables: kinds of the same spaces have the same.
func (h *Hook) Kind() string { return h.kind.pattern.Shape() }

// Concerns reports whether changes of a collection can count.
func (h *Hook) Concerns(collection string) bool { return slices.Contains(h.collections, collection) }

// Deliveries are the policy's hooks that are told after the commit.
func (p *Policy) Deliveries() []*Hook { return p.hooks(func(k *kind) []*Hook { return k.deliver }) }

// Asks are the policy's hooks that are asked before the commit.
func (p *Policy) Asks() []*Hook { return p.hooks(func(k *kind) []*Hook { return k.ask }) }

func (p *Policy) hooks(of func(*kind) []*Hook) (all []*Hook) {
	for _, k := range p.kinds {
		all = append(all, of(k)...)
	}
	return all
}

// Deliveries are the hooks of the space that are told after the commit.
func (r *Rules) Deliveries() []*Hook {
	if r.kind == nil {
		return nil
	}
	return r.kind.deliver
}

// Asks are the hooks of the space that are asked before the commit.
func (r *Rules) Asks() []*Hook {
	if r.kind == nil {
		return nil
	}
	return r.kind.ask
}

// Wants reports whether a change counts for a hook of the space. now is the time of
// its commit. With an error it is not known whether it does: the rule has no
// answer, or the entry cannot be read.
func (r *Rules) Wants(h *Hook, change kernel.Delta, now time.Time) (bool, error) {
	if !h.Concerns(change.Key.Collection) {
		return false, nil
	}
	if h.when == nil {
		return true, nil
	}
	in, err := r.change(change, now)
	if err != nil {
		return false, err
	}
	return h.when.Eval(in)
}

// Explain is how the rule of a hook comes to its answer on a change: nil if it has none, or the change does not concern it.
func (r *Rules) Explain(h *Hook, change kernel.Delta, now time.Time) (*Decision, error) {
	if h.when == nil || !h.Concerns(change.Key.Collection) {
		return nil, nil
	}
	in, err := r.change(change, now)
	if err != nil {
		return nil, err
	}
	d := &Decision{Rule: h.field + "." + h.Name + ".when"}
	if d.Trace, err = h.when.Trace(in); err != nil {
		return nil, err
	}
	d.Allowed = d.Trace.Result == "true"
	return d, nil
}

// change is what the rule of a hook looks at.
func (r *Rules) change(change kernel.Delta, now time.Time) (*rule.Input, error) {
	was, err := change.Old()
	if err != nil {
		return nil, err
	}
	in := &rule.Input{Space: r.vars, Now: now}
	return in, describe(in, change.Key, was, change.New, kernel.Doc)
}

// describe tells a rule of a change of an entry, of whose versions read reads the records.
func describe(in *rule.Input, key space.Key, old, next space.Version, read func(space.Key, space.Version) (map[string]any, error)) (err error) {
	if in.Old, err = read(key, old); err != nil {
		return err
	}
	if in.New, err = read(key, next); err != nil {
		return err
	}
	in.Op, in.Changed = Op(old, next), changed(in.Old, in.New)
	if in.Doc = in.Old; in.Doc == nil {
		in.Doc = in.New
	}
	return nil
}

// Op is what rules call a change from one version of an entry to the next.
func Op(old, next space.Version) string {
	switch {
	case !old.Live():
		return "create"
	case !next.Live():
		return "delete"
	default:
		return "update"
	}
}

func (c *compiler) hooks(field string, k *kind, env *rule.Env, all map[string]definition.Hook) (hooks []*Hook) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c.in([]string{field, name}, func() {
			d := all[name]
			h := &Hook{Name: name, To: d.To, field: field, kind: k, collections: d.Collections}
			c.check(CheckHookName(name))
			c.check(CheckHookName(d.To))
			if len(d.Collections) == 0 {
				c.fail(errors.New("names no collections"))
			}
			for _, collection := range d.Collections {
				if k.collections[collection] == nil {
					c.fail(fmt.Errorf("there is no collection %.64q", collection))
				}
			}
			if d.When != "" {
				c.in([]string{"when"}, func() { h.when = c.when(env, d.When) })
			}
			hooks = append(hooks, h)
		})
	}
	return hooks
}

// when compiles the rule of a hook. What relations hold is not known as of a past
// commit without reading them all: so it can look at the change only.
func (c *compiler) when(env *rule.Env, source string) *rule.Rule {
	r, err := env.Compile(source)
	if c.check(err) && !r.Only("doc", "old", "new", "changed", "op", "now", "space") {
		c.fail(errors.New("the rule of a hook can look at doc, old, new, changed, op, now and space only"))
	}
	return r
}

// MaxHookName bounds the name of a hook or an endpoint, in bytes.
const MaxHookName = 48

// CheckHookName reports whether a hook or an endpoint can have a name.
func CheckHookName(name string) error {
	for i := 0; i < len(name); i++ {
		letter := name[i] >= 'a' && name[i] <= 'z'
		if !letter && (i == 0 || name[i] != '-' && (name[i] < '0' || name[i] > '9')) {
			name = ""
		}
	}
	if name == "" || len(name) > MaxHookName {
		return fmt.Errorf("the name of a hook or an endpoint is a lower-case letter, then letters, digits and '-', at most %d bytes", MaxHookName)
	}
	return nil
}
