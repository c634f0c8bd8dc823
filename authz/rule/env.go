package rule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Limits of a rule.
const (
	MaxSource = 4096   // bytes of its text
	maxCost   = 10_000 // units of CEL's cost of one evaluation, about 100 µs
	maxDepth  = 64     // of its syntax tree
)

// An Env is what rules of one kind of space may name. It is immutable.
//
//	auth     who asks: uid, and the claims of the token
//	space    the values of the pattern's variables, and path
//	doc      the entry: what is read; for a write what is there, of a create what is to be
//	old, new the entry before and after a write; null where there is none
//	changed  names of the outermost fields that a write changes
//	op       "create", "update" or "delete"
//	now      the time of the write
//	r(x)     for each relation r: whether it holds between who asks and x
//	get(c, id), exists(c, id)   other entries, in rules of writes
type Env struct{ env *cel.Env }

// Variables beside those that have names of their own.
const (
	dbVar       = "@db"
	relationVar = "@is "
)

// NewEnv makes the environment of a kind of space with these relations.
func NewEnv(relations []string) (*Env, error) {
	var macros []cel.Macro
	options := []cel.EnvOption{
		cel.ClearMacros(),
		cel.EnableMacroCallTracking(),
		cel.CustomTypeAdapter(adapter{}),
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserRecursionLimit(maxDepth),
		cel.ParserExpressionSizeLimit(MaxSource),
		cel.Variable("now", cel.TimestampType),
		cel.Variable("op", cel.StringType),
		cel.Variable("changed", cel.ListType(cel.StringType)),
		cel.Variable(dbVar, cel.DynType),
	}
	for _, name := range []string{"auth", "space"} {
		options = append(options, cel.Variable(name, cel.MapType(cel.StringType, cel.DynType)))
	}
	for _, name := range []string{"doc", "old", "new"} {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	for _, name := range relations {
		if slices.Contains(names, name) {
			return nil, fmt.Errorf("relation %q has the name of something else", name)
		}
		options = append(options, cel.Variable(relationVar+name, cel.DynType))
		macros = append(macros, cel.GlobalMacro(name, 1, func(m cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
			return m.NewCall("@in", args[0], m.NewIdent(relationVar+name)), nil
		}))
	}
	macros = append(
		macros, cel.HasMacro, cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro, cel.MapMacro, cel.MapFilterMacro, cel.FilterMacro,
		cel.GlobalMacro("get", 2, func(m cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
			return m.NewCall("_[_]", m.NewCall("_[_]", m.NewIdent(dbVar), args[0]), args[1]), nil
		}),
		cel.GlobalMacro("exists", 2, func(m cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
			return m.NewCall("@in", args[1], m.NewCall("_[_]", m.NewIdent(dbVar), args[0])), nil
		}),
	)
	env, err := cel.NewEnv(append(options, cel.Macros(macros...))...)
	if err != nil {
		return nil, fmt.Errorf("the environment of rules: %w", err)
	}
	return &Env{env}, nil
}

// WithArgs is the environment of rules that see the arguments of a mutator, args, too.
func (e *Env) WithArgs() (*Env, error) {
	env, err := e.env.Extend(cel.Variable("args", cel.DynType))
	if err != nil {
		return nil, fmt.Errorf("the environment of rules: %w", err)
	}
	return &Env{env}, nil
}

// names are taken: no relation may have one of them.
var names = []string{"auth", "space", "doc", "old", "new", "changed", "op", "now", "args", "get", "exists", "has"}

// An Input is what a rule is evaluated on. Maps are not changed.
type Input struct {
	Auth, Space   map[string]any
	Doc, Old, New map[string]any // nil: there is none
	Changed       []string
	Op            string
	Args          any // of a mutator: JSON
	Now           time.Time
	// Related returns what the relation holds with for who asks. It may be nil if there are no relations.
	Related func(relation string) Set
	// Lookup returns another entry, nil if there is none. It is called at most 16 times in one evaluation.
	Lookup func(collection, id string) (map[string]any, error)
}

// A Rule is ready to be evaluated. It is immutable.
type Rule struct {
	source  string
	program cel.Program
	quick   cel.Program // the same without counting what it costs; nil: it has to be counted
	room    int         // how large the variables may be for quick, see roomOf
	env     *cel.Env    // for traces
	ast     *cel.Ast
	free    []string // the variables that it looks at
	claims  []string // the outermost fields of auth that it looks at
}

// Compile reads a rule. The error says what is wrong and where in the text.
func (e *Env) Compile(source string) (*Rule, error) {
	r, err := e.compile(source)
	if err != nil {
		return nil, err
	}
	if r.claims == nil && r.Uses("auth") {
		return nil, fmt.Errorf("auth is looked at as a whole: name the claim, as in auth.uid")
	}
	if t := r.ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("a rule yields true or false; this one yields %s", t)
	}
	return r, nil
}

