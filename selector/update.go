package selector

import (
	"slices"

	"github.com/syncline/syncline/value"
)

// Update is a change to a record, made of operators on paths. It is immutable.
//
//	{"$set": {"title": "x", "address.city": "y"}, "$unset": ["old"],
//	 "$inc": {"votes": 1}, "$add": {"tags": ["a"]}, "$remove": {"tags2": ["b"]}}
//
// $set writes any value and $unset takes a field away (and nothing else: an
// object which is empty afterwards stays). $inc adds an integer to a counter.
// $add and $remove change a set, an array of strings, numbers and booleans
// which is sorted by [value.Compare] and has no duplicates.
//
// Counters hold integers only, in both languages and on purpose: the sum of
// fractions depends on their order, so replicas would drift apart.
type Update struct {
	ops  []operation // by path; none covers another
	root branch
}

type operation struct {
	path value.Path
	name string // "$set" and so on
	arg  any    // a float64 for $inc, a sorted []any for $add and $remove, nil for $unset
}

// ParseUpdate reads an update of a record which keeps lim.
//
// It refuses with a [*value.Error]: an empty update, an empty or unknown
// operator or a wrong argument (bad_update), two operators on one path or on a
// path and a part of it (conflicting_paths), a bad path (bad_name), a value
// which would stand deeper in the record than lim.Depth (too_deep), and what
// [value.Canonical] does. The size of the resulting record is for the caller
// to check: it depends on the record.
func ParseUpdate(raw []byte, lim value.Limits) (*Update, error) {
	lim = lim.WithDefaults()
	// An operand stands two levels down in the update, at least one in the record.
	canonical, err := value.Canonical(raw, value.Limits{Bytes: lim.Bytes, Depth: lim.Depth + 1})
	if err != nil {
		return nil, err
	}
	tree, err := value.Parse(canonical)
	if err != nil {
		return nil, err
	}
	if len(tree) == 0 {
		return nil, badUpdate("", "an update without operators")
	}
	u := &Update{}
	for _, name := range sortedKeys(tree) {
		if err := u.read(name, tree[name]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(u.ops, func(a, b operation) int { return a.path.Compare(b.path) })
	for i, o := range u.ops {
		if i > 0 && u.ops[i-1].path.Covers(o.path) {
			return nil, &value.Error{Code: value.CodeConflictingPaths, Path: o.path.String(), Message: "touched twice in one update"}
		}
		if len(o.path)+depth(o.arg) > lim.Depth {
			return nil, &value.Error{Code: value.CodeTooDeep, Path: o.path.String(), Message: "nested deeper than the limit"}
		}
		u.root.insert(o.path, &u.ops[i])
	}
	return u, nil
}

func badUpdate(path, why string) error {
	return &value.Error{Code: value.CodeBadUpdate, Path: path, Message: why}
}

// read takes the operations of one operator.
func (u *Update) read(name string, arg any) error {
	switch name {
	case "$unset":
		list, _ := arg.([]any)
		if len(list) == 0 {
			return badUpdate("", "$unset takes a list of paths which is not empty")
		}
		for _, e := range list {
			text, ok := e.(string)
			if !ok {
				return badUpdate("", "$unset takes a list of paths")
			}
			if err := u.add(name, text, nil); err != nil {
				return err
			}
		}
		return nil
	case "$set", "$inc", "$add", "$remove":
		fields, _ := arg.(map[string]any)
		if len(fields) == 0 {
			return badUpdate("", name+" takes an object of paths which is not empty")
		}
		for _, text := range sortedKeys(fields) {
			if err := u.add(name, text, fields[text]); err != nil {
				return err
			}
		}
		return nil
	}
	return badUpdate("", "unknown operator "+name)
}

func (u *Update) add(name, text string, arg any) error {
	path, err := value.ParsePath(text)
	if err != nil {
		return err
	}
	switch name {
	case "$inc":
		if !isInteger(arg) {
			return badUpdate(text, "$inc takes an integer")
		}
	case "$add", "$remove":
		list, _ := arg.([]any)
		if len(list) == 0 || slices.ContainsFunc(list, func(e any) bool { return !value.IsScalar(e) }) {
			return badUpdate(text, name+" takes a list of strings, numbers and booleans which is not empty")
		}
		arg = asSet(list)
	}
	u.ops = append(u.ops, operation{path, name, arg})
	return nil
}

// Paths returns the paths the update touches, in order; none covers another.
// The caller must not alter them.
func (u *Update) Paths() []value.Path {
	paths := make([]value.Path, len(u.ops))
	for i, o := range u.ops {
		paths[i] = o.path
	}
	return paths
}

// Commutes reports whether every operator is $inc, $add or $remove: two such
// updates of one record give the same result in either order, unless one adds
// to a set what the other removes from it, or a counter overflows.
func (u *Update) Commutes() bool {
	return !slices.ContainsFunc(u.ops, func(o operation) bool { return o.name == "$set" || o.name == "$unset" })
}

// String returns the normal form, canonical JSON: sets and the list of $unset
// are sorted.
func (u *Update) String() string {
	tree := map[string]any{}
	for _, o := range u.ops {
		if o.name == "$unset" {
			list, _ := tree[o.name].([]any)
			tree[o.name] = append(list, o.path.String())
			continue
		}
		fields, ok := tree[o.name].(map[string]any)
		if !ok {
			fields = map[string]any{}
			tree[o.name] = fields
		}
		fields[o.path.String()] = o.arg
	}
	return string(value.Encode(tree))
}

// depth counts the nested containers of v.
func depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			deepest = max(deepest, depth(e))
		}
	case []any:
		for _, e := range v {
			deepest = max(deepest, depth(e))
		}
	default:
		return 0
	}
	return deepest + 1
}
