package constraint

import (
	"maps"
	"slices"

	"github.com/syncline/syncline/definition"
)

// An Index is what a space's constraints count, derived from its entries and kept
// up to date with its commits. It is used by one goroutine at a time.
type Index struct {
	set    *Set
	base   *Index                    // what the rest adds to
	counts map[slot]int64            // entries or bytes
	users  map[slot]map[string]int64 // the entries that refer to one, for cascades

	// Bugs are faults planted to prove that tests see them; zero otherwise.
	Bugs Bugs
}

// Bugs are faults that tests plant. A fork has those of what it was forked from.
type Bugs struct {
	BaseOnly  bool // what the plan's earlier mutations did is not counted
	KeepsOld  bool // what an entry held before a change stays counted
	NoDeny    bool // what is still in use may be deleted
	NoCascade bool // what referred to a deleted entry stays
	OwnOnly   bool // cascades go one step only
	Stuck     bool // over a quota nothing can be written, even if it shrinks
}

// A slot is one number of an index: of a constraint, for some value, user or id.
type slot struct {
	of   int
	text string
}

// Index returns an empty index.
func (s *Set) Index() *Index {
	if s == nil {
		return nil
	}
	return &Index{set: s}
}

// Fork returns an index that begins as x is, and can go on without it.
func (x *Index) Fork() *Index {
	if x == nil {
		return nil
	}
	return &Index{set: x.set, base: x, Bugs: x.Bugs}
}

// Merge takes over what a fork has come to since; there must have been no other, and this one is not used any more.
func (x *Index) Merge(fork *Index) {
	if fork == nil {
		return
	}
	if x.counts == nil && x.users == nil {
		x.counts, x.users = fork.counts, fork.users
		return
	}
	for at, by := range fork.counts {
		x.count(at, by)
	}
	for at, of := range fork.users {
		for id, by := range of {
			x.user(at, id, by)
		}
	}
}

// Add counts a live entry.
func (x *Index) Add(collection, id string, doc map[string]any, bytes int) {
	if c := x.set.collections[collection]; c != nil && c.counted() {
		x.note(c, id, c.read(doc, bytes), 1)
	}
}

// note counts what an entry holds, by times.
func (x *Index) note(c *collection, id string, f facts, by int64) {
	if !f.live || by < 0 && x.Bugs.KeepsOld {
		return
	}
	for _, l := range c.limits {
		if at, amount, counts := l.slot(f); counts {
			x.count(at, by*amount)
		}
	}
	for i, u := range c.unique {
		if f.tuples[i] != "" {
			x.count(slot{u.number, f.tuples[i]}, by)
		}
	}
	for i, r := range c.references {
		for _, target := range f.targets[i] {
			if r.onDelete == definition.Deny {
				x.count(slot{r.number, target}, by)
			} else {
				x.user(slot{r.number, target}, id, by)
			}
		}
	}
}

// slot is where an entry counts for a limit, and as how much.
func (l *limit) slot(f facts) (at slot, amount int64, counts bool) {
	at, amount = slot{of: l.number}, 1
	if l.bytes {
		amount = f.bytes
	}
	if l.perUser {
		at.text = f.owner
	}
	return at, amount, f.live && (!l.perUser || f.owner != "")
}

func (x *Index) count(at slot, by int64) {
	if by == 0 {
		return
	}
	if x.counts == nil {
		x.counts = map[slot]int64{}
	}
	if n := x.counts[at] + by; n != 0 {
		x.counts[at] = n
	} else {
		delete(x.counts, at)
	}
}

func (x *Index) user(at slot, id string, by int64) {
	if x.users == nil {
		x.users = map[slot]map[string]int64{}
	}
	of := x.users[at]
	if of == nil {
		of = map[string]int64{}
		x.users[at] = of
	}
	if of[id] += by; of[id] == 0 {
		if delete(of, id); len(of) == 0 {
			delete(x.users, at)
		}
	}
}

// chain yields x and what it adds to.
func (x *Index) chain(yield func(*Index) bool) {
	for y := x; y != nil; y = y.base {
		if x.Bugs.BaseOnly && y != x && y.base != nil {
			continue
		}
		if !yield(y) {
			return
		}
	}
}

// total is what there is at a slot.
func (x *Index) total(at slot) (n int64) {
	for y := range x.chain {
		n += y.counts[at]
	}
	return n
}

// referring lists the entries that refer to one, in order.
func (x *Index) referring(at slot) []string {
	var all map[string]int64
	for y := range x.chain {
		for id, by := range y.users[at] {
			if all == nil {
				all = map[string]int64{}
			}
			all[id] += by
		}
	}
	maps.DeleteFunc(all, func(_ string, n int64) bool { return n <= 0 })
	return slices.Sorted(maps.Keys(all))
}

// Equal reports whether two indexes of the same set, no forks, hold the same.
func (x *Index) Equal(y *Index) bool {
	if x == nil || y == nil {
		return x == y
	}
	return maps.Equal(x.counts, y.counts) && maps.EqualFunc(x.users, y.users, maps.Equal)
}
