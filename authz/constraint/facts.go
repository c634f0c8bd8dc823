package constraint

import (
	"crypto/sha256"
	"fmt"

	"github.com/syncline/syncline/value"
)

// MaxReferred bounds how many entries one field may refer to.
const MaxReferred = 1000

// facts are what constraints look at in one version of an entry. The zero facts
// are those of an entry that is not there.
type facts struct {
	live    bool
	bytes   int64
	owner   string     // "": nobody's
	tuples  []string   // by unique constraint; "": it has none
	targets [][]string // by reference, each id once
}

// read returns the facts of a live record, whose canonical form has so many bytes.
func (c *collection) read(doc map[string]any, bytes int) facts {
	f := facts{live: true, bytes: int64(bytes)}
	if c.owner != nil {
		owner, _ := c.owner.Get(doc)
		f.owner, _ = owner.(string)
	}
	if len(c.unique) > 0 {
		f.tuples = make([]string, len(c.unique))
		for i, u := range c.unique {
			f.tuples[i] = u.tuple(doc)
		}
	}
	if len(c.references) > 0 {
		f.targets = make([][]string, len(c.references))
		for i, r := range c.references {
			f.targets[i], _ = r.targets(doc)
		}
	}
	return f
}

// long is from how many bytes on an index holds the digest of a text instead.
const long = 64

func short(text string) string {
	if len(text) <= long {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return "#" + string(sum[:16]) // no JSON begins so
}

// tuple names the values of a record at the paths, "" if one is absent or null.
func (u *unique) tuple(doc map[string]any) string {
	values := make([]any, len(u.paths))
	for i, path := range u.paths {
		v, _ := path.Get(doc)
		if v == nil {
			return ""
		}
		if f, ok := v.(float64); ok && f == 0 {
			v = 0.0 // there is no -0
		}
		values[i] = v
	}
	text, err := value.EncodeAny(values)
	if err != nil {
		return "" // no entry holds such a value
	}
	return short(string(text))
}

// targets are the ids that a record refers to, each once. what says what is wrong
// with the field, if anything is.
func (r *reference) targets(doc map[string]any) (ids []string, what string) {
	v, _ := r.path.Get(doc)
	if v == nil {
		return nil, ""
	}
	if !r.many {
		id, ok := v.(string)
		if !ok {
			return nil, fmt.Sprintf("the id of an entry of %s is wanted here", r.to)
		}
		return []string{id}, ""
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Sprintf("a list of ids of entries of %s is wanted here", r.to)
	}
	seen := make(map[string]bool, len(list))
	for _, v := range list {
		id, ok := v.(string)
		if !ok {
			what = fmt.Sprintf("a list of ids of entries of %s is wanted here", r.to)
			continue
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, what
}

// cleared is a record that no longer refers to an entry; doc is left alone.
func (r *reference) cleared(doc map[string]any, id string) map[string]any {
	v, _ := r.path.Get(doc)
	list, ok := v.([]any)
	if !r.many || !ok {
		return r.path.Without(doc)
	}
	rest := make([]any, 0, len(list))
	for _, one := range list {
		if one != id {
			rest = append(rest, one)
		}
	}
	out, _ := r.path.With(doc, rest) // there is a list at the path
	return out
}
