package rule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/authz/rule"
)

func env(t interface{ Fatal(...any) }) *rule.Env {
	e, err := rule.NewEnv([]string{"member", "editor"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// conjuncts of random rules: indexable ones, ones of who asks only, ones of the
// entry only, and ones of both that no index knows.
var conjuncts = []string{
	`doc.owner == auth.uid`, `auth.uid == doc.owner`, `doc.team in auth.teams`, `auth.uid in doc.readers`, `member(doc.project)`, `editor(doc.project)`,
	`doc["owner"] == auth.uid`, `doc.o.p == auth.n`, `doc.n == auth.n`, `doc.n in [1, 2.0, "x"]`, `doc.b == true`, `auth.uid in doc.o`,
	`auth.admin == true`, `"a" in auth.teams`, `member("p1")`, `auth.n > 1`, `space.team == auth.uid`, `true`, `false`, `auth.missing == 1`,
	`doc.b`, `doc.n > 1`, `size(doc.readers) > 1`, `has(doc.owner)`, `!has(doc.owner)`, `!(doc.owner == auth.uid)`, `doc.owner != auth.uid`,
	`doc.n > auth.n`, `doc.readers.exists(r, r == auth.uid)`, `doc.owner == doc.team`, `doc.project in doc.readers`, `(doc.b ? auth.uid : "x") == doc.owner`,
	`!member(doc.project)`, `doc.owner.startsWith(auth.uid)`,
}

func anyRule(t *rapid.T) string {
	branch := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(conjuncts), 1, 3).Draw(t, "and"), " && ")
	})
	either := rapid.Custom(func(t *rapid.T) string {
		return "(" + strings.Join(rapid.SliceOfN(branch, 1, 2).Draw(t, "or"), " || ") + ")"
	})
	return strings.Join(rapid.SliceOfN(rapid.OneOf(branch, rapid.Custom(func(t *rapid.T) string {
		return either.Draw(t, "a") + " && " + either.Draw(t, "b")
	})), 1, 3).Draw(t, "branches"), " || ")
}

var (
	anyName = rapid.SampledFrom([]string{"a", "b", "p1", "p2", ""})
	anyNum  = rapid.SampledFrom([]float64{0, 1, 2, 2.5, -1, 9007199254740991})
)

