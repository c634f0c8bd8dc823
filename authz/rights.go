package authz

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/kernel"
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
	session *Session
	rules   *Rules
}

// In returns the session's rights under these rules.
func (s *Session) In(r *Rules) Rights { return Rights{s, r} }

// Name is short, and equal for rights that are decided alike: the same rules, the same
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
	sum := sha256.Sum256(slices.Concat([]byte(r.rules.version), []byte{'\n'}, text))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// Possible reports whether there can be such a space for the principal at all. It
// asks nothing of the space, so that nobody makes the server load what does not exist.
func (r Rights) Possible() bool {
	return r.session.known && (r.rules.anything || r.rules.kind != nil && r.rules.kind.open != nil)
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
	if !r.Possible() || r.rules.anything {
		return r.Unlimited()
	}
	ok, err := r.rules.kind.open.Eval(r.input(related))
	return ok && err == nil
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

// A Scope is what somebody may see of some collections of a space, as of some
// commit. It is a kernel.Filter, and immutable.
type Scope struct {
	id     string
	open   bool
	sights map[string]*sight // by collection
}

// A sight is what may be seen of one collection.
type sight struct {
	grants *rule.Grants
	hidden []hidden // the fields that may be left out
}

// hidden is a field that is left out of the entries in which its grants do not allow it.
type hidden struct {
	*field
	grants *rule.Grants
}

// Scope is what may be seen of these collections, as of what the relations hold
// now.
func (r Rights) Scope(collections []string, now *Relations) *Scope {
	return r.scope(collections, now.of(r.session.user))
}

// ScopeAt is Scope as of a snapshot. It reads the collections that relations look at.
func (r Rights) ScopeAt(collections []string, s kernel.Snapshot) (*Scope, error) {
	if r.rules.anything {
		return r.scope(collections, nil), nil
	}
	related, err := r.rules.at(s, r.session.user)
	if err != nil {
		return nil, err
	}
	return r.scope(collections, related), nil
}

var (
	everything = &Scope{id: "*", open: true}
	nothing    = &Scope{id: "-"}
)

func (r Rights) scope(collections []string, related func(string) rule.Set) *Scope {
	if r.Unlimited() {
		return everything
	}
	if !r.open(related) {
		return nothing
	}
	s := &Scope{open: true, sights: make(map[string]*sight, len(collections))}
	var id strings.Builder
	id.WriteString(r.rules.version)
	for _, name := range slices.Sorted(slices.Values(collections)) {
		c := r.rules.collection(name)
		if c == nil || c.read == nil {
			continue
		}
		of := &sight{grants: c.read.Grants(r.input(related))}
		if of.grants.None() {
			continue
		}
		id.WriteString(" " + name + " " + of.grants.ID())
		for i := range c.fields {
			f := &c.fields[i]
			if f.read == nil {
				continue
			}
			if grants := f.read.Grants(r.input(related)); !grants.All() {
				of.hidden = append(of.hidden, hidden{f, grants})
				id.WriteString("-" + f.path.String() + " " + grants.ID())
			}
		}
		s.sights[name] = of
	}
	s.id = id.String()
	return s
}

// Everything reports whether the scope allows everything.
func (s *Scope) Everything() bool { return s == everything }

// Filter is the scope as a filter of views, nil for one that allows everything.
func (s *Scope) Filter() kernel.Filter {
	if s == everything {
		return nil
	}
	return s
}

// Open reports whether the space may be opened at all.
func (s *Scope) Open() bool { return s.open }

// ID implements kernel.Filter. The rules' version is part of it.
func (s *Scope) ID() string { return s.id }

// See implements kernel.Filter.
func (s *Scope) See(collection string, doc map[string]any) (shown map[string]any, whole, visible bool) {
	if s == everything {
		return doc, true, true
	}
	of := s.sights[collection]
	if of == nil {
		return doc, true, false
	}
	shown, whole = of.mask(doc)
	return shown, whole, of.grants.Allows(doc)
}

// mask returns an entry without what is hidden in it: itself, if that is nothing.
func (of *sight) mask(doc map[string]any) (shown map[string]any, whole bool) {
	shown, whole = doc, true
	for _, h := range of.hidden {
		if _, there := h.path.Get(doc); there && !h.grants.Allows(doc) {
			shown, whole = h.path.Without(shown), false
		}
	}
	return shown, whole
}

// Masks implements kernel.Filter.
func (s *Scope) Masks(collection string) bool {
	of := s.sights[collection]
	return of != nil && len(of.hidden) > 0
}

// Keys yields the keys of a collection that the scope holds. One that allows
// everything needs none.
func (s *Scope) Keys(collection string, yield func(rule.Key) bool) {
	if of := s.sights[collection]; of != nil {
		of.grants.Keys(yield)
	}
}

// Lost yields selectors of what of a collection the scope reaches and next may not,
// nil standing for all of it. They are guesses, to be held against the data.
func (s *Scope) Lost(next *Scope, collection string, yield func(where []byte) bool) {
	had, has := s.sights[collection], next.sights[collection]
	switch {
	case next == everything || s != everything && had == nil:
	case s == everything || has == nil:
		yield(nil)
	default:
		had.grants.Lost(has.grants, yield)
	}
}

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
	related   func(string) rule.Set
	scopes    map[string]*Scope                                       // by collection
	asked     func(collection string, ask *rule.Rule, in *rule.Input) // hears of each rule that is asked; nil: nobody does
	whole     bool                                                    // a mutator writes that may do everything: what fits the schema and the constraints
	pending
}

