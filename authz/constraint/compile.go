package constraint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/value"
)

// MaxOf bounds how many references a collection may have, and how many unique constraints.
const MaxOf = 32

// compiler makes a Set and tells what is wrong.
type compiler struct {
	set    *Set
	names  map[string]definition.Collection
	number int
	fail   func(at []string, err error)
}

// Compile reads the constraints of a kind of space, nil if there are none. fail is
// told of everything that is wrong, and where it stands below the kind of space.
func Compile(d definition.Space, fail func(at []string, err error)) *Set {
	c := &compiler{
		set:   &Set{collections: map[string]*collection{}, incoming: map[string][]*reference{}},
		names: d.Collections, fail: fail,
	}
	owned := false
	ofSpace := c.quota("the space", d.Quota)
	for _, name := range slices.Sorted(maps.Keys(d.Collections)) {
		of := c.collection(name, &d)
		owned = owned || of.owner != nil
		for _, l := range ofSpace {
			if !l.perUser || of.owner != nil {
				of.limits = append(of.limits, l)
			}
		}
		if of.counted() || of.serializable || of.maxBytes != 0 {
			c.set.collections[name] = of
		}
	}
	if !owned {
		c.needOwner([]string{"quota"}, ofSpace, "an owner in one of the collections")
	}
	if len(c.set.collections) == 0 {
		return nil
	}
	return c.set
}

// next is the number of a constraint.
func (c *compiler) next() int {
	c.number++
	return c.number
}

func (c *compiler) collection(name string, d *definition.Space) *collection {
	of := d.Collections[name].Constraints
	out := &collection{name: name, serializable: of.Strategy == "serializable"}
	at := func(names ...string) []string { return append([]string{"collections", name}, names...) }
	if of.Type != "" && of.Type != "record" {
		c.fail(at("type"), fmt.Errorf("there is no type %.40q yet; there is record", of.Type))
	}
	if of.Strategy != "" && of.Strategy != "commutative" && of.Strategy != "serializable" {
		c.fail(at("strategy"), fmt.Errorf("there is no strategy %.40q; there are commutative and serializable", of.Strategy))
	}
	if of.MaxBytes != nil {
		out.maxBytes = int64(*of.MaxBytes)
	}
	if of.Owner != "" {
		out.owner = c.path(at("owner"), of.Owner)
	}
	out.limits = c.quota(name, of.Quota)
	if of.Owner == "" {
		c.needOwner(at("quota"), out.limits, "owner, the path to the id of the user whose an entry is")
	}
	if len(of.References) > MaxOf || len(of.Unique) > MaxOf {
		c.fail(at(), fmt.Errorf("more than %d references or unique constraints", MaxOf))
	}
	seen := map[string]bool{}
	for i, r := range of.References {
		where := at(fmt.Sprintf("references[%d]", i))
		if seen[r.Path] {
			c.fail(where, fmt.Errorf("another reference has the path %s", r.Path))
		}
		seen[r.Path] = true
		c.reference(out, where, r)
	}
	seen = map[string]bool{}
	for i, paths := range of.Unique {
		where := at(fmt.Sprintf("unique[%d]", i))
		sorted := strings.Join(slices.Sorted(slices.Values(paths)), "\n")
		if seen[sorted] {
			c.fail(where, fmt.Errorf("another unique constraint has the same paths"))
		}
		seen[sorted] = true
		c.unique(out, where, paths)
	}
	return out
}

func (c *compiler) path(at []string, text string) value.Path {
	path, err := value.ParsePath(text)
	if err != nil {
		c.fail(at, err)
	}
	return path
}

func (c *compiler) reference(to *collection, at []string, d definition.Reference) {
	r := &reference{number: c.next(), from: to.name, to: d.To, path: c.path(at, d.Path), text: d.Path, many: d.Many, onDelete: d.OnDelete}
	if _, known := c.names[d.To]; !known {
		c.fail(at, fmt.Errorf("to: there is no collection %.64q in this kind of space", d.To))
	}
	switch d.OnDelete {
	case "":
		r.onDelete = definition.Deny
	case definition.Deny, definition.Cascade, definition.Clear:
	default:
		c.fail(at, fmt.Errorf("onDelete is deny, cascade or clear, not %.40q", d.OnDelete))
	}
	if r.onDelete == definition.Clear && to.owner != nil && r.path.Covers(to.owner) {
		c.fail(at, fmt.Errorf("onDelete: the owner of an entry is not cleared; that takes deny or cascade"))
	}
	to.references = append(to.references, r)
	c.set.incoming[d.To] = append(c.set.incoming[d.To], r)
}

func (c *compiler) unique(to *collection, at []string, paths []string) {
	u := &unique{number: c.next(), text: strings.Join(paths, " and ")}
	if len(paths) == 0 {
		c.fail(at, fmt.Errorf("a list of paths is wanted, such as [slug]"))
	}
	for i, text := range paths {
		if slices.Contains(paths[:i], text) {
			c.fail(at, fmt.Errorf("the path %s is there twice", text))
		}
		u.paths = append(u.paths, c.path(at, text))
	}
	to.unique = append(to.unique, u)
}

func (c *compiler) quota(of string, d definition.Quota) (limits []*limit) {
	for _, l := range []struct {
		limit
		size *definition.Size
	}{
		{limit{name: "entries"}, d.Entries},
		{limit{name: "bytes", bytes: true}, d.Bytes},
		{limit{name: "entriesPerUser", perUser: true}, d.EntriesPerUser},
		{limit{name: "bytesPerUser", bytes: true, perUser: true}, d.BytesPerUser},
	} {
		if l.size != nil {
			l.of, l.max, l.number = of, int64(*l.size), c.next()
			limits = append(limits, &l.limit)
		}
	}
	return limits
}

// needOwner refuses limits of users where nobody knows whose an entry is.
func (c *compiler) needOwner(at []string, limits []*limit, what string) {
	for _, l := range limits {
		if l.perUser {
			c.fail(append(at, l.name), fmt.Errorf("this needs %s", what))
		}
	}
}
