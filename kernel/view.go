package kernel

import (
	"fmt"
	"maps"
	"slices"

	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// A View is a space.View ready to be evaluated. It is immutable.
type View struct {
	id     string
	source space.View
	parts  map[string]part // by collection
	filter Filter          // nil: everything may be seen
	class  string
}

// A part is what a view holds of one collection.
type part struct {
	selectors []*selector.Selector // one of them has to match; nil: the whole collection
	v         uint32
}

func (p part) match(doc map[string]any) bool {
	for _, s := range p.selectors {
		if s.Match(doc) {
			return true
		}
	}
	return p.selectors == nil
}

// CompileView validates and compiles a view. The error is a *wire.Error.
func CompileView(source space.View, limits wire.Limits) (*View, error) {
	if len(source) > limits.Parts {
		return nil, &wire.Error{Code: wire.CodeTooMany, Limit: "parts", Message: fmt.Sprintf("a view of %d parts; the limit is %d", len(source), limits.Parts)}
	}
	normal := make(space.View, len(source))
	for i, part := range source {
		if err := space.CheckCollection(part.In); err != nil {
			return nil, &wire.Error{Code: wire.CodeBadName, Message: err.Error()}
		}
		normal[i].In, normal[i].V = part.In, part.V
		if part.Where == nil {
			continue
		}
		if len(part.Where) > limits.Selector {
			return nil, &wire.Error{Code: wire.CodeTooMany, Limit: "selector", Message: fmt.Sprintf("a selector of %d bytes; the limit is %d", len(part.Where), limits.Selector)}
		}
		where, err := selector.Parse(part.Where)
		if err != nil {
			return nil, &wire.Error{Code: wire.CodeBadView, Message: fmt.Sprintf("part %d: %v", i, err)}
		}
		normal[i].Where = []byte(where.String())
	}
	versions := space.Versions{}
	for _, part := range normal {
		if known, there := versions[part.In]; there && known != max(1, part.V) {
			return nil, &wire.Error{Code: wire.CodeBadView, Message: fmt.Sprintf("two versions of %s in one view", part.In)}
		}
		versions[part.In] = max(1, part.V)
	}
	normal = normal.Canonical()
	v := &View{id: normal.ID(), source: normal, parts: make(map[string]part, len(normal))}
	v.class = v.id
	for _, of := range normal {
		compiled := v.parts[of.In]
		compiled.v = of.V
		if of.Where != nil {
			where, err := selector.Parse(of.Where)
			if err != nil {
				return nil, fmt.Errorf("the canonical form of a selector does not parse: %w", err)
			}
			compiled.selectors = append(compiled.selectors, where)
		}
		v.parts[of.In] = compiled
	}
	return v, nil
}

// ID is short and equal for equal views.
func (v *View) ID() string { return v.id }

// Source is the canonical form of the view.
func (v *View) Source() space.View { return v.source }

// Has reports whether the view holds anything of a collection.
func (v *View) Has(collection string) bool {
	_, ok := v.parts[collection]
	return ok
}

// Collections are the collections that the view looks at, in order.
func (v *View) Collections() []string { return slices.Sorted(maps.Keys(v.parts)) }

// Versions are those of the collections that the view speaks.
func (v *View) Versions() space.Versions { return v.source.Versions() }

// See returns a version of an entry as the view holds it, the zero Version if it does not.
func (v *View) See(key space.Key, version space.Version) (space.Version, error) {
	is, _, err := v.see(key, version)
	return is, err
}

// see is See, and the record if it was looked at.
func (v *View) see(key space.Key, version space.Version) (is space.Version, doc map[string]any, err error) {
	part, ok := v.parts[key.Collection]
	if !ok || !version.Live() {
		return space.Version{}, nil, nil
	}
	if part.selectors == nil && v.filter == nil {
		return version, nil, nil
	}
	doc, err = Doc(key, version)
	if err != nil {
		return space.Version{}, nil, err
	}
	if v.filter != nil {
		record, whole, visible := v.filter.See(key.Collection, doc)
		if !visible || !part.match(record) {
			return space.Version{}, nil, nil
		}
		return shown(v.filter, key.Collection, version, record, whole), record, nil
	}
	if !part.match(doc) {
		return space.Version{}, nil, nil
	}
	return version, doc, nil
}

// An Action is what one changed entry means for a replica of a view.
type Action uint8

// The actions.
const (
	None Action = iota
	Put         // it came into the view or changed within it
	Del         // it left the view: deleted, or no longer matching
)

// Step decides what a change means for the view. The old version is read only
// where the answer depends on it.
func (v *View) Step(d Delta) (Step, error) {
	if !v.Has(d.Key.Collection) {
		return Step{}, nil
	}
	now, err := v.See(d.Key, d.New)
	if err != nil {
		return Step{}, err
	}
	put := Step{Action: Put, Entry: space.Entry{Key: d.Key, Version: now}}
	if now.Live() && !v.masks(d.Key.Collection) {
		return put, nil
	}
	old, err := d.old()
	if err != nil {
		return Step{}, err
	}
	if old, err = v.See(d.Key, old); err != nil {
		return Step{}, err
	}
	switch {
	case now.Live() && old.Seq == now.Seq:
		return Step{}, nil // what has changed is not shown
	case now.Live():
		return put, nil
	case old.Live():
		return Step{Action: Del, Entry: space.Entry{Key: d.Key}}, nil
	}
	return Step{}, nil
}

func (v *View) masks(collection string) bool { return v.filter != nil && v.filter.Masks(collection) }
