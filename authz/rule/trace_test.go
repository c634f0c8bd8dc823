package rule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/authz/rule"
)

// TestTraceAgrees holds traces against the rules: each part's answer is that which the part's own text gives,
// the atoms that decide do decide, and the rule written anew from its tree says the same.
func TestTraceAgrees(t *testing.T) {
	e := env(t)
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		source := anyRule(t)
		if rapid.Bool().Draw(t, "choice") {
			source = fmt.Sprintf("(%s) ? (%s) : !(%s)", rapid.SampledFrom(conjuncts).Draw(t, "if"), source, rapid.SampledFrom(conjuncts).Draw(t, "else"))
		}
		r, err := e.Compile(source)
		if err != nil {
			t.Skip(err)
		}
		sets := map[string]rule.Set{"member": anySet(t, "member"), "editor": anySet(t, "editor")}
		in := &rule.Input{
			Auth: anyDoc(t, "auth"), Doc: anyDoc(t, "doc"), Space: map[string]any{"team": anyName.Draw(t, "space")},
			Related: func(name string) rule.Set { return sets[name] },
		}
		ask := func(text string) string {
			part, err := e.Compile(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			ok, err := part.Eval(in)
			if err != nil {
				return "error"
			}
			return fmt.Sprint(ok)
		}
		trace, err := r.Trace(in)
		if err != nil {
			t.Fatal(err)
		}
		var check func(*rule.Trace)
		check = func(tr *rule.Trace) {
			seen[tr.Result]++
			if want := ask(tr.Text); tr.Result != want {
				t.Fatalf("%s in %s\nauth %v\ndoc %v\nsets %v: the trace says %s (%s), it is %s", tr.Text, source, in.Auth, in.Doc, sets, tr.Result, tr.Error, want)
			}
			for _, part := range tr.Parts {
				check(part)
			}
		}
		check(trace)
		deciding := trace.Deciding()
		if len(deciding) == 0 {
			t.Fatalf("%s: nothing decides", source)
		}
		// Whatever the other atoms were, the answer would be the same.
		tree, err := r.Tree()
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(tree.With(nil, "")); got != trace.Result {
			t.Fatalf("%s: written anew as %s it says %s, not %s", source, tree.With(nil, ""), got, trace.Result)
		}
		if trace.Result == "error" {
			return
		}
		traced := atoms(trace)
		for i, atom := range tree.Atoms() {
			if slices.Contains(deciding, traced[i]) {
				continue
			}
			for _, other := range []string{"true", "false"} {
				if got := ask(tree.With(atom, other)); got != trace.Result {
					t.Fatalf("%s: %s does not decide, but were it %s the answer would be %s and not %s", source, atom.Text, other, got, trace.Result)
				}
			}
		}
	})
	for _, what := range []string{"true", "false", "error"} {
		if seen[what] < 100 {
			t.Errorf("%s was seen %d times: that tests little", what, seen[what])
		}
	}
}

func atoms(t *rule.Trace) []*rule.Trace {
	if t.Kind == rule.Atom {
		return []*rule.Trace{t}
	}
	var all []*rule.Trace
	for _, part := range t.Parts {
		all = append(all, atoms(part)...)
	}
	return all
}

// TestTraceLooks: what atoms look at is told with its values, relations with what they hold with.
func TestTraceLooks(t *testing.T) {
	e := env(t)
	in := &rule.Input{
		Auth: map[string]any{"uid": "bob", "teams": []any{"x"}}, Space: map[string]any{"team": "alpha"}, Op: "update", Changed: []string{"a"},
		Doc: map[string]any{"owner": "ada", "n": 2.0, "o": map[string]any{"p": nil}, "list": []any{"x"}, "long": strings.Repeat("é", 300)}, Old: map[string]any{"n": 1.0},
		Related: func(string) rule.Set { return rule.Set{`"p1`: 1, "7": 1} },
		Lookup: func(collection, id string) (map[string]any, error) {
			return map[string]any{"x": id}, nil
		},
	}
	for source, want := range map[string]string{
		`doc.owner == auth.uid`:                        `doc.owner = "ada"; auth.uid = "bob"`,
		`doc.owner in auth.teams`:                      `doc.owner = "ada"; auth.teams = ["x"]`,
		`doc.o.p == null && doc["n"] == 2`:             `doc.o.p = null | doc["n"] = 2`,
		`doc.none == 1`:                                `doc.none = not there: no such key: none`,
		`member(doc.n)`:                                `doc.n = 2; member of 2, holds with ["p1" 7]`,
		`editor("p1")`:                                 `editor of "p1", holds with ["p1" 7]`,
		`get("c", doc.owner).x == doc.owner`:           `get("c", doc.owner).x = "ada"; doc.owner = "ada"`,
		`doc.list.exists(r, r == auth.uid)`:            `doc.list = ["x"]`,
		`!("owner" in changed)`:                        `changed = ["a"]`,
		`op == "update"`:                               `op = "update"`,
		`old.n + 1 == doc.n`:                           `old.n = 1; doc.n = 2`,
		`doc.long == ""`:                               `doc.long = "` + strings.Repeat("é", 99) + `…`,
		`doc.list[0] == "x"`:                           `doc.list[0] = "x"`,
		`has(doc.owner)`:                               ``,
		`doc.owner.startsWith(auth.uid) || auth.z > 1`: `doc.owner = "ada"; auth.uid = "bob" | auth.z = not there: no such key: z`,
	} {
		r, err := e.Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		trace, err := r.Trace(in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range atoms(trace) {
			var parts []string
			for _, l := range a.Looks {
				parts = append(parts, l.Text+" = "+l.Value)
			}
			for _, r := range a.Relations {
				parts = append(parts, fmt.Sprintf("%s of %s, holds with %v", r.Relation, r.Object, r.Holds))
			}
			got = append(got, strings.Join(parts, "; "))
		}
		if text := strings.Join(got, " | "); text != want {
			t.Errorf("%s:\n got %s\nwant %s", source, text, want)
		}
	}
}
