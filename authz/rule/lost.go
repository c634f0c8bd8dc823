package rule

import (
	"slices"
	"strings"

	"github.com/syncline/syncline/value"
)

// Lost yields selectors of the entries that the grants reach by keys which next
// does not hold, in the order of branches and texts; nil stands for all entries.
// They are guesses at what somebody no longer may see, to be held against the
// data: what else the rule says, and its other branches, are not in them.
func (g *Grants) Lost(next *Grants, yield func(where []byte) bool) {
	for _, o := range g.open {
		if o.keys == nil {
			if !next.reaches(nil, "") && !yield(nil) {
				return
			}
			continue
		}
		var lost []string
		for text := range o.keys {
			if !next.reaches(o.b.atom, text) {
				lost = append(lost, text)
			}
		}
		slices.Sort(lost)
		for _, text := range lost {
			if where := o.b.atom.selector(text); where != nil && !yield(where) {
				return
			}
		}
	}
}

// reaches reports whether the grants hold a key of an atom like a; nil is a branch
// that needs none.
func (g *Grants) reaches(a *atom, text string) bool {
	for _, o := range g.open {
		if a == nil || o.keys == nil {
			if a == nil && o.keys == nil {
				return true
			}
			continue
		}
		if _, ok := o.keys[text]; ok && o.b.atom.list == a.list && slices.Equal(o.b.atom.path, a.path) {
			return true
		}
	}
	return false
}

// selector says of which records the atom yields a text, nil if no selector can.
func (a *atom) selector(text string) []byte {
	name, isName := strings.CutPrefix(text, `"`)
	var v any = name
	if !isName {
		var err error
		if v, err = value.ParseAny([]byte(text)); err != nil {
			return nil
		}
	}
	where := map[string]any{a.path.String(): map[string]any{"$eq": v}}
	if a.list {
		where = map[string]any{a.path.String(): map[string]any{"$all": []any{v}}}
		// Of a map it is the names that count.
		if member := slices.Concat(a.path, value.Path{name}); isName && member.Valid() == nil {
			named := map[string]any{member.String(): map[string]any{"$exists": true}}
			where = map[string]any{"$or": []any{where, named}}
		}
	}
	out, err := value.EncodeAny(where)
	if err != nil {
		return nil
	}
	return out
}
