package selector

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/syncline/syncline/value"
)

var updateFiles = flag.Bool("update", false, "write testdata/vectors/generated.json")

const generatedFile = "../testdata/vectors/generated.json"

// TestGenerated holds the file of random cases to what the generator and this
// package say today. The TypeScript tests hold themselves to the file.
func TestGenerated(t *testing.T) {
	got := generate(600)
	if *updateFiles {
		if err := os.WriteFile(generatedFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(generatedFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("generated.json is not what the generator makes; run go test ./selector -update")
	}
}

// generate makes n cases of each kind, one a line.
func generate(n int) []byte {
	g := newGenerator(1)
	var out bytes.Buffer
	section := func(name, end string, one func() map[string]any) {
		fmt.Fprintf(&out, "%q: [\n", name)
		for i := range n {
			out.Write(value.Encode(one()))
			if i < n-1 {
				out.WriteByte(',')
			}
			out.WriteByte('\n')
		}
		out.WriteString("]" + end + "\n")
	}
	out.WriteString("{\n")
	section("compare", ",", g.compareCase)
	section("selectors", ",", g.selectorCase)
	section("updates", "", g.updateCase)
	out.WriteString("}\n")
	return out.Bytes()
}

// generator draws from pools which are small, so that things meet, and which
// hold the edges of every type.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, 2))} }

func pick[T any](g generator, pool []T) T { return pool[g.IntN(len(pool))] }

var (
	namePool   = []string{"a", "b", "c", "a.b", "toString", "$d", "\uffff", "\U0001f600"}
	pathPool   = []string{"a", "b", "c", "a.b", "a.c", "b.a", "a.b.c", `a\.b`, "toString", `\$d`, "a.$d", "\uffff", "\U0001f600", "b.a-b"}
	scalarPool = []any{nil, true, false, 0.0, 1.0, 2.0, 3.0, -1.0, 0.5, 1e-7, 9007199254740991.0, "", "a", "ab", "b", "é", "\ue000", "\U0001f600"}
)

func (g generator) tree(depth int) any {
	if depth == 0 || g.IntN(5) < 2 {
		return pick(g, scalarPool)
	}
	if g.IntN(3) == 0 {
		list := make([]any, g.IntN(4))
		for i := range list {
			list[i] = g.tree(depth - 1)
		}
		return list
	}
	return g.doc(depth)
}

func (g generator) doc(depth int) map[string]any {
	doc := map[string]any{}
	for range g.IntN(5) {
		doc[pick(g, namePool)] = g.tree(depth - 1)
	}
	return doc
}

func (g generator) compareCase() map[string]any {
	a, b := g.tree(3), g.tree(3)
	sign := max(-1, min(1, value.Compare(a, b)))
	return map[string]any{"a": a, "b": b, "sign": float64(sign)}
}

func (g generator) selectorCase() map[string]any {
	raw := g.selector(2, false)
	s, err := Parse(value.Encode(raw))
	for err != nil && g.IntN(20) > 0 { // few cases should be refused
		raw = g.selector(2, false)
		s, err = Parse(value.Encode(raw))
	}
	doc := g.doc(3)
	for tries := g.IntN(200); err == nil && tries > 0 && !s.Match(doc); tries-- {
		doc = g.doc(3) // many should match
	}
	out := map[string]any{"doc": doc, "selector": raw}
	if err != nil {
		out["code"] = codeOf(err)
		return out
	}
	out["normal"], out["match"] = s.String(), s.Match(doc)
	return out
}

func (g generator) selector(depth int, field bool) map[string]any {
	out := map[string]any{}
	for range 1 + g.IntN(2) {
		switch {
		case depth > 0 && g.IntN(3) == 0:
			op := pick(g, []string{"$and", "$or", "$nor", "$not"})
			if op == "$not" {
				out[op] = g.selector(depth-1, field)
				continue
			}
			list := make([]any, 1+g.IntN(3))
			for i := range list {
				list[i] = g.selector(depth-1, field)
			}
			out[op] = list
		case field && g.IntN(4) > 0:
			op := pick(g, opNames[:])
			out[op] = g.operand(op, depth)
		case depth > 0 && g.IntN(3) > 0:
			out[pick(g, pathPool)] = g.selector(depth-1, true)
		default:
			out[pick(g, pathPool)] = g.tree(1)
		}
	}
	return out
}

func (g generator) operand(op string, depth int) any {
	if g.IntN(40) == 0 {
		return g.tree(1) // mostly refused
	}
	switch op {
	case "$in", "$nin", "$all":
		list := make([]any, g.IntN(4))
		for i := range list {
			list[i] = g.tree(1)
		}
		return list
	case "$exists":
		return g.IntN(2) == 0
	case "$type":
		return pick(g, []any{"null", "boolean", "number", "string", "array", "object"})
	case "$size":
		return float64(g.IntN(4))
	case "$elemMatch":
		return g.selector(max(0, depth-1), true)
	case "$mod":
		return []any{pick(g, []any{1.0, 2.0, 3.0, -2.0}), pick(g, []any{0.0, 1.0, -1.0})}
	case "$beginsWith":
		return pick(g, []any{"", "a", "é", "\U0001f600"})
	}
	return g.tree(2)
}

func (g generator) updateCase() map[string]any {
	doc, raw := g.doc(3), g.update()
	out := map[string]any{"doc": doc, "update": raw}
	u, err := ParseUpdate(value.Encode(raw), value.Limits{})
	if err != nil {
		out["code"] = codeOf(err)
		return out
	}
	out["normal"] = u.String()
	after, err := u.Apply(doc)
	if err != nil {
		out["applyCode"], out["path"] = codeOf(err), err.(*value.Error).Path
		return out
	}
	out["after"] = after
	return out
}

func (g generator) update() map[string]any {
	out := map[string]any{}
	for range 1 + g.IntN(3) {
		name, path := pick(g, []string{"$set", "$unset", "$inc", "$add", "$remove"}), pick(g, pathPool)
		if name == "$unset" {
			list, _ := out[name].([]any)
			out[name] = append(list, path)
			continue
		}
		fields, ok := out[name].(map[string]any)
		if !ok {
			fields = map[string]any{}
			out[name] = fields
		}
		switch name {
		case "$set":
			fields[path] = g.tree(2)
		case "$inc":
			fields[path] = float64(g.IntN(7) - 3)
		default:
			scalars := slices.DeleteFunc(slices.Clone(scalarPool), func(v any) bool { return v == nil })
			list := make([]any, 1+g.IntN(3))
			for i := range list {
				list[i] = pick(g, scalars)
			}
			fields[path] = list
		}
	}
	return out
}
