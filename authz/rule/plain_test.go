package rule

import (
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"pgregory.net/rapid"
)

// plainSources are rules that are plain; what they cost grows with what they look at in every way that plain rules have.
var plainSources = []string{
	`auth.uid != ''`, `doc.owner == auth.uid && !('owner' in changed)`, `doc.a == doc.b`, `old.a == new.a && old == new`,
	`doc.a + doc.a + doc.b == doc.b + doc.a + doc.a`, `doc.a < doc.b || doc.b >= doc.a`, `auth.uid in doc.list && 'x' in doc.list && 7 in doc.list`,
	`size(doc.a) + size(doc.list) + size(doc.m) > 3`, `doc.m == doc.m && doc.list != doc.list`, `doc.list[0] == doc.list[1]`, `doc.m["a"] in doc.list + doc.list`,
	`member(doc.a) || doc.a in {"a": 1, "b": [1, 2, 3]}`, `(doc.a == "x" ? doc.list : doc.list + doc.list) == doc.list`, `op == "update" && has(doc.a) && space.team == auth.uid`,
	`doc == old && old == new && auth == auth.c`,
}

// manifold is not: it calls what costs a product, looks other entries up, goes through lists or looks at arguments.
var manifold = []string{
	`doc.a.contains(doc.b)`, `doc.a.matches(doc.b)`, `doc.a.startsWith("x")`, `doc.list.exists(x, x == auth.uid)`, `get("c", "d").a == 1`, `exists("c", "d")`, `args.a == 1`,
	`now > timestamp("2026-01-01T00:00:00Z")`, `int(doc.a) == 1`,
}

// TestPlain: whatever a plain rule looks at, as long as it is small enough not to be counted, it would
// have cost less than the limit; and it has the same answer either way.
func TestPlain(t *testing.T) {
	base, err := NewEnv([]string{"member"})
	if err != nil {
		t.Fatal(err)
	}
	env, err := base.WithArgs()
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range manifold {
		if r, err := env.Compile(source); err != nil || r.quick != nil {
			t.Errorf("%s: %v, is taken for plain", source, err)
		}
	}
	var rules []*Rule
	var counted []cel.Program
	for _, source := range plainSources {
		r, err := env.compile(source)
		if err != nil || r.quick == nil {
			t.Fatalf("%s: %v, is not plain", source, err)
		}
		p, err := env.env.Program(r.ast, cel.EvalOptions(cel.OptOptimize, cel.OptTrackCost))
		if err != nil {
			t.Fatal(err)
		}
		rules, counted = append(rules, r), append(counted, p)
	}
	quick, slow, dearest := 0, 0, uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(rules)-1).Draw(t, "rule")
		r := rules[i]
		large := rapid.SampledFrom([]string{"", "a", "b", "list", "m", "new.a", "new.list", "uid", "changed", "a and b"}).Draw(t, "large")
		length := func(of string) int {
			if !strings.Contains(large, of) || large == "" {
				return rapid.SampledFrom([]int{0, 1, 10}).Draw(t, of)
			}
			return r.room * rapid.SampledFrom([]int{20, 40, 90, 99, 110}).Draw(t, of) / 100
		}
		text := func(of string) string {
			return strings.Repeat(rapid.SampledFrom([]string{"a", "x", "ü"}).Draw(t, "letter"), length(of))
		}
		list := func(of string) []any {
			out := make([]any, length(of))
			for i := range out {
				out[i] = float64(i)
			}
			return out
		}
		doc := map[string]any{"a": text("a"), "b": text("b"), "list": list("list"), "owner": "ada", "m": map[string]any{"a": text("m")}}
		next := doc
		if rapid.Bool().Draw(t, "other") {
			next = map[string]any{"a": text("new.a"), "list": list("new.list")}
		}
		in := &Input{
			Auth: map[string]any{"uid": text("uid"), "c": doc["m"]}, Space: map[string]any{"team": "t"}, Doc: doc, Old: doc, New: next,
			Changed: []string{text("changed"), "owner"}, Op: "update", Related: func(string) Set { return Set{`"a`: 1} },
		}
		was, details, failure := counted[i].Eval(&activation{in: in, steps: maxSteps})
		cost := *details.ActualCost()
		if !r.small(in) {
			slow++
			return
		}
		quick++
		dearest = max(dearest, cost)
		if cost >= maxCost {
			t.Fatalf("%s costs %d and is not counted", r.source, cost)
		}
		is, err := r.value(in)
		limited, _, limit := r.program.Eval(&activation{in: in, steps: maxSteps})
		if (err != nil) != (failure != nil) || (limit != nil) != (failure != nil) || err == nil && (is.Equal(was) != limited.Equal(was)) {
			t.Fatalf("%s: %v %v, counted %v %v and %v %v", r.source, is, err, was, failure, limited, limit)
		}
	})
	if quick == 0 || slow == 0 {
		t.Fatalf("%d were small, %d were not", quick, slow)
	}
	t.Logf("%d were small, %d were not; the dearest of the small ones cost %d", quick, slow, dearest)
}

// TestAllocations: rules as they are common are evaluated without counting.
func TestAllocations(t *testing.T) {
	env, err := NewEnv([]string{"member"})
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]any{"owner": "ada", "title": "a title of some length", "votes": 1.0}
	in := &Input{Auth: map[string]any{"uid": "ada"}, Doc: doc, Old: doc, New: doc, Changed: []string{"title", "votes"}, Op: "update"}
	for source, budget := range map[string]float64{`auth.uid != ''`: 2, `doc.owner == auth.uid && !('owner' in changed)`: 6} {
		r, err := env.Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(200, func() {
			if ok, err := r.Eval(in); err != nil || !ok {
				t.Error(ok, err)
			}
		})
		if n > budget {
			t.Errorf("%s: %v allocations; the budget is %v", source, n, budget)
		}
	}
}
