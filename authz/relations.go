package authz

import (
	"iter"
	"maps"
	"slices"

	"github.com/syncline/syncline/authz/constraint"
	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
)

// Relations is what the relations of one active space hold, and what its constraints
// count, derived from its entries and kept up to date with its commits. It is used by one goroutine at a time.
type Relations struct {
	rules *Rules
	base  *Relations // what held adds to
	// By relation and subject; the numbers say how many entries say so.
	held map[string]map[string]rule.Set

	standings map[*Session]*standing // as of held

	facts *constraint.Index // nil: there are no constraints. Guards keep it up to date
}

// Load reads what the relations hold, and the constraints count, as of a snapshot. It goes through each collection
// that either looks at once.
func (r *Rules) Load(s kernel.Snapshot) (*Relations, error) {
	if r.kind == nil {
		return &Relations{rules: r}, nil
	}
	out, _, err := r.relate(s, r.kind.constraints.Index(), r.kind.constraints.Collections, func() bool { return true })
	return out, err
}

// Relate is Load without the constraints, for those who only look: next is called before each entry and
// ends it, with whole false, when it returns false.
func (r *Rules) Relate(s kernel.Snapshot, next func() bool) (out *Relations, whole bool, err error) {
	if r.kind == nil {
		return &Relations{rules: r}, true, nil
	}
	return r.relate(s, nil, func(func(string) bool) {}, next)
}

// relate goes through the collections of relations and those others, once each.
func (r *Rules) relate(s kernel.Snapshot, facts *constraint.Index, others iter.Seq[string], next func() bool) (out *Relations, whole bool, err error) {
	out = &Relations{rules: r, facts: facts}
	collections := map[string]bool{}
	for _, rel := range r.kind.relations {
		collections[rel.in] = true
	}
	for name := range others {
		collections[name] = true
	}
	for _, collection := range slices.Sorted(maps.Keys(collections)) {
		for e, err := range s.Scan(collection, "") {
			if err != nil {
				return nil, false, err
			}
			if !next() {
				return out, false, nil
			}
			if err := out.load(e); err != nil {
				return nil, false, err
			}
		}
	}
	return out, true, nil
}

// Users are those of whom a relation holds anything, sorted.
func (r *Relations) Users() []string {
	users := map[string]bool{}
	for _, of := range r.held {
		for user := range of {
			users[user] = true
		}
	}
	return slices.Sorted(maps.Keys(users))
}

// load counts a live entry.
func (r *Relations) load(e space.Entry) error {
	doc, err := kernel.Doc(e.Key, e.Version)
	if err != nil {
		return err
	}
	for name, rel := range r.rules.kind.relations {
		if rel.in != e.Key.Collection {
			continue
		}
		if user, object := rel.says(doc); user != "" {
			r.add(name, user, object, 1)
		}
	}
	if r.facts != nil {
		r.facts.Add(e.Key.Collection, e.Key.ID, doc, len(e.Payload))
	}
	return nil
}

// Fork returns relations that begin as these are, and can go on without them.
func (r *Relations) Fork() *Relations {
	return &Relations{rules: r.rules, base: r, facts: r.facts.Fork()}
}

// Merge takes over what a fork has come to since; there must have been no other.
func (r *Relations) Merge(fork *Relations) {
	for name, of := range fork.held {
		for user, set := range of {
			for object, by := range set {
				r.add(name, user, object, by)
			}
		}
	}
	r.facts.Merge(fork.facts)
}

// Plant plants faults, to prove that tests see them.
func (r *Relations) Plant(bugs constraint.Bugs) {
	if r.facts != nil {
		r.facts.Bugs = bugs
	}
}

// Related reports whether there are any relations to load, or constraints.
func (r *Rules) Related() bool {
	if r.kind == nil {
		return false
	}
	for range r.kind.constraints.Collections {
		return true
	}
	return len(r.kind.relations) > 0
}

// Concern reports whether a change of the collection can change a relation.
func (r *Rules) Concern(collection string) bool {
	if r.kind == nil {
		return false
	}
	for _, rel := range r.kind.relations {
		if rel.in == collection {
			return true
		}
	}
	return false
}

