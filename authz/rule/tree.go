package rule

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// A Kind is how a part of a rule makes one answer of those of its own parts.
type Kind string

// The kinds.
const (
	Atom Kind = "atom" // has no parts: a comparison, a membership, a relation, …
	And  Kind = "and"
	Or   Kind = "or"
	Not  Kind = "not"
	If   Kind = "if" // the first part says which of the other two counts
)

// A Tree is a rule as what people read: atoms, and what joins them.
type Tree struct {
	Kind  Kind    `json:"kind"`
	Text  string  `json:"text"`
	Parts []*Tree `json:"parts,omitzero"`
	expr  ast.Expr
}

// Tree takes the rule apart.
func (r *Rule) Tree() (*Tree, error) {
	native := r.ast.NativeRep()
	return treeOf(native, native.Expr())
}

func treeOf(native *ast.AST, e ast.Expr) (*Tree, error) {
	t := &Tree{Kind: Atom, expr: e}
	var err error
	if t.Text, err = cel.ExprToString(e, native.SourceInfo()); err != nil {
		return nil, err
	}
	if e.Kind() != ast.CallKind {
		return t, nil
	}
	call := e.AsCall()
	switch call.FunctionName() {
	case operators.LogicalAnd:
		t.Kind = And
	case operators.LogicalOr:
		t.Kind = Or
	case operators.LogicalNot:
		t.Kind = Not
	case operators.Conditional:
		t.Kind = If
	default:
		return t, nil
	}
	for _, arg := range call.Args() {
		part, err := treeOf(native, arg)
		if err != nil {
			return nil, err
		}
		if part.Kind == t.Kind && (t.Kind == And || t.Kind == Or) {
			t.Parts = append(t.Parts, part.Parts...) // a && b && c is one AND of three
		} else {
			t.Parts = append(t.Parts, part)
		}
	}
	return t, nil
}

// Atoms lists the atoms from left to right.
func (t *Tree) Atoms() []*Tree {
	if t.Kind == Atom {
		return []*Tree{t}
	}
	var all []*Tree
	for _, part := range t.Parts {
		all = append(all, part.Atoms()...)
	}
	return all
}

// With writes the rule with another text in the place of one of its parts.
func (t *Tree) With(part *Tree, text string) string {
	if t == part {
		return text
	}
	if t.Kind == Atom {
		return t.Text
	}
	parts := make([]string, len(t.Parts))
	for i, p := range t.Parts {
		parts[i] = "(" + p.With(part, text) + ")"
	}
	switch t.Kind {
	case And:
		return strings.Join(parts, " && ")
	case Or:
		return strings.Join(parts, " || ")
	case Not:
		return "!" + parts[0]
	}
	return parts[0] + " ? " + parts[1] + " : " + parts[2]
}
