package selector

import (
	"maps"
	"slices"

	"github.com/syncline/syncline/value"
)

// branch is an update as a tree of field names, so that each object on the
// way is copied once however many operators are below it.
type branch struct {
	name    string
	kids    []*branch  // by name
	op      *operation // of a leaf
	creates bool       // something below makes the field if it is missing
}

// insert is called in the order of the paths.
func (b *branch) insert(path value.Path, o *operation) {
	if o.name != "$unset" && o.name != "$remove" {
		b.creates = true
	}
	if len(path) == 0 {
		b.op = o
		return
	}
	if n := len(b.kids); n == 0 || b.kids[n-1].name != path[0] {
		b.kids = append(b.kids, &branch{name: path[0]})
	}
	b.kids[len(b.kids)-1].insert(path[1:], o)
}

// Apply returns the record after the update. The record given is not altered
// and the two share what the update does not touch; if nothing changes, the
// result may be the record given. A nil record is an empty one.
//
// Fields on the way to a path are made where missing, except for $unset and
// $remove, which find nothing to do there. The error is a [*value.Error]:
// type_mismatch if a path leads through something that is not an object, if
// $inc meets something that is not an integer, or if $add or $remove meets
// something that is not an array of scalars; unsafe_number if a counter would
// leave ±(2^53-1). Of several errors it is the one of the first path.
func (u *Update) Apply(doc map[string]any) (map[string]any, error) {
	out, err := u.root.apply(doc)
	if err != nil {
		return nil, err
	}
	if out == nil {
		out = map[string]any{}
	}
	return out, nil
}

// apply returns the object after the operators below b; nil stays nil if
// there is nothing to make.
func (b *branch) apply(in map[string]any) (map[string]any, error) {
	out, copied := in, false
	for _, kid := range b.kids {
		old, there := in[kid.name]
		v, keep, err := kid.change(old, there)
		if err != nil {
			return nil, err
		}
		if !keep && !there {
			continue
		}
		if !copied {
			if out, copied = maps.Clone(in), true; out == nil {
				out = make(map[string]any, len(b.kids))
			}
		}
		if keep {
			out[kid.name] = v
		} else {
			delete(out, kid.name)
		}
	}
	return out, nil
}

// change returns the field after the update, and whether there is one.
func (b *branch) change(old any, there bool) (v any, keep bool, err error) {
	if b.op != nil {
		return b.op.change(old, there)
	}
	in, ok := old.(map[string]any)
	if !ok && there {
		if b.creates {
			return nil, false, b.mismatch()
		}
		return old, true, nil
	}
	out, err := b.apply(in)
	return out, out != nil, err
}

// mismatch reports the first operator below b which needs an object at b.
func (b *branch) mismatch() error {
	for b.op == nil {
		i := slices.IndexFunc(b.kids, func(kid *branch) bool { return kid.creates })
		b = b.kids[i]
	}
	return b.op.mismatch("the path leads through something that is not an object")
}

func (o *operation) mismatch(why string) error {
	return &value.Error{Code: value.CodeTypeMismatch, Path: o.path.String(), Message: why}
}

func (o *operation) change(old any, there bool) (v any, keep bool, err error) {
	switch o.name {
	case "$set":
		return o.arg, true, nil
	case "$unset":
		return nil, false, nil
	case "$inc":
		if there && !isInteger(old) {
			return nil, false, o.mismatch("$inc of something that is not an integer")
		}
		n, _ := old.(float64)
		if n += o.arg.(float64); !value.IsSafe(n) {
			return nil, false, &value.Error{Code: value.CodeUnsafeNumber, Path: o.path.String(), Message: "the counter would leave ±(2^53-1)"}
		}
		return n, true, nil
	}
	// $add and $remove
	if !there {
		return o.arg, o.name == "$add", nil
	}
	set, ok := old.([]any)
	if !ok || slices.ContainsFunc(set, func(e any) bool { return !value.IsScalar(e) }) {
		return nil, false, o.mismatch(o.name + " on something that is not a set of scalars")
	}
	if o.name == "$add" {
		return asSet(slices.Concat(set, o.arg.([]any))), true, nil
	}
	return without(asSet(set), o.arg.([]any)), true, nil
}

// without takes the elements of the second set out of the first, in place.
// Both are sorted.
func without(set, gone []any) []any {
	return slices.DeleteFunc(set, func(e any) bool {
		_, found := slices.BinarySearchFunc(gone, e, value.Compare)
		return found
	})
}
