package rule

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/syncline/syncline/value"
)

// adapter makes CEL values of JSON values: whole numbers are ints, others doubles.
type adapter struct{}

func (a adapter) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case ref.Val:
		return v
	case nil:
		return types.NullValue
	case float64:
		if value.IsInteger(v) {
			return types.Int(v)
		}
		return types.Double(v)
	case map[string]any:
		return types.NewStringInterfaceMap(a, v)
	case []any:
		return types.NewDynamicList(a, v)
	case []string:
		return types.NewStringList(a, v)
	case string, bool, int64, time.Time:
		return types.DefaultTypeAdapter.NativeToValue(v)
	}
	return types.NewErr("a rule cannot look at a %T", v)
}

// A Set holds values as texts: see [Text].
type Set map[string]struct{}

// Has reports whether the set holds the value.
func (s Set) Has(v any) bool {
	text, ok := Text(v)
	if !ok {
		return false
	}
	_, has := s[text]
	return has
}

// Text names a string, number or truth value, so that what CEL takes for equal
// has the same name. Other values have none.
func Text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return `"` + v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		if v == 0 {
			v = 0 // there is no -0
		}
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

// textOf is [Text] for what a rule yields.
func textOf(v ref.Val) (string, bool) {
	switch v := v.(type) {
	case types.String:
		return Text(string(v))
	case types.Bool:
		return Text(bool(v))
	case types.Int:
		// Beyond what a JSON number holds exactly nothing in an entry is equal to it.
		if f := float64(v); value.IsSafe(f) {
			return Text(f)
		}
	case types.Uint:
		if f := float64(v); value.IsSafe(f) {
			return Text(f)
		}
	case types.Double:
		return Text(float64(v))
	}
	return "", false
}

// related is a relation as its variable: what is asked is whether something is in it.
type related struct{ set Set }

var relatedType = types.NewOpaqueType("relation")

func (r related) Contains(v ref.Val) ref.Val {
	if types.IsUnknownOrError(v) {
		return v
	}
	text, ok := textOf(v)
	if !ok {
		return types.False
	}
	_, has := r.set[text]
	return types.Bool(has)
}

func (r related) Type() ref.Type                            { return containerType{relatedType} }
func (r related) Value() any                                { return r }
func (r related) Equal(ref.Val) ref.Val                     { return types.False }
func (r related) ConvertToNative(reflect.Type) (any, error) { return nil, errOpaque }
func (r related) ConvertToType(ref.Type) ref.Val            { return types.NewErr("%v", errOpaque) }

var errOpaque = fmt.Errorf("this can only be asked what it holds")

// containerType is an opaque type that the operators in and [] work on.
type containerType struct{ *types.Type }

func (containerType) HasTrait(trait int) bool {
	return trait == traits.ContainerType || trait == traits.IndexerType
}

// maxLookups is how many other entries one evaluation may look at.
const maxLookups = 16

// db is the other entries as a variable: indexed by a collection and an id.
type db struct {
	lookup func(collection, id string) (map[string]any, error)
	asked  int
}

var dbType = types.NewOpaqueType("entries")

func (d *db) find(index ref.Val) (map[string]any, ref.Val) {
	if types.IsUnknownOrError(index) {
		return nil, index
	}
	pair, ok := index.(traits.Lister)
	if !ok {
		return nil, types.NewErr("an entry has a collection and an id")
	}
	collection, ok1 := pair.Get(types.Int(0)).(types.String)
	id, ok2 := pair.Get(types.Int(1)).(types.String)
	if !ok1 || !ok2 {
		return nil, types.NewErr("a collection and an id are strings")
	}
	if d.lookup == nil {
		return nil, types.NewErr("other entries cannot be looked at here")
	}
	if d.asked++; d.asked > maxLookups {
		return nil, types.NewErr("more than %d other entries are looked at", maxLookups)
	}
	doc, err := d.lookup(string(collection), string(id))
	if err != nil {
		return nil, types.NewErr("%v", err)
	}
	return doc, nil
}

func (d *db) Get(index ref.Val) ref.Val {
	doc, failed := d.find(index)
	if failed != nil {
		return failed
	}
	if doc == nil {
		return types.NullValue
	}
	return adapter{}.NativeToValue(doc)
}

func (d *db) Contains(index ref.Val) ref.Val {
	doc, failed := d.find(index)
	if failed != nil {
		return failed
	}
	return types.Bool(doc != nil)
}

func (d *db) Type() ref.Type                            { return containerType{dbType} }
func (d *db) Value() any                                { return d }
func (d *db) Equal(ref.Val) ref.Val                     { return types.False }
func (d *db) ConvertToNative(reflect.Type) (any, error) { return nil, errOpaque }
func (d *db) ConvertToType(ref.Type) ref.Val            { return types.NewErr("%v", errOpaque) }
