package kernel_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// TestOperations: on c/old = {"n":1} at version 1, each of these does what it
// says and nothing else.
func TestOperations(t *testing.T) {
	long := strings.Repeat("x", 400)
	for _, c := range []struct {
		name, ops string
		code      string // of the refusal; "" is applied
		path      string
		want      map[string]string // changes of the state; "" is gone
	}{
		{name: "put", ops: `{"op":"put","in":"c","id":"new","value":{"b": 1, "a": 2}}`, want: map[string]string{"c/new": `{"a":2,"b":1}`}},
		{name: "put over", ops: `{"op":"put","in":"c","id":"old","value":{}}`, want: map[string]string{"c/old": `{}`}},
		{name: "patch", ops: `{"op":"patch","in":"c","id":"old","patch":{"$inc":{"n":2},"$add":{"tags":["b","a"]}}}`, want: map[string]string{"c/old": `{"n":3,"tags":["a","b"]}`}},
		{name: "delete", ops: `{"op":"delete","in":"c","id":"old"}`, want: map[string]string{"c/old": ""}},
		{name: "delete of nothing", ops: `{"op":"delete","in":"c","id":"new"}`},
		{name: "patch of nothing", ops: `{"op":"patch","in":"c","id":"new","patch":{"$set":{"a":1}}}`, code: "not_found", path: "ops[0]"},

		{name: "if holds", ops: `{"op":"put","in":"c","id":"old","value":{},"if":1}`, want: map[string]string{"c/old": `{}`}},
		{name: "if fails", ops: `{"op":"put","in":"c","id":"old","value":{},"if":2}`, code: "stale", path: "ops[0].if"},
		{name: "if 0 of nothing", ops: `{"op":"put","in":"c","id":"new","value":{},"if":0}`, want: map[string]string{"c/new": `{}`}},
		{name: "if 0 of something", ops: `{"op":"put","in":"c","id":"old","value":{},"if":0}`, code: "stale", path: "ops[0].if"},
		{name: "if 0 of what was deleted", ops: `{"op":"put","in":"c","id":"gone","value":{},"if":0}`, want: map[string]string{"c/gone": `{}`}},
		{name: "if of what was deleted", ops: `{"op":"delete","in":"c","id":"gone","if":3}`, code: "stale", path: "ops[0].if"},
		{name: "delete if", ops: `{"op":"delete","in":"c","id":"old","if":1}`, want: map[string]string{"c/old": ""}},
		{name: "patch if", ops: `{"op":"patch","in":"c","id":"old","patch":{"$inc":{"n":1}},"if":1}`, want: map[string]string{"c/old": `{"n":2}`}},
		{name: "patch if 0", ops: `{"op":"patch","in":"c","id":"new","patch":{"$inc":{"n":1}},"if":0}`, code: "not_found", path: "ops[0]"},
		{name: "if of an entry that it touched", ops: `{"op":"put","in":"c","id":"old","value":{}},{"op":"put","in":"c","id":"old","value":{},"if":1}`, code: "stale", path: "ops[1].if"},
		{name: "if 0 of an entry that it made", ops: `{"op":"put","in":"c","id":"new","value":{}},{"op":"delete","in":"c","id":"new","if":0}`, code: "stale", path: "ops[1].if"},
		{name: "if 0 of an entry that it deleted", ops: `{"op":"delete","in":"c","id":"old"},{"op":"put","in":"c","id":"old","value":{},"if":0}`, code: "stale", path: "ops[1].if"},
		{name: "if 0 after a delete of nothing", ops: `{"op":"delete","in":"c","id":"new"},{"op":"put","in":"c","id":"new","value":{},"if":0}`, want: map[string]string{"c/new": `{}`}},

		{name: "in order", ops: `{"op":"put","in":"c","id":"new","value":{"n":1}},{"op":"patch","in":"c","id":"new","patch":{"$inc":{"n":1}}},{"op":"patch","in":"c","id":"new","patch":{"$inc":{"n":1}}}`, want: map[string]string{"c/new": `{"n":3}`}},
		{name: "made and deleted", ops: `{"op":"put","in":"c","id":"new","value":{}},{"op":"delete","in":"c","id":"new"}`},
		{name: "deleted and made", ops: `{"op":"delete","in":"c","id":"old"},{"op":"put","in":"c","id":"old","value":{"m":1}}`, want: map[string]string{"c/old": `{"m":1}`}},
		{name: "patch of what it deleted", ops: `{"op":"delete","in":"c","id":"old"},{"op":"patch","in":"c","id":"old","patch":{"$inc":{"n":1}}}`, code: "not_found", path: "ops[1]"},
		{name: "all or none", ops: `{"op":"put","in":"c","id":"new","value":{}},{"op":"delete","in":"c","id":"old"},{"op":"patch","in":"c","id":"none","patch":{"$inc":{"n":1}}}`, code: "not_found", path: "ops[2]"},
		{name: "many entries", ops: manyPuts(40) + `,{"op":"patch","in":"c","id":"m7","patch":{"$inc":{"n":1}}},{"op":"delete","in":"c","id":"m8"}`, want: manyWant(40, map[string]string{"c/m7": `{"n":8}`}, "c/m8")},

		{name: "no operation", ops: ``, code: "invalid", path: "ops"},
		{name: "unknown operation", ops: `{"op":"move","in":"c","id":"old"}`, code: "invalid", path: "ops[0].op"},
		{name: "no value", ops: `{"op":"put","in":"c","id":"new"}`, code: "invalid", path: "ops[0].value"},
		{name: "no patch", ops: `{"op":"patch","in":"c","id":"old"}`, code: "invalid", path: "ops[0].patch"},
		{name: "value of a patch", ops: `{"op":"patch","in":"c","id":"old","patch":{"$inc":{"n":1}},"value":{}}`, code: "invalid", path: "ops[0]"},
		{name: "value of a delete", ops: `{"op":"delete","in":"c","id":"old","value":{}}`, code: "invalid", path: "ops[0]"},
		{name: "patch of a put", ops: `{"op":"put","in":"c","id":"old","value":{},"patch":{}}`, code: "invalid", path: "ops[0]"},
		{name: "not a record", ops: `{"op":"put","in":"c","id":"new","value":[]}`, code: "invalid", path: "ops[0].value"},
		{name: "null", ops: `{"op":"put","in":"c","id":"new","value":null}`, code: "invalid", path: "ops[0].value"},
		{name: "unsafe number", ops: `{"op":"put","in":"c","id":"new","value":{"a":{"b":1e300}}}`, code: "invalid", path: "ops[0].value.a.b"},
		{name: "__proto__", ops: `{"op":"put","in":"c","id":"new","value":{"__proto__":1}}`, code: "invalid", path: "ops[0].value.__proto__"},
		{name: "type mismatch", ops: `{"op":"patch","in":"c","id":"old","patch":{"$add":{"n":["a"]}}}`, code: "invalid", path: "ops[0].patch.n"},
		{name: "bad collection", ops: `{"op":"put","in":"_c","id":"x","value":{}}`, code: "invalid", path: "ops[0]"},
		{name: "bad id", ops: `{"op":"put","in":"c","id":"","value":{}}`, code: "invalid", path: "ops[0]"},
		{name: "too deep", ops: `{"op":"put","in":"c","id":"new","value":{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}}`, code: "too_large", path: "ops[0].value.a." + strings.Repeat("0.", 30) + "0"},
		{name: "a long name is not kept", ops: `{"op":"put","in":"c","id":"new","value":{"` + long + `":1e300}}`, code: "invalid", path: "ops[0].value." + long[:300-len("ops[0].value.")] + "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger(t)
			l.must(web, put("old", `{"n":1}`))
			l.must(web, put("gone", `{}`))
			l.must(web, `{"ops":[{"op":"delete","in":"c","id":"gone"}]}`)
			want := l.state(3, "c")
			o, err := l.submit(ada, l.next(ada, l.parse(`{"ops":[`+c.ops+`]}`)))
			if err != nil {
				t.Fatal(err)
			}
			if o.Code != c.code || o.Path != c.path || o.Seq != 4 || (o.Kind == space.Applied) != (c.code == "") || o.Kind != space.Applied && o.Kind != space.Rejected {
				t.Errorf("%+v; want code %q at %q", o, c.code, c.path)
			}
			for key, value := range c.want {
				if want[key] = value; value == "" {
					delete(want, key)
				}
			}
			if got := l.state(4, "c"); !maps.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
			for commit, err := range l.store.Log(t.Context(), path, 3) {
				if err != nil || len(commit.Changes) != len(c.want) {
					t.Errorf("the commit has %d changes, want %d: %v", len(commit.Changes), len(c.want), err)
				}
			}
		})
	}
}

