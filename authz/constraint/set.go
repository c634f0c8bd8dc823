// Package constraint holds what must be true of the entries of a space together,
// whoever writes: references lead somewhere, what shall be unique is, there is no
// more of anything than a quota allows. A Set is what a definition says of one
// kind of space; an Index is what of an active space is needed to check it, kept
// in memory, in proportion to that; Settle decides on a mutation as a whole.
//
// What one record must look like is package schema's, who may write it package
// rule's.
package constraint

import (
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// A Set is the constraints of one kind of space. It is immutable. A nil Set has none.
type Set struct {
	collections map[string]*collection
	incoming    map[string][]*reference // by the collection that they lead to
}

// A collection is one that has constraints.
type collection struct {
	name         string
	serializable bool
	maxBytes     int64 // 0: no limit
	owner        value.Path
	references   []*reference
	unique       []*unique
	limits       []*limit // of the collection and of the space
}

// Constraints that are counted have numbers, which tell them apart in an Index.
type reference struct {
	number   int
	from, to string
	path     value.Path
	text     string // of path
	many     bool
	onDelete string
}

type unique struct {
	number int
	paths  []value.Path
	text   string // the paths, for people
}

type limit struct {
	number  int
	name    string // in the definition
	of      string // whose quota it is, for people
	max     int64
	bytes   bool // otherwise entries
	perUser bool
}

// Counted reports whether entries of a collection are in the index.
func (s *Set) Counted(collection string) bool {
	if s == nil {
		return false
	}
	c := s.collections[collection]
	return c != nil && c.counted()
}

func (c *collection) counted() bool {
	return len(c.references)+len(c.unique)+len(c.limits) > 0
}

// Collections yields those whose entries are in the index.
func (s *Set) Collections(yield func(string) bool) {
	if s == nil {
		return
	}
	for name, c := range s.collections {
		if c.counted() && !yield(name) {
			return
		}
	}
}

// Concerns reports whether any constraint can be broken by a change of the collection.
func (s *Set) Concerns(collection string) bool {
	return s != nil && (s.collections[collection] != nil || s.incoming[collection] != nil)
}

// Touched reports whether any constraint can be broken by these changes.
func (s *Set) Touched(changes []space.Change) bool {
	if s == nil {
		return false
	}
	for i := range changes {
		if s.Concerns(changes[i].Key.Collection) {
			return true
		}
	}
	return false
}
