package rule_test

import (
	"testing"

	"github.com/syncline/syncline/authz/rule"
)

// BenchmarkEval is one evaluation of rules as they are common.
func BenchmarkEval(b *testing.B) {
	env, err := rule.NewEnv([]string{"member"})
	if err != nil {
		b.Fatal(err)
	}
	doc := map[string]any{"owner": "ada", "project": "p", "slug": "s", "title": "a title of some length", "votes": 1.0}
	in := &rule.Input{
		Auth: map[string]any{"uid": "ada"}, Space: map[string]any{"any": "bench", "path": "bench"},
		Doc: doc, Old: doc, New: doc, Changed: []string{"title", "votes"}, Op: "update",
		Related: func(string) rule.Set { return rule.Set{`"p`: 1} },
	}
	for name, source := range map[string]string{
		"open":    "auth.uid != ''",
		"owner":   "doc.owner == auth.uid && !('owner' in changed)",
		"member":  "doc.owner == 'eve' || member(doc.project)",
		"numbers": "new.votes <= old.votes + 1 && size(new.title) < 100",
	} {
		r, err := env.Compile(source)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := r.Eval(in); err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
