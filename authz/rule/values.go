package rule

import (
	"errors"
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

// A Set holds values as texts (see [Text]), each with how often it was put in.
type Set map[string]int

// Text names a JSON value, so that what CEL takes for equal has the same name.
// What can be equal to nothing in an entry has none.
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
		return strconv.FormatFloat(v, 'g', -1, 64), v == v
	case nil:
		return "null", true
	}
	text, err := value.EncodeAny(v)
	return string(text), err == nil
}

// textOf is [Text] for what a rule yields.
func textOf(v ref.Val) (string, bool) {
	native, ok := nativeOf(v)
	if !ok {
		return "", false
	}
	return Text(native)
}

// nativeOf makes a JSON value of what a rule yields, if it can be one.
func nativeOf(v ref.Val) (any, bool) {
	switch v := v.(type) {
	case types.String:
		return string(v), true
	case types.Bool:
		return bool(v), true
	case types.Null:
		return nil, true
	case types.Double:
		return float64(v), true
	case types.Int:
		f := float64(v)
		return f, value.IsSafe(f) // beyond, nothing in an entry is equal to it
	case types.Uint:
		f := float64(v)
		return f, value.IsSafe(f)
	case traits.Mapper:
		out := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			name, ok := key.(types.String)
			if !ok {
				return nil, false
			}
			if out[string(name)], ok = nativeOf(v.Get(key)); !ok {
				return nil, false
			}
		}
		return out, true
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			element, ok := nativeOf(it.Next())
			if !ok {
				return nil, false
			}
			out = append(out, element)
		}
		return out, true
	}
	return nil, false
}

// opaque is what the variables have in common that are no JSON values: they can
// only be asked for something.
type opaque struct{}

var errOpaque = errors.New("this can only be asked for something")

func (opaque) Equal(ref.Val) ref.Val                     { return types.NewErr("%v", errOpaque) }
func (opaque) ConvertToNative(reflect.Type) (any, error) { return nil, errOpaque }
func (opaque) ConvertToType(ref.Type) ref.Val            { return types.NewErr("%v", errOpaque) }
func (opaque) Iterator() traits.Iterator                 { return types.NewDynamicList(adapter{}, []any{}).Iterator() }
func (opaque) Size() ref.Val                             { return types.IntOne } // what asking costs
func (opaque) Type() ref.Type                            { return opaqueType{types.NewOpaqueType("entries")} }
func (o opaque) Value() any                              { return o }

// opaqueType is that of what the operators in and [] work on.
type opaqueType struct{ *types.Type }

func (opaqueType) HasTrait(trait int) bool {
	return trait == traits.ContainerType || trait == traits.IndexerType
}

// related is a relation as its variable.
type related struct {
	opaque
	set Set
}

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

// maxLookups is how many other entries one evaluation may look at.
const maxLookups = 16

// lookups are those of one evaluation.
type lookups struct {
	find  func(collection, id string) (map[string]any, error)
	asked int
}

// entries is all collections as a variable, indexed by their names.
type entries struct {
	opaque
	*lookups
}

// collection is one of them, indexed by ids.
type collection struct {
	opaque
	*lookups
	name string
}

func (e entries) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return types.NewErr("a collection has a string for a name"), false
	}
	return collection{lookups: e.lookups, name: string(name)}, true
}

func (c collection) Find(key ref.Val) (ref.Val, bool) {
	id, ok := key.(types.String)
	switch {
	case !ok:
		return types.NewErr("an id is a string"), false
	case c.find == nil:
		return types.NewErr("other entries cannot be looked at here"), false
	}
	if c.asked++; c.asked > maxLookups {
		return types.NewErr("more than %d other entries are looked at", maxLookups), false
	}
	doc, err := c.find(c.name, string(id))
	switch {
	case err != nil:
		return types.NewErr("%v", err), false
	case doc == nil:
		return types.NullValue, true
	}
	return adapter{}.NativeToValue(doc), true
}

func (e entries) Get(key ref.Val) ref.Val    { return get(e, key) }
func (c collection) Get(key ref.Val) ref.Val { return get(c, key) }

func get(in interface{ Find(ref.Val) (ref.Val, bool) }, key ref.Val) ref.Val {
	v, _ := in.Find(key)
	return v
}

func (e entries) Contains(ref.Val) ref.Val { return types.NewErr("%v", errOpaque) }

func (c collection) Contains(key ref.Val) ref.Val {
	v, ok := c.Find(key)
	if !ok {
		return v
	}
	return types.Bool(v != types.NullValue)
}
