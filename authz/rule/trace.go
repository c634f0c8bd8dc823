package rule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// Limits of a trace, which evaluates what the answer does not depend on, too.
const (
	maxTraceCost = 16 * maxCost
	maxShown     = 200 // bytes of a value
	maxObjects   = 20  // of what a relation holds with
)

// A Trace is how a rule came to its answer. Its atoms have the values of
// everything that they look at: it is for operators, never for who asks.
type Trace struct {
	Kind   Kind     `json:"kind"`
	Text   string   `json:"text"`
	Result string   `json:"result"` // "true", "false" or "error"
	Error  string   `json:"error,omitzero"`
	Parts  []*Trace `json:"parts,omitzero"`
	// Looks is what an atom looks at, and what it found there.
	Looks []Look `json:"looks,omitzero"`
	// Relations are the relations that an atom asks.
	Relations []Asked `json:"relations,omitzero"`
	// Decides reports whether the answer would follow from this atom and its like alone.
	Decides bool `json:"decides,omitzero"`
}

// A Look is something that a rule looks at, and its value as JSON.
type Look struct {
	Text  string `json:"text"`
	Value string `json:"value"`
}

// An Asked is a relation that a rule asks.
type Asked struct {
	Relation string   `json:"relation"`
	Object   string   `json:"object"` // JSON; what it is asked for
	Holds    []string `json:"holds"`  // JSON; with what it holds, the first of them in order
	text     string
}

// Key names the object as a [Set] does, "" for what no relation can hold with.
func (a *Asked) Key() string { return a.text }

// Trace evaluates the whole rule and notes the values of its parts. The answer is that of [Rule.Eval]; where
// that is an error (such as one of cost) of which no part knows, the root alone says so.
func (r *Rule) Trace(in *Input) (*Trace, error) {
	tree, err := r.Tree()
	if err != nil {
		return nil, err
	}
	program, err := r.env.Program(r.ast, cel.CostLimit(maxTraceCost), cel.EvalOptions(cel.OptTrackState, cel.OptExhaustiveEval))
	if err != nil {
		return nil, err
	}
	_, details, err := program.Eval(&activation{in: in, db: &lookups{find: in.Lookup, asked: -15 * maxLookups}})
	if details == nil {
		return nil, fmt.Errorf("%s cannot be traced: %w", r.source, err)
	}
	t := tracer{in: in, native: r.ast.NativeRep(), state: details.State()}
	out := t.trace(tree)
	ok, failure := r.Eval(in)
	if out.Result != result(ok, failure) {
		out.Result, out.Error = result(ok, failure), ""
	}
	if failure != nil {
		out.Error = failure.Error()
	}
	out.decide()
	return out, nil
}

func result(ok bool, err error) string {
	switch {
	case err != nil:
		return "error"
	case ok:
		return "true"
	}
	return "false"
}

type tracer struct {
	in     *Input
	native *ast.AST
	state  interpreter.EvalState
}

func (t *tracer) trace(tree *Tree) *Trace {
	out := &Trace{Kind: tree.Kind, Text: tree.Text}
	for _, part := range tree.Parts {
		out.Parts = append(out.Parts, t.trace(part))
	}
	switch tree.Kind {
	case And, Or, Not, If:
		out.join()
	case Atom:
		v, known := t.state.Value(tree.expr.ID())
		if !known && tree.expr.Kind() == ast.LiteralKind {
			v, known = tree.expr.AsLiteral(), true
		}
		switch v := v.(type) {
		case types.Bool:
			out.Result = result(bool(v), nil)
		case *types.Err:
			out.Result, out.Error = "error", v.Error()
		default:
			out.Result, out.Error = "error", "it yields neither true nor false"
			if !known {
				out.Error = "it could not be evaluated"
			}
		}
		t.looks(out, tree.expr)
	}
	return out
}

// join makes the answer of a part of those of its parts, as CEL does.
func (t *Trace) join() {
	has := func(what string) bool {
		return slices.ContainsFunc(t.Parts, func(p *Trace) bool { return p.Result == what })
	}
	switch {
	case t.Kind == And && has("false"):
		t.Result = "false"
	case t.Kind == Or && has("true"):
		t.Result = "true"
	case t.Kind == If:
		t.Result = "error"
		switch t.Parts[0].Result {
		case "true":
			t.Result = t.Parts[1].Result
		case "false":
			t.Result = t.Parts[2].Result
		}
	case has("error"):
		t.Result = "error"
	case t.Kind == And:
		t.Result = "true"
	case t.Kind == Or:
		t.Result = "false"
	case t.Kind == Not:
		t.Result = result(t.Parts[0].Result == "false", nil)
	}
}

