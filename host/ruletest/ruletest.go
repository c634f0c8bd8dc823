// Package ruletest runs the tests that a definition brings along: scenes of
// entries, who sees what of them, and who may write what. It decides nothing
// itself: each question goes the way that it goes in a server.
package ruletest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/authz/rule"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// Failed is the error of a definition that compiles and whose tests fail.
type Failed struct {
	Failures []string // all that is not as the tests say
}

func (f *Failed) Error() string {
	return "the definition's tests fail:\n  " + strings.Join(f.Failures, "\n  ")
}

// Run compiles a definition and runs its tests, which may call these mutators. The error
// is a *Failed if not all is as they say.
func Run(ctx context.Context, d *definition.Definition, mutators mutator.Set) (*authz.Policy, error) {
	p, err := authz.Compile(d)
	if err != nil {
		return nil, err
	}
	var failures []string
	for i := range d.Tests {
		name := d.Tests[i].Name
		if name == "" {
			name = fmt.Sprint(i + 1)
		}
		fail, err := Check(ctx, p, mutators, &d.Tests[i])
		if err != nil {
			fail = append(fail, err.Error())
		}
		for _, what := range fail {
			failures = append(failures, fmt.Sprintf("test %s: %s", name, what))
		}
	}
	if len(failures) > 0 {
		return nil, &Failed{failures}
	}
	return p, nil
}

// scene is the entries of a test in a space of their own.
type scene struct {
	path  space.Path
	store *memstore.Store
	head  space.Cursor
	names []string        // of all entries that there ever were, in order: see names.go
	ctx   context.Context // of the test
	known *names
	calls *calls

	policy *authz.Policy
	rules  *authz.Rules
	how
}

// how a test is run.
type how struct {
	quick bool                              // whether it fails is all that is asked: without reasons, up to the first failure
	noted func(place string, t *rule.Trace) // hears how each rule that the test asks answers; nil: nobody does
}

// Check runs one test under a policy, with the mutators that it may call, and returns all that is not as it says. The
// error means that the test itself is wrong.
func Check(ctx context.Context, p *authz.Policy, mutators mutator.Set, t *definition.Test) (failures []string, err error) {
	return check(ctx, p, mutators, t, how{})
}

