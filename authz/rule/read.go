package rule

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"

	"github.com/syncline/syncline/value"
)

// maxBranches bounds the branches that a read rule is split into.
const maxBranches = 16

// A Read is a read rule, whole and as an index: an OR of branches, each an AND
// of what looks at who asks only, at most one atom that compares a field of the
// entry with something of who asks, and the rest. The fields of the atoms give
// an entry its keys, the other sides give a session its own; a session may see
// an entry only if they have a key in common. It is immutable.
type Read struct {
	whole    *Rule
	branches []branch
	warnings []string
}

// branch is one way to be allowed.
type branch struct {
	session []*Rule // look at who asks only
	atom    *atom   // nil: everyone whom session allows
	rest    []*Rule // look at the entry
}

// An atom is `doc.f == x`, `doc.f in x` or `x in doc.f`.
type atom struct {
	path  value.Path // to the field
	list  bool       // the field is a list, of which one element counts
	other *Rule      // the other side, which does not look at the entry
	many  bool       // the other side is a list or a relation, of which one element counts
}

// CompileRead reads a read rule. Besides what [Env.Compile] refuses it refuses
// what changes without a commit or a new token: the time, and other entries
// (but for relations).
func (e *Env) CompileRead(source string) (*Read, error) {
	whole, err := e.Compile(source)
	if err != nil {
		return nil, err
	}
	for _, name := range whole.free {
		switch name {
		case "now", "old", "new", "op", "changed":
			return nil, fmt.Errorf("a read rule cannot look at %s", name)
		case dbVar:
			return nil, fmt.Errorf("a read rule cannot look other entries up; declare a relation")
		}
	}
	native := whole.ast.NativeRep()
	r := &Read{whole: whole}
	ways, ok := disjunction(native.Expr())
	if !ok {
		return nil, fmt.Errorf("the rule has more than %d branches once it is written as an OR of ANDs", maxBranches)
	}
	for _, way := range ways {
		b, warning, err := e.branch(native, way)
		if err != nil {
			return nil, err
		}
		r.branches = append(r.branches, b)
		if warning != "" {
			r.warnings = append(r.warnings, warning)
		}
	}
	return r, nil
}

// Warnings says which branches could not be indexed: they are evaluated for
// each class of sessions on each change.
func (r *Read) Warnings() []string { return r.warnings }

// Whole is the rule that was split.
func (r *Read) Whole() *Rule { return r.whole }

// relationsOf lists the relations among variables.
func relationsOf(free []string) []string {
	var out []string
	for _, name := range free {
		if relation, ok := strings.CutPrefix(name, relationVar); ok {
			out = append(out, relation)
		}
	}
	return out
}

// Allows asks the whole rule. It is what [Grants.Allows] must agree with.
func (r *Read) Allows(in *Input) bool {
	allowed, err := r.whole.Eval(in)
	return allowed && err == nil
}

// disjunction writes an expression as an OR of ANDs; false if that gets too long.
func disjunction(e ast.Expr) ([][]ast.Expr, bool) {
	if e.Kind() == ast.CallKind {
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.LogicalOr:
			var all [][]ast.Expr
			for _, arg := range call.Args() {
				ways, ok := disjunction(arg)
				if all = append(all, ways...); !ok || len(all) > maxBranches {
					return nil, false
				}
			}
			return all, true
		case operators.LogicalAnd:
			all := [][]ast.Expr{nil}
			for _, arg := range call.Args() {
				ways, ok := disjunction(arg)
				if !ok || len(all)*len(ways) > maxBranches {
					return nil, false
				}
				var next [][]ast.Expr
				for _, have := range all {
					for _, more := range ways {
						next = append(next, slices.Concat(have, more))
					}
				}
				all = next
			}
			return all, true
		}
	}
	return [][]ast.Expr{{e}}, true
}

func (e *Env) branch(native *ast.AST, way []ast.Expr) (b branch, warning string, err error) {
	personal := "" // what of the rest looks at who asks
	literal := -1  // where in rest an atom is that does not
	var literalAtom *atom
	for _, conjunct := range way {
		text, err := cel.ExprToString(conjunct, native.SourceInfo())
		if err != nil {
			return b, "", err
		}
		compiled, err := e.compile(text)
		if err != nil {
			return b, "", fmt.Errorf("a part of the rule, %s: %w", text, err)
		}
		if !compiled.Uses("doc") {
			b.session = append(b.session, compiled)
			continue
		}
		found, err := e.atom(native, conjunct)
		if err != nil {
			return b, "", err
		}
		if found != nil && len(found.other.free) > 0 && b.atom == nil {
			b.atom = found
			continue
		}
		if found != nil && len(found.other.free) == 0 && literal < 0 {
			literal, literalAtom = len(b.rest), found
		}
		b.rest = append(b.rest, compiled)
		if len(compiled.free) > 1 {
			personal = text
		}
	}
	if b.atom == nil && literal >= 0 {
		b.atom = literalAtom
		b.rest = slices.Delete(b.rest, literal, literal+1)
	}
	if b.atom == nil && personal != "" {
		warning = fmt.Sprintf("%s compares no field of the entry with something of who asks by == or in: it is evaluated for each class of sessions on each change", personal)
	}
	return b, warning, nil
}