func (e *Env) compile(source string) (*Rule, error) {
	if len(source) > MaxSource {
		return nil, fmt.Errorf("a rule of %d bytes; the limit is %d", len(source), MaxSource)
	}
	checked, issues := e.env.Compile(source)
	if issues.Err() != nil {
		return nil, describe(issues)
	}
	program, err := e.env.Program(checked, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize), cel.CustomDecoratorV2(bounded))
	if err != nil {
		return nil, err
	}
	r := &Rule{source: source, program: program, env: e.env, ast: checked, free: freeOf(checked), claims: claimsOf(checked)}
	if r.room = roomOf(checked, source); r.room > 0 {
		if r.quick, err = e.env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CustomDecoratorV2(bounded)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// A TextError lists what is wrong with the text of a rule.
type TextError []Issue

// An Issue is one thing that is wrong with a text, at a line and column that count from 1.
type Issue struct {
	Line, Column int
	Message      string
}

func (e TextError) Error() string {
	var all []string
	for _, i := range e {
		all = append(all, fmt.Sprintf("line %d, column %d: %s", i.Line, i.Column, i.Message))
	}
	return strings.Join(all, "; ")
}

func describe(issues *cel.Issues) TextError {
	var all TextError
	for _, e := range issues.Errors() {
		all = append(all, Issue{e.Location.Line(), e.Location.Column() + 1, e.Message})
	}
	return all
}

// freeOf lists the variables of a syntax tree but for those of its comprehensions.
func freeOf(checked *cel.Ast) []string {
	var free []string
	root := ast.NavigateAST(checked.NativeRep())
	for _, e := range ast.MatchDescendants(root, ast.KindMatcher(ast.IdentKind)) {
		name := e.AsIdent()
		if !slices.Contains(free, name) && isVariable(name) {
			free = append(free, name)
		}
	}
	return free
}

// claimsOf lists the fields of auth that are looked at, nil if that cannot be said.
func claimsOf(checked *cel.Ast) []string {
	claims := []string{}
	root := ast.NavigateAST(checked.NativeRep())
	for _, e := range ast.MatchDescendants(root, ast.KindMatcher(ast.IdentKind)) {
		if e.AsIdent() != "auth" {
			continue
		}
		parent, ok := e.Parent()
		if !ok {
			return nil
		}
		switch parent.Kind() {
		case ast.SelectKind:
			claims = append(claims, parent.AsSelect().FieldName())
			continue
		case ast.CallKind:
			if call := parent.AsCall(); call.FunctionName() == "_[_]" && call.Args()[0].ID() == e.ID() && call.Args()[1].Kind() == ast.LiteralKind {
				if name, ok := call.Args()[1].AsLiteral().(types.String); ok {
					claims = append(claims, string(name))
					continue
				}
			}
		}
		return nil
	}
	slices.Sort(claims)
	return slices.Compact(claims)
}

// Claims lists the outermost fields of auth that the rule looks at.
func (r *Rule) Claims() []string { return r.claims }

func isVariable(name string) bool {
	switch name {
	case "auth", "space", "doc", "old", "new", "changed", "op", "now", dbVar:
		return true
	}
	return strings.HasPrefix(name, relationVar)
}

// Uses reports whether the rule looks at one of these variables.
func (r *Rule) Uses(names ...string) bool {
	return slices.ContainsFunc(r.free, func(name string) bool { return slices.Contains(names, name) })
}

// Related reports whether the rule asks a relation.
func (r *Rule) Related() bool { return len(relationsOf(r.free)) > 0 }

// Eval evaluates the rule. The error says why it has no answer, in which case it denies.
func (r *Rule) Eval(in *Input) (bool, error) {
	v, err := r.value(in)
	if err != nil {
		return false, err
	}
	allowed, ok := v.(types.Bool)
	if !ok {
		return false, fmt.Errorf("the rule yields a %s, not true or false", v.Type().TypeName())
	}
	return bool(allowed), nil
}

func (r *Rule) value(in *Input) (ref.Val, error) {
	program := r.program
	if r.quick != nil && r.small(in) {
		program = r.quick
	}
	v, _, err := program.Eval(&activation{in: in, steps: maxSteps})
	return v, err
}

// activation hands a program the variables that it asks for.
type activation struct {
	in    *Input
	db    *lookups
	steps int // left, see maxSteps
}

func (a *activation) Parent() cel.Activation { return nil }

func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case "auth":
		return a.in.Auth, true
	case "space":
		return a.in.Space, true
	case "doc":
		return orNull(a.in.Doc), true
	case "old":
		return orNull(a.in.Old), true
	case "new":
		return orNull(a.in.New), true
	case "changed":
		return a.in.Changed, true
	case "op":
		return a.in.Op, true
	case "args":
		if a.in.Args == nil {
			return types.NullValue, true
		}
		return a.in.Args, true
	case "now":
		return a.in.Now, true
	case stepsVar:
		return &a.steps, true
	case dbVar:
		if a.db == nil {
			a.db = &lookups{find: a.in.Lookup}
		}
		return entries{lookups: a.db}, true
	}
	if relation, ok := strings.CutPrefix(name, relationVar); ok && a.in.Related != nil {
		return related{set: a.in.Related(relation)}, true
	}
	return nil, false
}

func orNull(doc map[string]any) any {
	if doc == nil {
		return types.NullValue
	}
	return doc
}