// Apply takes note of a changed entry and yields the users whose relations may have changed, perhaps twice.
func (r *Relations) Apply(key space.Key, old, next space.Version) (users []string, err error) {
	if r.rules.kind == nil {
		return nil, nil
	}
	for name, rel := range r.rules.kind.relations {
		if rel.in != key.Collection {
			continue
		}
		for _, side := range []struct {
			version space.Version
			by      int
		}{{old, -1}, {next, 1}} {
			user, err := r.count(name, rel, key, side.version, side.by)
			if err != nil {
				return nil, err
			}
			if user != "" {
				users = append(users, user)
			}
		}
	}
	return users, nil
}

// count adds what an entry says and returns whom it speaks of, "" for nobody.
func (r *Relations) count(name string, rel *relation, key space.Key, v space.Version, by int) (user string, err error) {
	user, object, err := rel.read(key, v)
	if err == nil && user != "" {
		r.add(name, user, object, by)
	}
	return user, err
}

func (r *Relations) add(name, user, object string, by int) {
	r.forget(user)
	if r.held == nil {
		r.held = map[string]map[string]rule.Set{}
	}
	of := r.held[name]
	if of == nil {
		of = map[string]rule.Set{}
		r.held[name] = of
	}
	set := of[user]
	if set == nil {
		set = rule.Set{}
		of[user] = set
	}
	if set[object] += by; set[object] == 0 {
		delete(set, object)
	}
	if len(set) == 0 {
		delete(of, user)
	}
}

// read returns what an entry says, "" if nothing.
func (rel *relation) read(key space.Key, v space.Version) (user, object string, err error) {
	if !v.Live() {
		return "", "", nil
	}
	doc, err := kernel.Doc(key, v)
	if err != nil {
		return "", "", err
	}
	user, object = rel.says(doc)
	return user, object, nil
}

// says is read of a record.
func (rel *relation) says(doc map[string]any) (user, object string) {
	subject, _ := rel.subject.Get(doc)
	user, ok := subject.(string)
	if !ok || rel.where != nil && !rel.where.Match(doc) {
		return "", ""
	}
	of, has := rel.object.Get(doc)
	if object, ok = rule.Text(of); !ok || !has {
		return "", ""
	}
	return user, object
}

// of returns what a user's relations hold now. What it returns does not change.
func (r *Relations) of(user string) func(relation string) rule.Set {
	if r == nil {
		return nil
	}
	sets := map[string]rule.Set{}
	return func(name string) rule.Set {
		set, ok := sets[name]
		if !ok {
			set = maps.Clone(r.set(name, user))
			sets[name] = set
		}
		return set
	}
}

// related is of for whoever forgets it when something changes.
func (r *Relations) related(user string) func(relation string) rule.Set {
	if r.base == nil {
		return func(name string) rule.Set { return r.held[name][user] }
	}
	return r.of(user)
}

// set is what a relation holds for a user now; it is not to be kept.
func (r *Relations) set(name, user string) rule.Set {
	own := r.held[name][user]
	if r.base == nil {
		return own
	}
	set := r.base.set(name, user)
	if len(own) == 0 {
		return set
	}
	set = maps.Clone(set)
	for object, by := range own {
		if set == nil {
			set = rule.Set{}
		}
		if set[object] += by; set[object] == 0 {
			delete(set, object)
		}
	}
	return set
}

// at reads what one user's relations held as of a snapshot.
func (r *Rules) at(s kernel.Snapshot, user string) (func(relation string) rule.Set, error) {
	sets := map[string]rule.Set{}
	if r.kind != nil {
		for name, rel := range r.kind.relations {
			set := rule.Set{}
			for e, err := range s.Scan(rel.in, "") {
				if err != nil {
					return nil, err
				}
				subject, object, err := rel.read(e.Key, e.Version)
				if err != nil {
					return nil, err
				}
				if subject == user && subject != "" {
					set[object]++
				}
			}
			sets[name] = set
		}
	}
	return func(name string) rule.Set { return sets[name] }, nil
}

// Equal reports whether two hold the same: those that were kept up to date and those
// loaded anew must.
func (r *Relations) Equal(o *Relations) bool {
	return maps.EqualFunc(r.held, o.held, func(a, b map[string]rule.Set) bool {
		return maps.EqualFunc(a, b, func(a, b rule.Set) bool { return maps.Equal(a, b) })
	}) && r.facts.Equal(o.facts)
}
