package authz

import (
	"fmt"
	"maps"

	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// Relations is what the relations of one active space hold, derived from its
// entries and kept up to date with its commits. It is used by one goroutine at a time.
type Relations struct {
	rules *Rules
	base  *Relations // what held adds to
	// By relation and subject; the numbers say how many entries say so.
	held map[string]map[string]rule.Set
}

// Load reads what the relations hold as of a snapshot.
func (r *Rules) Load(s kernel.Snapshot) (*Relations, error) {
	out := &Relations{rules: r}
	if r.kind == nil {
		return out, nil
	}
	for name, rel := range r.kind.relations {
		for e, err := range s.Scan(rel.in, "") {
			if err != nil {
				return nil, err
			}
			if _, err := out.count(name, rel, e.Key, e.Version, 1); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// Fork returns relations that begin as these are, and can go on without them.
func (r *Relations) Fork() *Relations {
	return &Relations{rules: r.rules, base: r}
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
}

// Related reports whether there are any relations to load.
func (r *Rules) Related() bool { return r.kind != nil && len(r.kind.relations) > 0 }

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
	doc, err := value.Parse(v.Payload)
	if err != nil {
		return "", "", fmt.Errorf("entry %s at %d: %w", key, v.Seq, err)
	}
	subject, _ := rel.subject.Get(doc)
	user, ok := subject.(string)
	if !ok || rel.where != nil && !rel.where.Match(doc) {
		return "", "", nil
	}
	of, has := rel.object.Get(doc)
	if object, ok = rule.Text(of); !ok || !has {
		return "", "", nil
	}
	return user, object, nil
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
			set = maps.Clone(r.held[name][user])
			if r.base != nil {
				set = maps.Clone(r.base.held[name][user])
				for object, by := range r.held[name][user] {
					if set == nil {
						set = rule.Set{}
					}
					if set[object] += by; set[object] == 0 {
						delete(set, object)
					}
				}
			}
			sets[name] = set
		}
		return set
	}
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