func anyValue(t *rapid.T, name string) any {
	return rapid.OneOf(
		rapid.Map(anyName, func(s string) any { return s }), rapid.Map(anyNum, func(f float64) any { return f }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Just[any](nil), rapid.Just[any]([]any{"a", 1.0}), rapid.Just[any](map[string]any{"a": 1.0}),
	).Draw(t, name)
}

// anyDoc has fields of the right types as a rule, of any type now and then, or not at all.
func anyDoc(t *rapid.T, name string) map[string]any {
	doc := map[string]any{}
	right := map[string]func() any{
		"owner": func() any { return anyName.Draw(t, "s") }, "team": func() any { return anyName.Draw(t, "s") }, "project": func() any { return anyName.Draw(t, "s") },
		"uid": func() any { return anyName.Draw(t, "s") }, "n": func() any { return anyNum.Draw(t, "n") },
		"b": func() any { return rapid.Bool().Draw(t, "b") }, "admin": func() any { return rapid.Bool().Draw(t, "b") },
		"readers": func() any { return names(t) }, "teams": func() any { return names(t) },
		"o": func() any { return map[string]any{"p": anyNum.Draw(t, "n"), anyName.Draw(t, "k"): true} },
	}
	for _, field := range []string{"owner", "team", "project", "uid", "n", "b", "admin", "readers", "teams", "o"} {
		switch rapid.IntRange(0, 5).Draw(t, name+field) {
		case 0:
		case 1:
			doc[field] = anyValue(t, field)
		default:
			doc[field] = right[field]()
		}
	}
	return doc
}

func names(t *rapid.T) []any {
	out := []any{}
	for _, s := range rapid.SliceOfN(anyName, 0, 3).Draw(t, "names") {
		out = append(out, s)
	}
	return out
}

func anySet(t *rapid.T, name string) rule.Set {
	set := rule.Set{}
	for _, v := range names(t) {
		text, _ := rule.Text(v)
		set[text] = 1
	}
	return set
}

// TestIndexAgrees holds the index against the whole rule: it allows the same, whoever may see an
// entry has a key in common with it, and grants of one class allow the same.
func TestIndexAgrees(t *testing.T) {
	e := env(t)
	seen := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		source := anyRule(t)
		r, err := e.CompileRead(source)
		if err != nil {
			t.Skip(err)
		}
		var docs []map[string]any
		for i := range 4 {
			docs = append(docs, anyDoc(t, fmt.Sprint("doc", i)))
		}
		classes := map[string][]bool{}
		for i := range 3 {
			sets := map[string]rule.Set{"member": anySet(t, "member"), "editor": anySet(t, "editor")}
			in := &rule.Input{
				Auth: anyDoc(t, fmt.Sprint("auth", i)), Space: map[string]any{"team": anyName.Draw(t, "space")},
				Related: func(name string) rule.Set { return sets[name] },
			}
			g := r.Grants(in)
			held := map[rule.Key]bool{}
			for k := range g.Keys {
				held[k] = true
			}
			var all []bool
			for _, doc := range docs {
				with := *in
				with.Doc = doc
				want := r.Allows(&with)
				seen[want]++
				if got := g.Allows(doc); got != want {
					t.Fatalf("%s\nauth %v, space %v, sets %v\ndoc %v: the index says %v", source, in.Auth, in.Space, sets, doc, got)
				}
				if all = append(all, want); !want {
					continue
				}
				if g.None() {
					t.Fatalf("%s: something is allowed", source)
				}
				common := false
				for k := range func(yield func(rule.Key) bool) { r.Keys(doc, yield) } {
					common = common || held[k]
				}
				if !common {
					t.Fatalf("%s\nauth %v, sets %v\ndoc %v: no key in common; held %v", source, in.Auth, sets, doc, held)
				}
			}
			if same, ok := classes[g.ID()]; ok && !slices.Equal(same, all) && !strings.Contains(source, "space.") {
				t.Fatalf("%s: two of one class, %v and %v", source, same, all)
			}
			classes[g.ID()] = all
		}
	})
	if seen[true] < 50 || seen[false] < 50 {
		t.Errorf("the rules said yes %d times and no %d times: that tests little", seen[true], seen[false])
	}
}

// TestReadRefuses what would make an answer change without a commit.
func TestReadRefuses(t *testing.T) {
	e := env(t)
	for source, want := range map[string]string{
		`doc.a ==`:                       "Syntax error",
		`doc.until > now`:                "cannot look at now",
		`op == "create"`:                 "cannot look at op",
		`get("c", doc.id).x == auth.uid`: "declare a relation",
		`exists("c", auth.uid)`:          "declare a relation",
		`nobody(doc.id)`:                 "undeclared reference",
		`1 + 1`:                          "true or false",
		`"` + strings.Repeat("x", 4096) + `" == ""`:                                    "the limit is 4096",
		strings.Repeat("(", 100) + "true" + strings.Repeat(")", 100):                   "recursion",
		`(auth.a||auth.b||auth.c)&&(auth.a||auth.b||auth.c)&&(auth.a||auth.b||auth.c)`: "more than 16 branches",
	} {
		if _, err := e.CompileRead(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v; want %q", source, err, want)
		}
	}
	if _, err := rule.NewEnv([]string{"get"}); err == nil {
		t.Error("a relation may be called get")
	}
}

// TestWarnings: what cannot be indexed is told, and nothing else.
func TestWarnings(t *testing.T) {
	for source, want := range map[string]int{
		`doc.owner == auth.uid || doc.team in auth.teams`: 0,
		`auth.role == "admin"`:                            0,
		`doc.public == true`:                              0,
		`doc.n > 3`:                                       0,
		`doc.n > auth.n`:                                  1,
		`doc.owner == auth.uid && doc.n > auth.n`:         0,
		`!member(doc.project) || doc.n > auth.n`:          2,
	} {
		r, err := env(t).CompileRead(source)
		if err != nil || len(r.Warnings()) != want {
			t.Errorf("%s: %q, %v; want %d", source, r.Warnings(), err, want)
		}
	}
}

