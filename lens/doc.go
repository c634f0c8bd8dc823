// Package lens lets clients of an older version of a collection go on. Between a
// version and the one before it stands a short list of steps, which hold in both
// directions: entries are shown to an older client by going down, what it writes is
// made one of the present version by going up.
//
// A lens is lawful where it can be. What is shown of an entry and written back
// unchanged leaves the entry as it is; what is written is what is shown next. For
// that Up is given the entry that is there: what the older version does not have
// stays. A field that a version drops is kept in the entry, out of sight of that
// version and later ones, so that nothing which older clients say of it is lost.
// Outside of these laws are values that a table does not have and that its fallback
// stands for, and lists that become a single value.
//
// Lenses are about form, not about who may see what: package authz leaves out first
// what somebody may not see, and then goes down.
package lens

import (
	"github.com/syncline/syncline/value"
)

// A Lens is what is between the versions of one collection. It is immutable; nil is
// that of a collection which has had one version only.
type Lens struct {
	version, oldest, floor uint32
	steps                  []step // in order, of all versions
	retired                []step // those that drop a field
}

// Version is the present one.
func (l *Lens) Version() uint32 {
	if l == nil {
		return 1
	}
	return l.version
}

// Oldest is the oldest version that clients may speak.
func (l *Lens) Oldest() uint32 {
	if l == nil {
		return 1
	}
	return l.oldest
}

// Reaches reports whether the lenses lead to a version, whether clients may speak it or not.
func (l *Lens) Reaches(version uint32) bool {
	return version <= l.Version() && (l == nil || version >= l.floor)
}

// Supports reports whether clients may speak a version.
func (l *Lens) Supports(version uint32) bool { return version >= l.Oldest() && version <= l.Version() }

// Alters reports whether entries may be shown to a client of a version other than
// they are stored.
func (l *Lens) Alters(version uint32) bool {
	return l != nil && (version < l.version || len(l.retired) > 0)
}

// A Fault is why something that was written cannot be made one of the present version.
type Fault struct {
	Path    string // as whoever wrote it knows it
	Message string
}

func (f *Fault) Error() string { return f.Path + ": " + f.Message }

// above is the index of the first step to a version later than this one.
func (l *Lens) above(version uint32) int {
	for i := range l.steps {
		if l.steps[i].to > version {
			return i
		}
	}
	return len(l.steps)
}

// Down shows a stored entry to a client of a version that is supported. doc is left
// alone; same reports that it is shown as it is.
func (l *Lens) Down(doc map[string]any, version uint32) (shown map[string]any, same bool) {
	if !l.Alters(version) {
		return doc, true
	}
	shown, same = doc, true
	first := l.above(version)
	for i := len(l.steps) - 1; i >= first; i-- {
		next, changed := l.steps[i].down(shown)
		shown, same = next, same && !changed
	}
	for i := range l.retired {
		if s := &l.retired[i]; s.to <= version {
			if _, there := s.path.Get(shown); there {
				shown, same = without(shown, s.path), false
			}
		}
	}
	return shown, same
}

// Up makes a stored entry of what a client of a version made of what it was shown of
// old, nil if there was none. The error is a *Fault.
func (l *Lens) Up(made, old map[string]any, version uint32) (map[string]any, error) {
	if !l.Alters(version) {
		return made, nil
	}
	first := l.above(version)
	olds := make([]map[string]any, len(l.steps)+1) // old before each step, in the order of going up
	if old != nil {
		olds[len(l.steps)] = old
		for i := len(l.steps) - 1; i >= first; i-- {
			olds[i], _ = l.steps[i].down(olds[i+1])
		}
	}
	doc := made
	for i := range l.retired {
		s := &l.retired[i]
		if s.to > version {
			continue
		}
		if _, there := s.path.Get(made); there {
			return nil, &Fault{s.path.String(), "version " + number(s.to) + " of the collection has no such field any more"}
		}
		if v, had := s.path.Get(olds[first]); had {
			if with, ok := s.path.With(doc, v); ok {
				doc = with
			}
		}
	}
	for i := first; i < len(l.steps); i++ {
		next, fault := l.steps[i].up(doc, olds[i], olds[i+1])
		if fault != "" {
			return nil, &Fault{l.known(l.steps[:i], l.steps[i].path, version).String(), fault}
		}
		doc = next
	}
	return doc, nil
}

// Lift makes an entry that was stored at a version one of the present version, which
// is how it would be had it always been. What cannot be placed is left out.
func (l *Lens) Lift(doc map[string]any, version uint32) map[string]any {
	if l == nil || version < l.floor {
		return doc // from before the lenses begin: as it is
	}
	for i := l.above(version); i < len(l.steps); i++ {
		doc = l.steps[i].lift(doc)
	}
	return doc
}

// Supplied reports whether v is what a version later than this one gives the field
// at path of entries that do not have it: then it is the definition's doing, not the writer's.
func (l *Lens) Supplied(path value.Path, v any, version uint32) bool {
	is, there := path.Get(l.Lift(nil, version))
	return there && value.Equal(is, v)
}

// Path is what a client of a version calls the field that is at path now.
func (l *Lens) Path(path value.Path, version uint32) value.Path {
	if l == nil {
		return path
	}
	return l.known(l.steps, path, version)
}

// known goes down some steps with a path, to a version.
func (l *Lens) known(steps []step, path value.Path, version uint32) value.Path {
	for i := len(steps) - 1; i >= 0 && steps[i].to > version; i-- {
		if s := &steps[i]; s.kind == renames && s.into.Covers(path) {
			path = append(append(value.Path{}, s.path...), path[len(s.into):]...)
		}
	}
	return path
}
