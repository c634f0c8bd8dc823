package rule

import "slices"

// Only reports whether the rule looks at nothing but these variables: at no
// relation, and at no other entry.
func (r *Rule) Only(names ...string) bool {
	return !slices.ContainsFunc(r.free, func(name string) bool { return !slices.Contains(names, name) })
}
