package rule

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
)

// Counting what an evaluation costs takes several times as long as the evaluation. Most rules are plain: they
// evaluate each of their parts at most once, and none costs more than the values that it looks at have parts and
// letters. What such a rule costs at most follows from how large its variables are, so that it need not be counted
// where that is below the limit. Where it is not, or the rule is not plain, it is counted: the answer is the same.

// plainFunctions are those that a plain rule may call; true for those whose cost grows with their arguments.
var plainFunctions = map[string]bool{
	operators.LogicalAnd: false, operators.LogicalOr: false, operators.LogicalNot: false, operators.Conditional: false,
	operators.Equals: true, operators.NotEquals: true, operators.In: true,
	operators.Less: true, operators.LessEquals: true, operators.Greater: true, operators.GreaterEquals: true,
	operators.Add: true, operators.Subtract: true, operators.Negate: true,
	operators.Index: true, overloads.Size: true,
}

// nodeCost is the most that one part of a plain rule costs by itself: CEL takes 30 for a map that is written out, 1 for what is looked up.
const nodeCost = 31

// roomOf returns how large the variables of a rule may be, in parts and letters, for its cost to be below the limit whatever they are; 0 if
// that cannot be said.
func roomOf(checked *cel.Ast, source string) int {
	nodes, growing, sums := 0, 0, 1
	all := ast.MatchDescendants(ast.NavigateAST(checked.NativeRep()), func(ast.NavigableExpr) bool { return true })
	for _, e := range all {
		nodes++
		switch e.Kind() {
		case ast.ComprehensionKind, ast.StructKind, ast.UnspecifiedExprKind:
			return 0
		case ast.IdentKind:
			if name := e.AsIdent(); name == dbVar || !isVariable(name) {
				return 0 // how large what it finds is shows later; small does not know of others
			}
		case ast.CallKind:
			name := e.AsCall().FunctionName()
			grows, plain := plainFunctions[name]
			if !plain {
				return 0
			}
			if grows {
				growing++
			}
			if name == operators.Add {
				sums++ // the sum of two texts is as long as both
			}
		}
	}
	return max(0, (maxCost-nodeCost*nodes)/(max(1, growing)*sums)-len(source))
}

// small reports whether all that the rule looks at has at most so many parts and letters.
func (r *Rule) small(in *Input) bool {
	room := r.room
	for _, name := range r.free {
		if room <= 0 {
			return false
		}
		switch name {
		case "auth":
			room = less(room, in.Auth)
		case "space":
			room = less(room, in.Space)
		case "doc":
			room = less(room, in.Doc)
		case "old":
			room = less(room, in.Old)
		case "new":
			room = less(room, in.New)
		case "changed":
			for _, field := range in.Changed {
				room -= 1 + len(field)
			}
		case "op":
			room -= len(in.Op)
		}
	}
	return room > 0
}

// less returns what of room is left beside a JSON value. It stops looking when there is none.
func less(room int, v any) int {
	switch v := v.(type) {
	case string:
		return room - 1 - len(v)
	case map[string]any:
		for name, of := range v {
			if room -= len(name); room <= 0 {
				return 0
			}
			room = less(room, of)
		}
	case []any:
		for _, of := range v {
			if room = less(room, of); room <= 0 {
				return 0
			}
		}
	}
	return room - 1
}
