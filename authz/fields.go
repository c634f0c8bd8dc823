package authz

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/value"
)

// A field is one that not everybody sees or changes who may see and change the entry.
type field struct {
	path  value.Path
	read  *rule.Read // nil: everybody
	write *rule.Rule // nil: everybody who may read it
}

// fields compiles those of a collection, in the order of their paths.
func (c *compiler) fields(k *kind, env *rule.Env, d map[string]definition.Field) []field {
	var out []field
	for _, text := range slices.Sorted(maps.Keys(d)) {
		c.in([]string{"fields", text}, func() {
			path, err := value.ParsePath(text)
			if !c.check(err) {
				return
			}
			for _, other := range out {
				if other.path.Covers(path) || path.Covers(other.path) {
					c.fail(fmt.Errorf("%s is the same field or a part of it: say it of one of them", other.path))
				}
			}
			of := d[text]
			if of.Read == "" && of.Write == "" {
				c.fail(errors.New("a field has a rule read, write or both"))
			}
			f := field{path: path}
			if of.Read != "" {
				c.in([]string{"read"}, func() { f.read = c.readRule(k, env, of.Read, false) })
			}
			if of.Write != "" {
				c.in([]string{"write"}, func() {
					f.write, err = env.Compile(of.Write)
					c.check(err)
				})
			}
			out = append(out, f)
		})
	}
	return out
}

// protected returns the path of a field that a write changes and may not, "" if there is none.
func (g *guard) protected(c *collection, name string, in *rule.Input) string {
	if in.New == nil {
		return "" // who may delete an entry may delete all of it
	}
	for i := range c.fields {
		f := &c.fields[i]
		if f.write == nil {
			continue
		}
		was, had := f.path.Get(in.Old)
		is, has := f.path.Get(in.New)
		if had == has && (!has || value.Equal(was, is)) {
			continue
		}
		if in.Old == nil && c.lens.Supplied(f.path, is, g.rights.version(name)) {
			continue // what the definition gives a new entry of an older client
		}
		if g.asked != nil {
			g.asked(&Decision{Rule: fieldRule(name, f.path, "write"), Field: f.path.String()}, f.write, in)
		}
		if ok, err := f.write.Eval(in); err != nil || !ok {
			return f.path.String()
		}
	}
	return ""
}

// unmask puts into a record, made of what was shown of old, what of old was hidden. It
// returns the path of a field that was written and must not be, "" if there is none.
// supplied reports whether a value was put into a new entry by the definition: one that may
// not be written is then left out.
func (of *sight) unmask(old, made map[string]any, supplied func(h hidden, v any) bool) (whole map[string]any, at string) {
	whole = made
	judged := old // who may see a field is decided by the entry as it is; of a new one, as it is to be
	if old == nil {
		judged = made
	}
	for _, h := range of.hidden {
		if h.grants.Allows(judged) {
			continue
		}
		if v, written := h.path.Get(made); written {
			if h.write == nil && old == nil && supplied(h, v) {
				whole = h.path.Without(whole)
				continue
			}
			if h.write == nil {
				return nil, h.path.String()
			}
			continue // its own rule decides
		}
		var ok bool
		if whole, ok = carry(h.path, old, whole); !ok {
			return nil, h.path.String()
		}
	}
	return whole, ""
}

// carry puts what old has at a path into made, and of what old has on the way there what made
// lacks: so what the writer may do to that, and gets of it, does not depend on whether there is anything
// at its end. It is nil, false if made has something else on the way.
func carry(p value.Path, old, made map[string]any) (map[string]any, bool) {
	for n := 1; n <= len(p); n++ {
		had, there := p[:n].Get(old)
		if !there {
			break
		}
		if n == len(p) {
			return p.With(made, had)
		}
		if _, object := had.(map[string]any); !object {
			break
		}
		is, there := p[:n].Get(made)
		if _, object := is.(map[string]any); there && !object {
			return nil, false
		}
		if !there {
			made, _ = p[:n].With(made, map[string]any{}) // the way there was gone just now
		}
	}
	return made, true
}

// Seen is what the whole rules show of an entry, given what the relations hold,
// and whether it may be seen. It is what scopes must agree with, and costs more.
func (r Rights) Seen(collection string, doc map[string]any, related func(relation string) rule.Set) (shown map[string]any, visible bool) {
	if !r.MayRead(collection, doc, related) {
		return nil, false
	}
	if r.Unlimited() {
		return doc, true
	}
	in := r.input(related)
	in.Doc = doc
	shown = doc
	for _, f := range r.rules.collection(collection).fields {
		if f.read != nil && !f.read.Allows(in) {
			shown = f.path.Without(shown)
		}
	}
	return shown, true
}