// atom recognises a conjunct that can be looked up, nil if it is none.
func (e *Env) atom(native *ast.AST, conjunct ast.Expr) (*atom, error) {
	if conjunct.Kind() != ast.CallKind {
		return nil, nil
	}
	call := conjunct.AsCall()
	args := call.Args()
	if len(args) != 2 {
		return nil, nil
	}
	var a atom
	var other ast.Expr
	left, right := pathOf(args[0]), pathOf(args[1])
	switch call.FunctionName() {
	case operators.Equals:
		switch {
		case left != nil && right == nil:
			a.path, other = left, args[1]
		case right != nil && left == nil:
			a.path, other = right, args[0]
		default:
			return nil, nil
		}
	case operators.In:
		switch {
		case left != nil && right == nil:
			a.path, other, a.many = left, args[1], true
		case right != nil && left == nil:
			a.path, other, a.list = right, args[0], true
		default:
			return nil, nil
		}
	default:
		return nil, nil
	}
	compiled, err := e.side(native, other)
	if err != nil || compiled.Uses("doc") {
		return nil, err
	}
	a.other = compiled
	return &a, nil
}

// side compiles one side of an atom. A relation's variable cannot be written in
// a rule, so it is made by hand.
func (e *Env) side(native *ast.AST, expr ast.Expr) (*Rule, error) {
	if expr.Kind() == ast.IdentKind && isVariable(expr.AsIdent()) && len(relationsOf([]string{expr.AsIdent()})) == 1 {
		return &Rule{source: expr.AsIdent(), free: []string{expr.AsIdent()}}, nil
	}
	text, err := cel.ExprToString(expr, native.SourceInfo())
	if err != nil {
		return nil, err
	}
	return e.compile(text)
}

// pathOf returns the path of `doc.a.b`, nil for anything else.
func pathOf(e ast.Expr) []string {
	switch e.Kind() {
	case ast.SelectKind:
		s := e.AsSelect()
		if s.IsTestOnly() {
			return nil
		}
		if s.Operand().Kind() == ast.IdentKind && s.Operand().AsIdent() == "doc" {
			return []string{s.FieldName()}
		}
		if above := pathOf(s.Operand()); above != nil {
			return append(above, s.FieldName())
		}
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.Index || call.Args()[1].Kind() != ast.LiteralKind {
			return nil
		}
		name, ok := call.Args()[1].AsLiteral().(types.String)
		if !ok {
			return nil
		}
		if of := call.Args()[0]; of.Kind() == ast.IdentKind && of.AsIdent() == "doc" {
			return []string{string(name)}
		}
		if above := pathOf(call.Args()[0]); above != nil {
			return append(above, string(name))
		}
	}
	return nil
}

// texts yields the texts of an entry's values that the atom looks at.
func (a *atom) texts(doc map[string]any, yield func(text string) bool) {
	v, ok := a.path.Get(doc)
	if !ok {
		return
	}
	if !a.list {
		if text, ok := Text(v); ok {
			yield(text)
		}
		return
	}
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			if text, ok := Text(element); ok && !yield(text) {
				return
			}
		}
	case map[string]any: // CEL's `in` looks at the keys of a map
		for name := range v {
			if text, _ := Text(name); !yield(text) {
				return
			}
		}
	}
}

// keys returns the texts of what who asks has on the other side. The error
// means that there are none.
func (a *atom) keys(in *Input) (Set, error) {
	if relation := relationsOf(a.other.free); len(relation) == 1 && a.other.program == nil {
		if in.Related == nil {
			return Set{}, nil
		}
		return in.Related(relation[0]), nil
	}
	v, err := a.other.value(in)
	if err != nil {
		return nil, err
	}
	set := Set{}
	if !a.many {
		if text, ok := textOf(v); ok {
			set[text] = 1
		}
		return set, nil
	}
	iterable, ok := v.(traits.Iterable)
	if !ok {
		return nil, fmt.Errorf("%s is no list", a.other.source)
	}
	for it := iterable.Iterator(); it.HasNext() == types.True; {
		if text, ok := textOf(it.Next()); ok {
			set[text] = 1
		}
	}
	return set, nil
}
