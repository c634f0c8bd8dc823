package kernel_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// calling is a kernel.Caller with one mutator.
type calling func(c *kernel.Call, tx kernel.Tx) error

func (f calling) Call(c *kernel.Call, tx kernel.Tx) error { return f(c, tx) }

// ids lists what a query over c finds.
func ids(t *testing.T, tx kernel.Tx) string {
	t.Helper()
	found, err := tx.Find("c", &selector.Query{Limit: selector.MaxRows})
	if err != nil {
		t.Error(err)
	}
	var out []string
	for _, f := range found {
		out = append(out, fmt.Sprint(f.Key.ID, "=", f.Doc["n"]))
	}
	return strings.Join(out, " ")
}

func write(op, id, text string) *space.Op {
	o := &space.Op{Op: op, In: "c", ID: id}
	if op == space.OpPut {
		o.Value = jsontext.Value(text)
	} else if op == space.OpPatch {
		o.Patch = jsontext.Value(text)
	}
	return o
}

// TestCallSees: a mutator sees what the store has, what the plan has made of it, and its own
// writes, in the order of ids.
func TestCallSees(t *testing.T) {
	l := newLedger(t)
	for _, id := range []string{"b", "d", "f"} {
		l.must(ada, put(id, `{"n":1}`))
	}
	p := l.plan()
	for _, text := range []string{put("a", `{"n":2}`), put("d", `{"n":2}`), `{"ops":[{"op":"delete","in":"c","id":"f"}]}`} {
		m := l.parse(text)
		if o, err := p.Submit(kernel.Writer{User: "bob"}, l.guard, &m); err != nil || o.Kind != space.Applied {
			t.Fatalf("%+v, %v", o, err)
		}
	}
	var kept kernel.Tx
	p.Mutators = calling(func(c *kernel.Call, tx kernel.Tx) error {
		kept = tx
		if got := ids(t, tx); got != "a=2 b=1 d=2" {
			t.Errorf("at first: %s", got)
		}
		for _, op := range []*space.Op{write(space.OpPut, "c", `{"n":3}`), write(space.OpDelete, "b", ""), write(space.OpPatch, "d", `{"$inc":{"n":1}}`), write(space.OpPut, "g", `{"n":3}`)} {
			if err := tx.Write(op); err != nil {
				t.Error(err)
			}
		}
		if got := ids(t, tx); got != "a=2 c=3 d=3 g=3" {
			t.Errorf("in the end: %s", got)
		}
		if raw, err := tx.Get("c", "b"); err != nil || raw != nil {
			t.Errorf("b is %s, %v", raw, err)
		}
		if raw, err := tx.Get("c", "bad\x00id"); err != nil || raw != nil {
			t.Errorf("what cannot be is %s, %v", raw, err)
		}
		return nil
	})
	m := space.Mutation{Call: "m"}
	o, err := p.Submit(kernel.Writer{User: "bob"}, l.guard, &m)
	if err != nil || o.Kind != space.Applied {
		t.Fatalf("%+v, %v", o, err)
	}
	if err := kept.Write(write(space.OpPut, "late", `{}`)); err == nil {
		t.Error("a transaction takes writes after its end")
	}
	l.commit(p)
	if got := l.state(p.Head().Seq, "c"); len(got) != 4 || got["c/d"] != `{"n":3}` || got["c/b"] != "" {
		t.Errorf("%v", got)
	}
}

// TestCallEnds: how a call ends, whatever the mutator makes of the errors that it gets.
func TestCallEnds(t *testing.T) {
	for name, c := range map[string]struct {
		run   func(tx kernel.Tx) error
		kind  space.OutcomeKind
		code  string
		tries int
	}{
		"nothing":          {func(kernel.Tx) error { return nil }, space.Applied, "", 1},
		"refusal":          {func(kernel.Tx) error { return &space.Refusal{Code: "mine", Message: strings.Repeat("x", 1000)} }, space.Rejected, "mine", 1},
		"no code":          {func(kernel.Tx) error { return &space.Refusal{} }, space.Rejected, space.CodeRefused, 1},
		"a code of ours":   {func(kernel.Tx) error { return &space.Refusal{Code: space.CodeQuarantined} }, space.Rejected, space.CodeRefused, 1},
		"a code that lies": {func(kernel.Tx) error { return &space.Refusal{Code: "a\nb"} }, space.Rejected, space.CodeRefused, 1},
		"unknown":          {func(kernel.Tx) error { return kernel.ErrNoMutator }, space.Rejected, space.CodeForbidden, 1},
		"error":            {func(kernel.Tx) error { return errors.New("x") }, space.Quarantined, space.CodeQuarantined, 2},
		"fault":            {func(kernel.Tx) error { return &kernel.Fault{Reason: "time"} }, space.Quarantined, space.CodeQuarantined, 2},
		"panic":            {func(kernel.Tx) error { panic("x") }, space.Quarantined, space.CodeQuarantined, 1}, // no Runner around it
		"a write refused":  {func(tx kernel.Tx) error { return tx.Write(write(space.OpPatch, "none", `{"$inc":{"n":1}}`)) }, space.Rejected, space.CodeNotFound, 1},
		"a write forgiven": {func(tx kernel.Tx) error { _ = tx.Write(write(space.OpPatch, "none", `{"$inc":{"n":1}}`)); return nil }, space.Applied, "", 1},
		"a limit forgiven": {func(tx kernel.Tx) error {
			for range 11 {
				_ = tx.Write(write(space.OpPut, "x", `{}`))
			}
			return nil
		}, space.Rejected, space.CodeTooLarge, 1},
		"too many reads": {func(tx kernel.Tx) error {
			for range 10_001 {
				_, _ = tx.Get("c", "x")
			}
			return nil
		}, space.Rejected, space.CodeTooLarge, 1},
	} {
		l := newLedger(t)
		l.limits.Ops = 10
		p := l.plan()
		tries := 0
		p.Mutators = calling(func(_ *kernel.Call, tx kernel.Tx) error { tries++; return c.run(tx) })
		m := space.Mutation{Call: "m"}
		o, err := p.Submit(kernel.Writer{User: "bob"}, l.guard, &m)
		if err != nil || o.Kind != c.kind || o.Code != c.code || tries != c.tries || len(o.Message) > 310 {
			t.Errorf("%s: %+v after %d tries, %v", name, o, tries, err)
		}
		if f := p.Faulted(); (f != nil) != (c.kind == space.Quarantined) {
			t.Errorf("%s: %+v", name, f)
		}
		if n := len(p.Commits()); n != 1 {
			t.Errorf("%s: %d commits", name, n)
		}
	}
	// What is busy is no outcome: nothing is committed, and it is sent again.
	l := newLedger(t)
	p := l.plan()
	p.Mutators = calling(func(*kernel.Call, kernel.Tx) error { return &wire.Error{Code: wire.CodeOverloaded} })
	m := space.Mutation{Call: "m"}
	if _, err := p.Submit(kernel.Writer{User: "bob"}, l.guard, &m); err == nil || len(p.Commits()) != 0 {
		t.Errorf("%v, %d commits", err, len(p.Commits()))
	}
}
