package kernel_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

func TestCompileViewRefuses(t *testing.T) {
	parts := func(n int) space.View { return make(space.View, n) }
	fill := func(v space.View, in string) space.View {
		for i := range v {
			v[i].In = in
		}
		return v
	}
	long := func(n int) space.View {
		return space.View{{In: "c", Where: []byte(`{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}`)}}
	}
	limits := wire.DefaultLimits
	limits.Parts, limits.Selector = 4, 100
	for _, c := range []struct {
		name        string
		view        space.View
		code, limit string
	}{
		{"parts below", fill(parts(3), "c"), "", ""},
		{"parts at", fill(parts(4), "c"), "", ""},
		{"parts above", fill(parts(5), "c"), wire.CodeTooMany, "parts"},
		{"selector below", long(99), "", ""},
		{"selector at", long(100), "", ""},
		{"selector above", long(101), wire.CodeTooMany, "selector"},
		{"collection", space.View{{In: "_c"}}, wire.CodeBadName, ""},
		{"operator", space.View{{In: "c", Where: []byte(`{"a":{"$regex":"x"}}`)}}, wire.CodeBadView, ""},
		{"null", space.View{{In: "c", Where: []byte(`null`)}}, wire.CodeBadView, ""},
	} {
		_, err := kernel.CompileView(c.view, limits)
		var e *wire.Error
		if errors.As(err, &e); c.code == "" && err != nil || c.code != "" && (e == nil || e.Code != c.code || e.Limit != c.limit) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestViewID: views that hold the same by construction share frames.
func TestViewID(t *testing.T) {
	id := func(parts ...string) string {
		t.Helper()
		var v space.View
		for _, p := range parts {
			in, where, ok := strings.Cut(p, " ")
			part := space.Part{In: in}
			if ok {
				part.Where = []byte(where)
			}
			v = append(v, part)
		}
		compiled, err := kernel.CompileView(v, wire.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		return compiled.ID()
	}
	same := [][]string{{"c"}, {"c", "c"}, {"c {}"}, {`c {"a":1}`, "c"}}
	for _, parts := range same {
		if id(parts...) != id("c") {
			t.Errorf("%q is another view than c", parts)
		}
	}
	if id(`c {"a": {"$eq": 1}}`, "d") != id("d", `c {"a":1}`) {
		t.Error("spelling and order count")
	}
	if id(`c {"a":1}`) == id(`c {"a":2}`) || id("c") == id("d") || id("c") == id("c", "d") {
		t.Error("different views have one id")
	}
}

// TestOneVersion: a view speaks one version of a collection; the first has two spellings.
func TestOneVersion(t *testing.T) {
	where := []byte(`{"n":1}`)
	for _, c := range []struct {
		view space.View
		ok   bool
	}{
		{space.View{{In: "a", V: 2}, {In: "a", V: 2}}, true},
		{space.View{{In: "a"}, {In: "a", V: 1}}, true},
		{space.View{{In: "a", V: 2}, {In: "b", V: 3}}, true},
		{space.View{{In: "a"}, {In: "a", V: 2}}, false},
		{space.View{{In: "a", V: 3}, {In: "a", V: 2}}, false},
		{space.View{{In: "a", V: 2, Where: where}, {In: "a"}}, false},
		{space.View{{In: "a", V: 2, Where: where}, {In: "a", Where: where}}, false},
	} {
		if _, err := kernel.CompileView(c.view, wire.DefaultLimits); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.view, err)
		}
	}
}
