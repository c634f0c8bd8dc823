// Package synclinetest tests access rules from a Go test: the tests that a
// definition brings along, and others in the same form, each as a subtest.
//
//	func TestRules(t *testing.T) {
//		synclinetest.Rules(t, app)
//		synclinetest.Noticed(t, app)
//	}
//
// Tests that call mutators want a Suite, which has them:
//
//	suite := synclinetest.Suite{Definition: app, Mutators: mutators}
//	suite.Rules(t)
//
// What the form can say is in docs/RULES.md; what tests a running server does not
// belong here: open one with syncline.Open on a directory of t.TempDir.
package synclinetest

import (
	"fmt"
	"testing"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/ruletest"
	"github.com/syncline/syncline/mutator"
)

// A Suite is a definition with the mutators that its tests call.
type Suite struct {
	Definition *definition.Definition
	Mutators   mutator.Set // in Go, or from script.Load; nil: no test calls any
}

// Rules is [Suite.Rules] for tests that call no mutators.
func Rules(t *testing.T, d *definition.Definition, more ...definition.Test) {
	t.Helper()
	Suite{Definition: d}.Rules(t, more...)
}

// Noticed is [Suite.Noticed] for tests that call no mutators.
func Noticed(t *testing.T, d *definition.Definition, more ...definition.Test) {
	t.Helper()
	Suite{Definition: d}.Noticed(t, more...)
}

// Rules compiles the definition and runs its tests and more, each as a subtest that
// fails with all that is not as it says, and why.
func (s Suite) Rules(t *testing.T, more ...definition.Test) {
	t.Helper()
	p, err := authz.Compile(s.Definition)
	if err != nil {
		t.Fatal(err)
	}
	for i, test := range s.tests(more) {
		name := test.Name
		if name == "" {
			name = fmt.Sprint(i + 1)
		}
		t.Run(name, func(t *testing.T) {
			failures, err := ruletest.Check(t.Context(), p, s.Mutators, &test)
			if err != nil {
				t.Fatal(err)
			}
			for _, failure := range failures {
				t.Error(failure)
			}
		})
	}
}

// Noticed fails for each change of an atom of a rule that none of the definition's
// tests and more notices ([ruletest.Mutate]), and for each atom that they do not ask both
// where it is true and where it is false ([ruletest.Cover]).
func (s Suite) Noticed(t *testing.T, more ...definition.Test) {
	t.Helper()
	with := *s.Definition
	with.Tests = s.tests(more)
	survivors, _, err := ruletest.Mutate(t.Context(), &with, s.Mutators)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range survivors {
		t.Error(s)
	}
	unseen, _, err := ruletest.Cover(t.Context(), &with, s.Mutators)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range unseen {
		t.Error(u)
	}
}

func (s Suite) tests(more []definition.Test) []definition.Test {
	return append(s.Definition.Tests[:len(s.Definition.Tests):len(s.Definition.Tests)], more...)
}
