package lens

import (
	"slices"
	"strconv"

	"github.com/syncline/syncline/value"
)

// A kind is what a step does.
type kind uint8

const (
	renames  kind = iota // path is called into
	fills                // path is new
	retires              // path is gone
	converts             // path has other values
	wraps                // path was one value and is a list
	unwraps              // path was a list and is one value
)

// A step is a difference between a version and the one before it.
type step struct {
	to         uint32
	kind       kind
	path, into value.Path
	value      any // of a field that is new or gone, for those who want one
	valued     bool
	table      [][2]any // values before and after
	other      [2]any   // what a value that the table does not have becomes, going up and going down
	others     [2]bool  // whether it becomes that; else it stays
}

// look finds the value on the other side of a table: side 0 is before, 1 after.
func (s *step) look(v any, side int) any {
	for _, pair := range s.table {
		if value.Equal(pair[side], v) {
			return pair[1-side]
		}
	}
	if s.others[side] {
		return s.other[side]
	}
	return v
}

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// put sets or removes a field; it is left out where it cannot be set.
func put(doc map[string]any, path value.Path, v any, there bool) map[string]any {
	if !there {
		return without(doc, path)
	}
	if with, ok := path.With(doc, v); ok {
		return with
	}
	return doc
}

// without is doc without a field, and without the objects that held nothing else.
func without(doc map[string]any, path value.Path) map[string]any {
	if _, there := path.Get(doc); !there {
		return doc
	}
	for n := len(path); n > 0; n-- {
		doc = path[:n].Without(doc)
		if n == 1 {
			break
		}
		if left, _ := path[:n-1].Get(doc); !empty(left) {
			break
		}
	}
	return doc
}

func empty(v any) bool {
	object, ok := v.(map[string]any)
	return ok && len(object) == 0
}

// down makes an entry one of the version before. doc is left alone.
func (s *step) down(doc map[string]any) (out map[string]any, changed bool) {
	v, there := s.path.Get(doc)
	switch s.kind {
	case renames:
		is, has := s.into.Get(doc)
		if !has && !there {
			return doc, false
		}
		if there {
			doc = without(doc, s.path) // a field of that name which this version does not mean
		}
		if has {
			doc = put(without(doc, s.into), s.path, is, true)
		}
		return doc, true
	case fills:
		if !there {
			return doc, false
		}
		return without(doc, s.path), true
	case retires:
		if there || !s.valued {
			return doc, false
		}
		return put(doc, s.path, s.value, true), true
	case wraps:
		list, is := v.([]any)
		if !is {
			return doc, false
		}
		if len(list) == 0 {
			return without(doc, s.path), true
		}
		return put(doc, s.path, list[0], true), true
	case unwraps:
		if _, is := v.([]any); is || !there {
			return doc, false
		}
		return put(doc, s.path, []any{v}, true), true
	default:
		if !there {
			return doc, false
		}
		is := s.look(v, 1)
		return put(doc, s.path, is, true), !value.Equal(is, v)
	}
}

// up makes what was written at the version before one of this version. lo and hi are
// the entry that is there, before and after the step; nil if there is none.
func (s *step) up(doc, lo, hi map[string]any) (out map[string]any, fault string) {
	v, there := s.path.Get(doc)
	was, had := s.path.Get(lo)
	kept, has := s.path.Get(hi)
	same := hi != nil && there == had && (!there || value.Equal(v, was))
	switch s.kind {
	case renames:
		if _, taken := s.into.Get(doc); taken {
			return nil, "version " + number(s.to) + " of the collection means something else by " + s.into.String()
		}
		if there {
			with, ok := s.into.With(without(doc, s.path), v)
			if !ok {
				return nil, "version " + number(s.to) + " of the collection has this as " + s.into.String() + ", for which there is no room"
			}
			doc = with
		}
		if has {
			doc = put(doc, s.path, kept, true)
		}
		return doc, ""
	case fills:
		switch {
		case there:
			return nil, "this field is new in version " + number(s.to) + " of the collection"
		case hi == nil:
			return put(doc, s.path, s.value, s.valued), ""
		case has:
			return put(doc, s.path, kept, true), ""
		}
		return doc, ""
	case retires:
		if same && !has {
			return without(doc, s.path), "" // it was shown the value for those who want one
		}
		return doc, ""
	}
	if same {
		return put(doc, s.path, kept, has), ""
	}
	if s.kind == wraps {
		if list, is := kept.([]any); is {
			if !there {
				return put(doc, s.path, []any{}, true), ""
			}
			rest := list[min(1, len(list)):]
			rest = slices.DeleteFunc(slices.Clone(rest), func(other any) bool { return value.Equal(other, v) })
			return put(doc, s.path, append([]any{v}, rest...), true), ""
		}
	}
	return s.convert(doc), ""
}

// lift is up for what was stored at the version before.
func (s *step) lift(doc map[string]any) map[string]any {
	v, there := s.path.Get(doc)
	switch s.kind {
	case renames:
		if there {
			return put(without(doc, s.path), s.into, v, true)
		}
		return without(doc, s.into)
	case fills:
		if there {
			return doc
		}
		return put(doc, s.path, s.value, s.valued)
	case retires:
		return doc
	}
	return s.convert(doc)
}

// convert gives the field the value that this version has for it.
func (s *step) convert(doc map[string]any) map[string]any {
	v, there := s.path.Get(doc)
	if !there {
		return doc
	}
	list, is := v.([]any)
	switch {
	case s.kind == wraps && (is || v == nil):
		return doc
	case s.kind == wraps:
		v = []any{v}
	case s.kind == unwraps && !is:
		return doc
	case s.kind == unwraps && len(list) == 0:
		return without(doc, s.path)
	case s.kind == unwraps:
		v = list[0]
	default:
		v = s.look(v, 0)
	}
	return put(doc, s.path, v, true)
}
