package ruletest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/ruletest"
)

// TestDocs: the definition in docs/RULES.md, with its tests, is taken.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if strings.HasPrefix(block, "spaces:") || strings.HasPrefix(block, "tests:") {
			all.WriteString(block)
		}
	}
	d, err := definition.ParseFile("docs/RULES.md", []byte(all.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Tests) == 0 || len(d.Tests[0].Steps) == 0 {
		t.Fatal("the example has no tests, or no steps")
	}
	if _, err := ruletest.Run(t.Context(), d, nil); err != nil {
		t.Error(err)
	}
	survivors, tried, err := ruletest.Mutate(t.Context(), d, nil)
	if err != nil || tried < 30 {
		t.Errorf("%d changes of rules were tried: %v", tried, err)
	}
	for _, s := range survivors {
		t.Error(s)
	}
}
