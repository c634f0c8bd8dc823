package authz

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// Rules are a policy in one space. They are immutable.
type Rules struct {
	version  string
	anything bool
	kind     *kind // nil: the policy knows no such space
	vars     map[string]any
}

// Rules are those of the policy in a space.
func (p *Policy) Rules(path space.Path) *Rules {
	r := &Rules{version: p.version}
	for _, k := range p.kinds {
		if vars, ok := k.match(path); ok {
			r.kind, r.vars = k, vars
			break
		}
	}
	return r
}

// Alike reports whether others say the same of the space, word for word: what is allowed by the one is by the other.
func (r *Rules) Alike(o *Rules) bool {
	if r.anything || o.anything || r.kind == nil || o.kind == nil {
		return r.anything == o.anything && r.kind == o.kind
	}
	return maps.Equal(r.vars, o.vars) && reflect.DeepEqual(r.kind.said, o.kind.said)
}

// Kind is the pattern of the space's kind, as in the definition, "" where none fits.
func (r *Rules) Kind() string {
	if r.kind == nil {
		return ""
	}
	return r.kind.pattern.String()
}

// Collections are those that the rules name, in order.
func (r *Rules) Collections() []string {
	if r.kind == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(r.kind.collections))
}

// Keyed reports whether entries of a collection have keys.
func (r *Rules) Keyed(collection string) bool {
	c := r.collection(collection)
	return c != nil && c.read != nil
}

// Keys yields the keys that an entry of a keyed collection has: whoever may read it has a scope with
// one of them, or one without keys.
func (r *Rules) Keys(collection string, doc map[string]any, yield func(rule.Key) bool) {
	r.collection(collection).read.Keys(doc, yield)
}

func (r *Rules) collection(name string) *collection {
	if r.kind == nil {
		return nil
	}
	return r.kind.collections[name]
}

// Rights are what a principal may do in a space.
type Rights struct {
	session  *Session
	rules    *Rules
	versions space.Versions // that the client speaks; nil: the present ones
}

// In returns the session's rights under these rules.
func (s *Session) In(r *Rules) Rights { return Rights{session: s, rules: r} }

// Name is short, and equal for rights that are decided alike: the same rules of reading, the same
// user, the same claims as far as the rules look at them. "" is the name of those that no rule limits.
func (r Rights) Name() string {
	if r.Unlimited() {
		return ""
	}
	seen := map[string]any{"uid": r.session.user}
	if r.rules.kind != nil {
		for _, name := range r.rules.kind.claims {
			if v, ok := r.session.claims[name]; ok {
				seen[name] = v
			}
		}
	}
	text, err := value.EncodeAny(seen)
	if err != nil { // claims that no entry could hold
		text = fmt.Appendf(nil, "%v", seen)
	}
	name := r.rules.version
	if r.rules.kind != nil {
		name = r.rules.kind.reading
	}
	sum := sha256.Sum256(slices.Concat([]byte(name), []byte{'\n'}, text))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// Leases are how long replicas may go on showing what they hold of these collections when they do not hear from the
// server, in milliseconds; nil if there is no limit for any. They follow from the rules alone: rights of one name have the same.
func (r Rights) Leases(collections []string) map[string]int64 {
	var leases map[string]int64
	for _, name := range collections {
		if c := r.rules.collection(name); c != nil && c.lease > 0 {
			if leases == nil {
				leases = map[string]int64{}
			}
			leases[name] = c.lease
		}
	}
	return leases
}

// Possible reports whether there can be such a space for the principal at all. It
// asks nothing of the space, so that nobody makes the server load what does not exist, or learns
// from the time it takes what does; a rule that asks no relation is decided here already.
func (r Rights) Possible() bool {
	switch {
	case !r.session.known || r.rules.anything:
		return r.session.known
	case r.rules.kind == nil || r.rules.kind.open == nil:
		return false
	}
	return r.rules.kind.open.Related() || r.opens(nil)
}

func (r Rights) opens(related func(string) rule.Set) bool {
	ok, err := r.rules.kind.open.Eval(r.input(related))
	return ok && err == nil
}

// Concern is that of the rules.
func (r Rights) Concern(collection string) bool { return r.rules.Concern(collection) }

// Unlimited reports whether no rule limits the rights.
func (r Rights) Unlimited() bool { return r.session.known && r.rules.anything }

func (r Rights) input(related func(string) rule.Set) *rule.Input {
	return &rule.Input{Auth: r.session.claims, Space: r.rules.vars, Related: related}
}

// open asks the rule of the space. A space that one may not open looks like any
// other that one may not open, existing or not.
func (r Rights) open(related func(string) rule.Set) bool {
	if r.rules.anything {
		return r.Unlimited()
	}
	return r.session.known && r.rules.kind != nil && r.rules.kind.open != nil && r.opens(related)
}

// MayRead asks the whole read rule of a collection, given what the relations
// hold. It is what scopes must agree with, and costs more.
func (r Rights) MayRead(collection string, doc map[string]any, related func(relation string) rule.Set) bool {
	if r.Unlimited() {
		return true
	}
	c := r.rules.collection(collection)
	if c == nil || c.read == nil || !r.open(related) {
		return false
	}
	in := r.input(related)
	in.Doc = doc
	return c.read.Allows(in)
}