// decide marks the atoms that the answer follows from.
func (t *Trace) decide() {
	switch t.Kind {
	case Atom:
		t.Decides = true
	case If:
		t.Parts[0].decide()
		switch t.Parts[0].Result {
		case "true":
			t.Parts[1].decide()
		case "false":
			t.Parts[2].decide()
		}
	default:
		// One part is enough where an OR is true or an AND false. Of an OR that is not true all parts count, since
		// any could have made it so; of an AND that fails those that do.
		one := t.Kind == Or && t.Result == "true" || t.Kind == And && t.Result == "false"
		for _, part := range t.Parts {
			if one {
				if part.Result == t.Result {
					part.decide()
					return
				}
				continue
			}
			if t.Kind == Not || t.Kind == Or || part.Result == t.Result {
				part.decide()
			}
		}
	}
}

// Deciding lists the atoms that the answer follows from.
func (t *Trace) Deciding() []*Trace {
	if t.Decides {
		return []*Trace{t}
	}
	var all []*Trace
	for _, part := range t.Parts {
		all = append(all, part.Deciding()...)
	}
	return all
}

// looks notes what an atom looks at.
func (t *tracer) looks(out *Trace, e ast.Expr) {
	switch e.Kind() {
	case ast.SelectKind:
		if !e.AsSelect().IsTestOnly() && rooted(e) {
			t.note(out, e)
			return
		}
		t.looks(out, e.AsSelect().Operand())
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() == operators.Index && rooted(e) {
			t.note(out, e)
			return
		}
		if call.FunctionName() == operators.In && call.Args()[1].Kind() == ast.IdentKind {
			if name, ok := strings.CutPrefix(call.Args()[1].AsIdent(), relationVar); ok {
				t.ask(out, name, call.Args()[0])
			}
		}
		if call.IsMemberFunction() {
			t.looks(out, call.Target())
		}
		for _, arg := range call.Args() {
			t.looks(out, arg)
		}
	case ast.ListKind:
		for _, element := range e.AsList().Elements() {
			t.looks(out, element)
		}
	case ast.ComprehensionKind:
		t.looks(out, e.AsComprehension().IterRange())
	case ast.IdentKind:
		if name := e.AsIdent(); name == "changed" || name == "op" || name == "now" {
			t.note(out, e)
		}
	}
}

// rooted reports whether an expression is a path into one of the variables.
func rooted(e ast.Expr) bool {
	switch e.Kind() {
	case ast.SelectKind:
		return rooted(e.AsSelect().Operand())
	case ast.CallKind:
		call := e.AsCall()
		return call.FunctionName() == operators.Index && rooted(call.Args()[0])
	case ast.IdentKind:
		return isVariable(e.AsIdent())
	}
	return false
}

func (t *tracer) note(out *Trace, e ast.Expr) {
	text, err := cel.ExprToString(e, t.native.SourceInfo())
	if err != nil || slices.ContainsFunc(out.Looks, func(l Look) bool { return l.Text == text }) {
		return
	}
	out.Looks = append(out.Looks, Look{text, t.show(e)})
}

// ask notes that an atom asks a relation.
func (t *tracer) ask(out *Trace, name string, of ast.Expr) {
	a := Asked{Relation: name, Object: t.show(of), Holds: []string{}}
	if v := t.value(of); v != nil {
		a.text, _ = textOf(v)
	}
	if t.in.Related != nil {
		for _, text := range slices.Sorted(maps.Keys(t.in.Related(name))) {
			if len(a.Holds) == maxObjects {
				break
			}
			a.Holds = append(a.Holds, Show(text))
		}
	}
	out.Relations = append(out.Relations, a)
}

// value is what a part of the rule came to, nil if nothing.
func (t *tracer) value(e ast.Expr) ref.Val {
	if v, ok := t.state.Value(e.ID()); ok {
		return v
	}
	switch e.Kind() {
	case ast.LiteralKind:
		return e.AsLiteral()
	case ast.IdentKind:
		if v, ok := (&activation{in: t.in}).ResolveName(e.AsIdent()); ok {
			return adapter{}.NativeToValue(v)
		}
	}
	return nil
}

func (t *tracer) show(e ast.Expr) string {
	v := t.value(e)
	switch v := v.(type) {
	case nil:
		return "not there"
	case *types.Err:
		return "not there: " + v.Error()
	case types.Timestamp:
		return v.Time.UTC().Format("2006-01-02T15:04:05.999Z")
	}
	text, ok := textOf(v)
	if !ok {
		return "a " + v.Type().TypeName()
	}
	return Show(text)
}

// Show writes a text of [Text] as JSON, cut to a bearable length.
func Show(text string) string {
	if s, ok := strings.CutPrefix(text, `"`); ok {
		text = fmt.Sprintf("%q", s)
	}
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}
