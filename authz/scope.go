package authz

import (
	"fmt"
	"slices"
	"strings"

	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/lens"
	"github.com/syncline/syncline/store"
)

// A Scope is what somebody may see of some collections of a space, as of some
// commit. It is a kernel.Filter, and immutable.
type Scope struct {
	id     string
	open   bool
	sights map[string]*sight // by collection
	lenses map[string]spoken // by collection, those through which entries look otherwise
	all    bool              // everything may be seen, through the lenses
	rules  *Rules
}

// spoken is a version of a collection, and the way there.
type spoken struct {
	lens    *lens.Lens
	version uint32
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
	related := now.of(r.session.user)
	return r.scope(collections, r.open(related), related)
}

// ScopeAt is Scope as of a snapshot. It reads the collections that relations look at.
func (r Rights) ScopeAt(collections []string, s kernel.Snapshot) (*Scope, error) {
	if r.rules.anything {
		return r.scope(collections, r.Unlimited(), nil), nil
	}
	related, err := r.rules.at(s, r.session.user)
	if err != nil {
		return nil, err
	}
	return r.scope(collections, r.open(related), related), nil
}

var (
	everything = &Scope{id: "*", open: true}
	nothing    = &Scope{id: "-"}
)

// scope is what may be seen by somebody who may open the space or not.
func (r Rights) scope(collections []string, open bool, related func(string) rule.Set) *Scope {
	if r.Unlimited() {
		return everything
	}
	if !open {
		return nothing
	}
	s := &Scope{open: true, sights: make(map[string]*sight, len(collections)), rules: r.rules}
	var id strings.Builder
	id.WriteString(r.rules.version)
	for _, name := range slices.Sorted(slices.Values(collections)) {
		c := r.rules.collection(name)
		if c == nil {
			continue
		}
		if v := r.version(name); c.lens.Alters(v) {
			s.through(name, c.lens, v)
			fmt.Fprintf(&id, " %s@%d", name, v)
		}
		if c.read == nil {
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
	shown, whole = doc, true
	of := s.sights[collection]
	if of != nil {
		shown, whole = of.mask(doc)
	}
	if to, lensed := s.lenses[collection]; lensed {
		var same bool
		shown, same = to.lens.Down(shown, to.version)
		whole = whole && same
	}
	return shown, whole, s.all || of != nil && of.grants.Allows(doc)
}

// through shows a collection through a lens.
func (s *Scope) through(name string, l *lens.Lens, version uint32) {
	if s.lenses == nil {
		s.lenses = map[string]spoken{}
	}
	s.lenses[name] = spoken{l, version}
}

// Alters implements kernel.Filter.
func (s *Scope) Alters(collection string) bool {
	_, lensed := s.lenses[collection]
	return lensed || s.Masks(collection)
}

// Lifted is a view of the space as the scope is to be asked about it.
func (s *Scope) Lifted(v store.View) store.View {
	if s.rules == nil {
		return v
	}
	return s.rules.Lifted(v)
}

// every reports whether every entry of a collection may be seen, whatever it holds.
func (s *Scope) every(collection string) bool {
	of := s.sights[collection]
	return s == everything || s.all || of != nil && of.grants.All()
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