func manyPuts(n int) string {
	var ops []string
	for i := range n {
		ops = append(ops, `{"op":"put","in":"c","id":"m`+space.Seq(i).String()+`","value":{"n":`+space.Seq(i).String()+`}}`)
	}
	return strings.Join(ops, ",")
}

func manyWant(n int, changed map[string]string, without string) map[string]string {
	want := map[string]string{}
	for i := range n {
		want["c/m"+space.Seq(i).String()] = `{"n":` + space.Seq(i).String() + `}`
	}
	maps.Copy(want, changed)
	delete(want, without)
	return want
}

// TestStaleTells the entry as it is.
func TestStaleTells(t *testing.T) {
	l := newLedger(t)
	l.must(web, put("old", `{"n":1}`))
	for ops, want := range map[string]space.Current{
		`{"op":"delete","in":"c","id":"old","if":7}`:  {In: "c", ID: "old", Version: 1, Value: []byte(`{"n":1}`)},
		`{"op":"delete","in":"c","id":"none","if":7}`: {In: "c", ID: "none"},
	} {
		o, err := l.submit(ada, l.next(ada, l.parse(`{"ops":[`+ops+`]}`)))
		if err != nil || o.Current == nil || o.Current.In != want.In || o.Current.ID != want.ID || o.Current.Version != want.Version || string(o.Current.Value) != string(want.Value) {
			t.Errorf("%s: %+v, current %+v, %v", ops, o, o.Current, err)
		}
	}
}