// TestEval: what a rule of writes sees, and that it denies when it fails.
func TestEval(t *testing.T) {
	e := env(t)
	in := &rule.Input{
		Auth: map[string]any{"uid": "ada", "n": 2.0}, Space: map[string]any{"team": "alpha", "path": "team/alpha"},
		Old: map[string]any{"n": 1.0}, New: map[string]any{"n": 2.0, "f": 0.5}, Changed: []string{"f", "n"}, Op: "update",
		Related: func(name string) rule.Set { return rule.Set{`"p`: 1} },
		Lookup: func(collection, id string) (map[string]any, error) {
			if id == "none" {
				return nil, nil
			}
			return map[string]any{"in": collection, "id": id}, nil
		},
	}
	for source, want := range map[string]string{
		`new.n == old.n + 1 && new.f == 0.5 && auth.n == new.n`:                  "true",
		`changed.all(c, c in ["n", "f"]) && op == "update"`:                      "true",
		`get("teams", space.team).id == "alpha" && get("teams", "none") == null`: "true",
		`exists("teams", "x") && !exists("teams", "none")`:                       "true",
		`member("p") && !member("q") && !member(1)`:                              "true",
		`doc == null`:              "true",
		`new.missing == 1`:         "no such key",
		`new.missing == 1 || true`: "true",
		`new.n + 0.5 > 1.0`:        "no such overload",
		`[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16].all(i, exists("a", string(i)))`:    "true",
		`[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17].all(i, exists("a", string(i)))`: "more than 16",
		`new.n`: "not true or false",
		`[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, a+b+c+d > 0))))`: "cost",
	} {
		r, err := e.Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got := ""
		if ok, err := r.Eval(in); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprint(ok)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
}

// TestRulesThatExplode: a rule that would take long on an entry that somebody has made for that has no
// answer, and so denies. (What hangs fails by the time of the whole test.)
func TestRulesThatExplode(t *testing.T) {
	e := env(t)
	many := make([]any, 20_000)
	for i := range many {
		many[i] = float64(i)
	}
	in := &rule.Input{Doc: map[string]any{"s": strings.Repeat("a", 250_000), "many": many}}
	for _, source := range []string{
		`doc.s.matches("^(a+)+$")`,
		`doc.many.all(a, doc.s.matches("^(a|aa)+b$") || a >= 0.0)`,
		`doc.many.exists(a, doc.many.exists(b, doc.many.exists(c, a + b + c < 0.0)))`,
		`doc.many.map(a, doc.many.map(b, doc.many)).size() > 0`,
		`doc.many.map(a, doc.s + doc.s).size() > 0`,
		`doc.many.all(a, (doc.s + "x").size() > 0)`,
		`doc.s.matches("a{1,1000}b")`,
		`doc.s.matches("(a{1,30}){1,30}b")`,
		`doc.s.matches(doc.many.size() > 3 ? "a{1,1000}b" : "b")`,
		`matches(doc.s, "a{1,1000}b")`,
		`doc.many.filter(a, doc.many.filter(b, b == a) == [a]) == doc.many`,
	} {
		r, err := e.Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if ok, err := r.Eval(in); ok || err == nil || !strings.Contains(err.Error(), "cost") {
			t.Errorf("%s: %t, %v", source, ok, err)
		}
	}
	small := &rule.Input{Doc: map[string]any{"s": strings.Repeat("a", 200), "p": "^(a{1,10})+$"}}
	for source, want := range map[string]bool{
		`doc.s.matches("a{1,100}")`: true, `doc.s.matches("b")`: false, `doc.s.matches(doc.p)`: true, `doc.s + "b" == "b"`: false, `("b" + doc.s).matches("^ba+$")`: true, `doc.s.matches("(") || true`: true,
	} {
		r, err := e.Compile(source)
		if err != nil {
			if !strings.Contains(source, `"("`) {
				t.Errorf("%s: %v", source, err)
			}
			continue
		}
		if ok, err := r.Eval(small); ok != want || err != nil {
			t.Errorf("%s: %t, %v", source, ok, err)
		}
	}
	for _, source := range []string{`doc.s.matches("(a{1000}){1000}")`, `doc.s.matches("(?:(?:a{100}){100}){100}")`} {
		if r, err := e.Compile(source); err == nil {
			if ok, err := r.Eval(in); ok || err == nil {
				t.Errorf("%s: %t, %v", source, ok, err)
			}
		}
	}
}
