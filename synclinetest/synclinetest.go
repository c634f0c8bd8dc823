// Package synclinetest tests access rules from a Go test: the tests that a
// definition brings along, and others in the same form, each as a subtest.
//
//	func TestRules(t *testing.T) {
//		synclinetest.Rules(t, app)
//		synclinetest.Noticed(t, app)
//	}
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
)

// Rules compiles a definition and runs its tests and more, each as a subtest that
// fails with all that is not as it says, and why.
func Rules(t *testing.T, d *definition.Definition, more ...definition.Test) {
	t.Helper()
	p, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	for i, test := range append(d.Tests[:len(d.Tests):len(d.Tests)], more...) {
		name := test.Name
		if name == "" {
			name = fmt.Sprint(i + 1)
		}
		t.Run(name, func(t *testing.T) {
			failures, err := ruletest.Check(t.Context(), p, &test)
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
// tests and more notices: see [ruletest.Mutate].
func Noticed(t *testing.T, d *definition.Definition, more ...definition.Test) {
	t.Helper()
	with := *d
	with.Tests = append(d.Tests[:len(d.Tests):len(d.Tests)], more...)
	survivors, _, err := ruletest.Mutate(t.Context(), &with)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range survivors {
		t.Error(s)
	}
}