// TestSizes: each limit takes what is one below and what is at it, and refuses
// what is one above, naming itself.
func TestSizes(t *testing.T) {
	record := func(n int) string { return `{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}` }
	puts := func(n int) string {
		return strings.TrimSuffix(strings.Repeat(`{"op":"delete","in":"c","id":"x"},`, n), ",")
	}
	for _, c := range []struct {
		name   string
		limits wire.Limits
		ops    func(n int) string
		at     int
		says   string
	}{
		{"entry by put", wire.Limits{Entry: 100}, func(n int) string { return `{"op":"put","in":"c","id":"x","value":` + record(n) + `}` }, 100, "limit"},
		{"entry by patch", wire.Limits{Entry: 100}, func(n int) string {
			return `{"op":"patch","in":"c","id":"old","patch":{"$set":{"b":"` + strings.Repeat("x", n-60-len(`{"a":"","b":""}`)) + `"}}}`
		}, 100, "limit"},
		{"mutation", wire.Limits{Mutation: 300}, func(n int) string {
			one := `{"op":"put","in":"c","id":"x","value":` + record(100) + `}` // 102 bytes
			return one + "," + one + `,{"op":"put","in":"c","id":"x","value":` + record(n-2*102-2) + `}`
		}, 300, "mutation"},
		{"ops", wire.Limits{Ops: 5}, puts, 5, "ops"},
		{"depth", wire.Limits{Depth: 6}, func(n int) string {
			return `{"op":"put","in":"c","id":"x","value":{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}}`
		}, 6, "limit"},
	} {
		for d := -1; d <= 1; d++ {
			l := newLedger(t)
			l.must(web, put("old", `{"a":"`+strings.Repeat("x", 60)+`"}`))
			l.limits = c.limits.WithDefaults()
			o, err := l.submit(web, l.parse(`{"ops":[`+c.ops(c.at+d)+`]}`))
			if refused := o.Code == space.CodeTooLarge; err != nil || refused != (d > 0) || refused && !strings.Contains(o.Message, c.says) || !refused && o.Kind != space.Applied {
				t.Errorf("%s at limit%+d: %+v, %v", c.name, d, o, err)
			}
			if d > 0 {
				if got := l.state(2, "c"); len(got) != 1 {
					t.Errorf("%s: refused, and yet there is %v", c.name, got)
				}
			}
		}
	}
}

// bomb is a guard that panics on one id and refuses another.
type bomb struct{ kernel.Guard }

func (g bomb) Write(w kernel.State, key space.Key, old func() (space.Version, error), next space.Version) (*space.Refusal, error) {
	switch key.ID {
	case "boom":
		panic("not \xff UTF-8, and long: " + strings.Repeat("x", 10_000))
	case "mine":
		return &space.Refusal{Code: "forbidden", Message: "mine", Key: key}, nil
	}
	return g.Guard.Write(w, key, old, next)
}

// TestQuarantine: a mutation that panics is set aside, leaves nothing behind and
// stops nobody; one that the guard refuses is rejected as a whole.
func TestQuarantine(t *testing.T) {
	l := newLedger(t)
	l.guard = bomb{l.guard}
	p := l.plan()
	two := func(id string) *space.Mutation {
		m := l.parse(`{"ops":[{"op":"put","in":"c","id":"a","value":{}},{"op":"put","in":"c","id":"` + id + `","value":{}}]}`)
		return &m
	}
	var kinds []string
	for i, id := range []string{"boom", "mine", "z"} {
		m := two(id)
		m.ID = space.MutationID(i + 1)
		o, err := p.Submit(ada, l.guard, m)
		if err != nil || len(o.Message) > 310 {
			t.Fatalf("%+v, %v", o, err)
		}
		kinds = append(kinds, string(o.Kind)+" "+o.Code)
		if f := p.Faulted(); i == 0 {
			// The client is told a number, the operator what happened and where.
			if strings.Contains(o.Message, "UTF-8") || !strings.Contains(o.Message, fmt.Sprint("number ", o.Seq)) || f == nil || f.Seq != o.Seq || !strings.Contains(f.Fault.Detail, "UTF-8") || !strings.Contains(f.Fault.Detail, "execute_test.go") {
				t.Errorf("%q for the client, %+v for the operator", o.Message, f)
			}
		}
		if i < 2 && len(p.Deltas()) != 0 {
			t.Errorf("%s left %v behind", id, p.Deltas())
		}
	}
	l.commit(p)
	if got := strings.Join(kinds, ", "); got != "quarantined quarantined, rejected forbidden, applied " {
		t.Errorf("%s", got)
	}
	if got := l.state(3, "c"); len(got) != 2 {
		t.Errorf("%v", got)
	}
	again := two("boom")
	again.ID = 1
	if o, err := l.submit(ada, *again); err != nil || o.Kind != space.Quarantined || o.Seq != 1 {
		t.Errorf("sent again: %+v, %v", o, err)
	}
}
