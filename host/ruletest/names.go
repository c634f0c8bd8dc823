package ruletest

import (
	"fmt"
	"strings"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/space"
)

// names are what a test calls its entries: collection/id. An entry that a mutator makes under an id
// that it draws, and that the test names nowhere, is collection/#1, collection/#2 and so on, in the
// order in which they are made.
type names struct {
	said  map[string]bool      // by the test
	given map[space.Key]string // to what it does not name
	keys  map[string]space.Key
	made  map[string]int // by collection
}

// namesOf collects what a test names.
func namesOf(t *definition.Test) *names {
	n := &names{said: map[string]bool{}, given: map[space.Key]string{}, keys: map[string]space.Key{}, made: map[string]int{}}
	writes := func(all []definition.Write) {
		for _, w := range all {
			n.said[w.Put+w.Patch+w.Delete] = true
		}
	}
	cases := func(all []definition.Case) {
		for _, c := range all {
			if c.Sees != nil {
				for _, seen := range *c.Sees {
					n.said[seen.Entry] = true
				}
			}
			for _, list := range []*[]string{c.Loses, c.Gains} {
				if list != nil {
					for _, name := range *list {
						n.said[name] = true
					}
				}
			}
			writes(c.May)
			writes(c.MayNot)
		}
	}
	for name := range t.Entries {
		n.said[name] = true
	}
	cases(t.Cases)
	for _, step := range t.Steps {
		writes(step.Writes)
		cases(step.Cases)
	}
	return n
}

// of is the name of an entry that was written, a new one if it has none.
func (n *names) of(key space.Key) string {
	if name := n.name(key); n.given[key] != "" || n.said[name] {
		return name
	}
	n.made[key.Collection]++
	name := fmt.Sprintf("%s/#%d", key.Collection, n.made[key.Collection])
	n.given[key], n.keys[name] = name, key
	return name
}

// name is what an entry is called.
func (n *names) name(key space.Key) string {
	if name, ok := n.given[key]; ok {
		return name
	}
	return key.String()
}

// key is the entry of a name.
func (n *names) key(name string) space.Key {
	if key, ok := n.keys[name]; ok {
		return key
	}
	collection, id, _ := strings.Cut(name, "/")
	return space.Key{Collection: collection, ID: id}
}
