package selector

import (
	"math"
	"slices"
	"strings"

	"github.com/syncline/syncline/value"
)

// op is an operator on a field.
type op uint8

const (
	opEq op = iota
	opNe
	opLt
	opGte
	opLte
	opGt
	opIn
	opNin
	opExists
	opType
	opAll
	opSize
	opElemMatch
	opMod
	opBeginsWith
)

var opNames = [...]string{
	opEq: "$eq", opNe: "$ne", opLt: "$lt", opGte: "$gte", opLte: "$lte", opGt: "$gt", opIn: "$in", opNin: "$nin",
	opExists: "$exists", opType: "$type", opAll: "$all", opSize: "$size", opElemMatch: "$elemMatch", opMod: "$mod",
	opBeginsWith: "$beginsWith",
}

// hasOpposite reports whether the operator after or before o (they stand in
// pairs) is true exactly where o is false, on a field which is there.
func (o op) hasOpposite() bool { return o <= opNin }

func (o op) opposite() op { return o ^ 1 }

func opNamed(name string) (op, bool) {
	i := slices.Index(opNames[:], name)
	return op(max(i, 0)), i >= 0
}

// holds says whether the operator is true of v, which is there.
func (c *condition) holds(v any) bool {
	switch c.op {
	case opEq:
		return value.Equal(v, c.arg)
	case opNe:
		return !value.Equal(v, c.arg)
	case opLt:
		return value.Compare(v, c.arg) < 0
	case opLte:
		return value.Compare(v, c.arg) <= 0
	case opGt:
		return value.Compare(v, c.arg) > 0
	case opGte:
		return value.Compare(v, c.arg) >= 0
	case opIn:
		return isIn(v, c.arg.([]any))
	case opNin:
		return !isIn(v, c.arg.([]any))
	case opType:
		return typeName(v) == c.arg.(string)
	case opBeginsWith:
		s, ok := v.(string)
		return ok && strings.HasPrefix(s, c.arg.(string))
	case opMod:
		f, ok := v.(float64)
		pair := c.arg.([]any)
		return ok && value.IsInteger(f) && math.Mod(f, pair[0].(float64)) == pair[1].(float64)
	}
	list, ok := v.([]any)
	if !ok {
		return false
	}
	switch c.op {
	case opAll:
		return !slices.ContainsFunc(c.arg.([]any), func(want any) bool { return !contains(list, want) })
	case opSize:
		return float64(len(list)) == c.arg.(float64)
	case opElemMatch:
		return slices.ContainsFunc(list, c.elem.match)
	}
	return false
}

// isIn reports whether v, or an element of the array v, is one of the options.
func isIn(v any, options []any) bool {
	if contains(options, v) {
		return true
	}
	list, _ := v.([]any)
	for _, e := range list {
		if contains(options, e) {
			return true
		}
	}
	return false
}

func contains(list []any, v any) bool {
	for _, e := range list {
		if value.Equal(e, v) {
			return true
		}
	}
	return false
}

func typeName(v any) string {
	switch v.(type) {
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}

// checkArg says what is wrong with the argument of o, or returns the argument
// in normal form: lists which are sets are sorted and without duplicates.
func checkArg(o op, arg any) (_ any, fault string) {
	switch o {
	case opIn, opNin, opAll:
		list, ok := arg.([]any)
		if !ok {
			return nil, "takes a list"
		}
		return asSet(list), ""
	case opExists:
		if _, ok := arg.(bool); !ok {
			return nil, "takes true or false"
		}
	case opType:
		switch arg {
		case "null", "boolean", "number", "string", "array", "object":
		default:
			return nil, `takes "null", "boolean", "number", "string", "array" or "object"`
		}
	case opSize:
		if n, ok := arg.(float64); !ok || n < 0 || !value.IsInteger(n) {
			return nil, "takes an integer which is not negative"
		}
	case opMod:
		pair, _ := arg.([]any)
		if len(pair) != 2 || !isInteger(pair[0]) || !isInteger(pair[1]) || pair[0] == 0.0 {
			return nil, "takes [divisor, remainder], integers, the divisor not zero"
		}
	case opBeginsWith:
		if _, ok := arg.(string); !ok {
			return nil, "takes a string"
		}
	}
	return arg, ""
}

func isInteger(v any) bool {
	f, ok := v.(float64)
	return ok && value.IsInteger(f)
}

// asSet returns a sorted copy without duplicates.
func asSet(list []any) []any {
	set := slices.Clone(list)
	slices.SortFunc(set, value.Compare)
	return slices.CompactFunc(set, value.Equal)
}