// refused is what is said of whatever may not be written: the same whether it exists or not.
func refused(key space.Key) *space.Refusal {
	return &space.Refusal{Code: space.CodeForbidden, Message: "the rules do not allow this", Key: key}
}

func (g *guard) Write(state kernel.State, key space.Key, was func() (space.Version, error), next space.Version) (*space.Refusal, error) {
	c := g.rights.rules.collection(key.Collection)
	related := g.relate()
	if c == nil || !g.rights.open(related) {
		return refused(key), nil
	}
	in := g.rights.input(related)
	in.Now = g.now
	in.Lookup = lookup(state)
	old, err := was()
	if err != nil {
		return nil, err
	}
	if in.Old, err = docOf(old); err != nil {
		return nil, err
	}
	if in.New, err = docOf(next); err != nil {
		return nil, err
	}
	var ask *rule.Rule
	switch {
	case in.Old == nil:
		in.Op, in.Doc, ask = "create", in.New, c.create
	case in.New == nil:
		in.Op, in.Doc, ask = "delete", in.Old, c.remove
	default:
		in.Op, in.Doc, ask = "update", in.Old, c.update
	}
	in.Changed = changed(in.Old, in.New)
	g.remember(g.rights.rules, key, in.Old, in.New)
	if g.asked != nil {
		g.asked(key.Collection, ask, in)
	}
	if !g.whole {
		if ask == nil {
			return refused(key), nil
		}
		if in.Old != nil {
			if _, _, visible := g.sight(key.Collection).See(key.Collection, in.Old); !visible {
				return refused(key), nil
			}
		}
		if ok, err := ask.Eval(in); err != nil || !ok {
			return refused(key), nil // a rule that fails denies
		}
		if path := c.protected(in); path != "" {
			no := refused(key)
			no.Path = path
			return no, nil
		}
	}
	// Last: who may not write learns nothing of what would fit.
	if c.schema != nil && in.New != nil {
		if path, what, ok := c.schema.Check(in.New); !ok {
			return &space.Refusal{Code: space.CodeInvalid, Path: kernel.Clip(path), Message: kernel.Clip(what), Key: key}, nil
		}
	}
	return nil, nil
}

// sight is what the principal may see of a collection. A guard is made for one
// mutation: it does not change meanwhile.
func (g *guard) sight(collection string) *Scope {
	s := g.scopes[collection]
	if s == nil {
		s = g.rights.scope([]string{collection}, g.relate())
		if g.scopes == nil {
			g.scopes = map[string]*Scope{}
		}
		g.scopes[collection] = s
	}
	return s
}

// sees reports whether the principal may see an entry.
func (g *guard) sees(key space.Key, v space.Version) (bool, error) {
	if g.whole {
		return v.Live(), nil
	}
	_, visible, err := kernel.Show(g.sight(key.Collection), key, v)
	return visible, err
}

// Sight implements kernel.Guard.
func (g *guard) Sight(collection string) kernel.Filter {
	if g.whole {
		return nil
	}
	return g.sight(collection)
}

// Restore implements kernel.Guard.
func (g *guard) Restore(key space.Key, old, made map[string]any) (map[string]any, *space.Refusal) {
	of := g.sight(key.Collection).sights[key.Collection]
	if of == nil {
		return made, nil
	}
	whole, at := of.unmask(old, made)
	if at != "" {
		no := refused(key)
		no.Path = at
		return nil, no
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

// relate is what the relations hold for the principal. A guard is made for one
// mutation: they do not change meanwhile.
func (g *guard) relate() func(string) rule.Set {
	if g.related == nil {
		g.related = g.relations.of(g.rights.session.user)
	}
	return g.related
}

func docOf(v space.Version) (map[string]any, error) {
	if !v.Live() {
		return nil, nil
	}
	return value.Parse(v.Payload)
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