func check(ctx context.Context, p *authz.Policy, mutators mutator.Set, t *definition.Test, how how) (failures []string, err error) {
	s, err := newScene(ctx, p, mutators, t)
	if err != nil {
		return nil, err
	}
	s.how = how
	if failures, err = s.cases("", t.Cases, nil, failures); err != nil {
		return nil, err
	}
	for i := range t.Steps {
		if s.enough(failures) {
			break
		}
		if failures, err = s.step(fmt.Sprintf("step %d, ", i+1), &t.Steps[i], failures); err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return failures, nil
}

// enough reports whether nothing more need be asked.
func (s *scene) enough(failures []string) bool { return s.quick && len(failures) > 0 }

// cases asks cases of the scene as it is now, and adds what is not as they say. Of those of a step there are devices that have caught up on
// it, by index, nil where none was asked for.
func (s *scene) cases(at string, cases []definition.Case, devices []*device, failures []string) ([]string, error) {
	relations, err := s.relations(s.rules)
	if err != nil {
		return nil, err
	}
	for i, c := range cases {
		if s.enough(failures) {
			break
		}
		who, err := principal(c.As)
		if err != nil {
			return nil, fmt.Errorf("case %d: %w", i+1, err)
		}
		fail := func(format string, args ...any) {
			failures = append(failures, fmt.Sprintf("%scase %d, as %s: ", at, i+1, name(who))+fmt.Sprintf(format, args...))
		}
		if at == "" && (c.Loses != nil || c.Gains != nil) {
			return nil, fmt.Errorf("case %d: loses and gains are of a step", i+1)
		}
		if c.Sees != nil {
			var d *device
			if devices != nil {
				d = devices[i]
			}
			if err := s.sees(who, relations, *c.Sees, d, fail); err != nil {
				return nil, fmt.Errorf("case %d: %w", i+1, err)
			}
			if err := s.note(who, s.names, nil); err != nil {
				return nil, err
			}
		}
		for _, side := range []struct {
			writes []definition.Write
			may    bool
		}{{c.May, true}, {c.MayNot, false}} {
			for _, w := range side.writes {
				if err := s.write(who, relations, w, side.may, fail); err != nil {
					return nil, fmt.Errorf("case %d: %w", i+1, err)
				}
			}
		}
	}
	return failures, nil
}

func name(who *authz.Session) string {
	if who.User() == "" {
		return "nobody"
	}
	return who.User()
}

// principal reads who a case speaks for.
func principal(raw jsontext.Value) (*authz.Session, error) {
	who, err := authz.ParsePrincipal(raw)
	if err != nil {
		return nil, fmt.Errorf("as: %w", err)
	}
	return who, nil
}

var sandbox = kernel.Writer{User: "test"}

// furnish commits the entries, whatever the rules.
func (s *scene) furnish(entries map[string]jsontext.Value) error {
	var m space.Mutation
	for key, record := range entries {
		collection, id, _ := strings.Cut(key, "/")
		m.Ops = append(m.Ops, space.Op{Op: space.OpPut, In: collection, ID: id, Value: record})
		s.names = append(s.names, key)
	}
	slices.Sort(s.names)
	if len(m.Ops) == 0 {
		return nil
	}
	who, err := (authz.Development{}).Identify(s.ctx, authz.Credentials{})
	if err != nil {
		return err
	}
	plan := s.plan(time.Time{})
	outcome, err := plan.Submit(sandbox, who.In(authz.Development{}.Rules(s.path)).Guard(nil, time.Time{}), &m)
	if err != nil {
		return err
	}
	if outcome.Kind != space.Applied {
		return fmt.Errorf("%s: %s", outcome.Path, outcome.Message)
	}
	return s.append(plan)
}

// relations are those of the scene as it is now, under some rules.
func (s *scene) relations(rules *authz.Rules) (*authz.Relations, error) {
	view, err := s.store.View(s.ctx, s.path, s.head.Seq)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	return rules.Load(view)
}

// append commits a plan. What tests write is of the present versions.
func (s *scene) append(plan *kernel.Plan) error {
	present := s.rules.Versions()
	for _, c := range plan.Commits() {
		for i := range c.Changes {
			c.Changes[i].Of = present.Of(c.Changes[i].Key.Collection)
		}
	}
	s.head = plan.Head()
	return s.store.Append(s.ctx, store.Batch{Space: s.path, Base: plan.Base(), Commits: plan.Commits()})
}

func (s *scene) plan(now time.Time) *kernel.Plan {
	limits := wire.DefaultLimits
	limits.Ops = max(limits.Ops, len(s.names))
	return kernel.NewPlan(s.head, now, store.Reader{Context: s.ctx, Store: s.store, Space: s.path}, limits)
}

// write tries one write on the scene.
func (s *scene) write(who *authz.Session, relations *authz.Relations, w definition.Write, may bool, fail func(string, ...any)) error {
	if !may {
		if err := alone(w); err != nil {
			return err
		}
	}
	m, err := s.mutation(w)
	if err != nil {
		return err
	}
	now, err := timeOf(w)
	if err != nil {
		return err
	}
	what, why := "call "+w.Call, func() string { return "" } // the outcome says it
	if w.Call == "" {
		key := s.known.name(space.Key{Collection: m.Ops[0].In, ID: m.Ops[0].ID})
		what, why = m.Ops[0].Op+" "+key, func() string { return s.why(who, key, &m.Ops[0], now) }
	}
	plan := s.plan(now)
	s.calls.serve(plan, who)
	outcome, err := plan.Submit(sandbox, who.In(s.rules).Guard(relations.Fork(), now), m)
	if err != nil {
		return err
	}
	if err := s.noteWrite(who, m, now); err != nil {
		return err
	}
	switch applied := outcome.Kind == space.Applied; {
	case applied && may:
		s.outside(what, w, plan, now, fail)
	case applied:
		fail("may %s, and should not%s", what, why())
	case may:
		fail("may not %s, and should: %s%s", what, refusal(plan, outcome), why())
	case outcome.Code != space.CodeForbidden && outcome.Code != space.CodeNotFound && outcome.Code != w.Code:
		fail("%s is refused as it should be, but for another reason: %s", what, refusal(plan, outcome))
	}
	return nil
}

// refusal says why a mutation is refused; of a mutator that broke down, what its author wants to know.
func refusal(plan *kernel.Plan, o space.Outcome) string {
	if f := plan.Faulted(); f != nil {
		return "the mutator broke down: " + f.Fault.Error()
	}
	return fmt.Sprintf("%s at %q: %s", o.Code, o.Path, o.Message)
}

// timeOf is when a write is made.
func timeOf(w definition.Write) (time.Time, error) {
	if w.At == "" {
		return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), nil
	}
	now, err := time.Parse(time.RFC3339, w.At)
	if err != nil {
		return now, fmt.Errorf("at: %w", err)
	}
	return now, nil
}

// mutation makes one of a write.
func (s *scene) mutation(w definition.Write) (*space.Mutation, error) {
	var ops []space.Op
	add := func(kind, name string) {
		if name != "" {
			key := s.known.key(name)
			ops = append(ops, space.Op{Op: kind, In: key.Collection, ID: key.ID})
		}
	}
	add(space.OpPut, w.Put)
	add(space.OpPatch, w.Patch)
	add(space.OpDelete, w.Delete)
	if w.Call != "" && len(ops) == 0 && w.Value == nil {
		if s.calls.runner == nil {
			return nil, fmt.Errorf("it calls %s, and no mutators are there to be called", w.Call)
		}
		return &space.Mutation{Call: w.Call, Args: w.Args}, nil
	}
	if len(ops) != 1 || w.Call != "" || w.Args != nil {
		return nil, errors.New("a write has one of put, patch and delete, with collection/id, or call, with args")
	}
	switch ops[0].Op {
	case space.OpPut:
		ops[0].Value = w.Value
	case space.OpPatch:
		ops[0].Patch = w.Value
	}
	return &space.Mutation{Ops: ops, V: s.rules.Versions()}, nil
}
