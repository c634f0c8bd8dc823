package kernel

import (
	"fmt"
	"maps"
	"slices"

	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
	"github.com/syncline/syncline/wire"
)

// A View is a space.View ready to be evaluated. It is immutable.
type View struct {
	id     string
	source space.View
	parts  map[string][]*selector.Selector // nil slice: the whole collection
	filter Filter                          // nil: everything may be seen
	class  string
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
		normal[i].In = part.In
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
	normal = normal.Canonical()
	v := &View{id: normal.ID(), source: normal, parts: make(map[string][]*selector.Selector, len(normal))}
	v.class = v.id
	for _, part := range normal {
		var where *selector.Selector
		if part.Where != nil {
			var err error
			if where, err = selector.Parse(part.Where); err != nil {
				return nil, fmt.Errorf("the canonical form of a selector does not parse: %w", err)
			}
			v.parts[part.In] = append(v.parts[part.In], where)
		} else {
			v.parts[part.In] = nil
		}
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

// Matches reports whether the view holds this version of an entry.
func (v *View) Matches(key space.Key, version space.Version) (bool, error) {
	_, in, err := v.match(key, version)
	return in, err
}

// match is Matches, and the record if it was looked at.
func (v *View) match(key space.Key, version space.Version) (doc map[string]any, in bool, err error) {
	if !version.Live() {
		return nil, false, nil
	}
	selectors, ok := v.parts[key.Collection]
	if !ok || selectors == nil && v.filter == nil {
		return nil, ok, nil
	}
	if doc, err = value.Parse(version.Payload); err != nil {
		return nil, false, fmt.Errorf("entry %s at %d: %w", key, version.Seq, err)
	}
	in = selectors == nil
	for i := 0; i < len(selectors) && !in; i++ {
		in = selectors[i].Match(doc)
	}
	return doc, in && (v.filter == nil || v.filter.Allows(key.Collection, doc)), nil
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
func (v *View) Step(d Delta) (Action, error) {
	selectors, ok := v.parts[d.Key.Collection]
	if !ok {
		return None, nil
	}
	in, err := v.Matches(d.Key, d.New)
	if in || err != nil {
		return Put, err
	}
	old, err := d.old()
	if err != nil {
		return None, err
	}
	was := old.Live()
	if was && (selectors != nil || v.filter != nil) {
		if was, err = v.Matches(d.Key, old); err != nil {
			return None, err
		}
	}
	if was {
		return Del, nil
	}
	return None, nil
}
