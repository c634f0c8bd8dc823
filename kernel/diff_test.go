package kernel_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

// history is a random ledger of few keys, so that they meet often.
func history(t *rapid.T) *ledger {
	l := newLedger(t)
	for range rapid.IntRange(0, 25).Draw(t, "commits") {
		var ops []string
		for range rapid.IntRange(1, 4).Draw(t, "ops") {
			key := fmt.Sprintf(`"in":"%s","id":"%d"`, rapid.SampledFrom([]string{"c", "d"}).Draw(t, "in"), rapid.IntRange(0, 4).Draw(t, "id"))
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				ops = append(ops, `{"op":"delete",`+key+`}`)
			} else {
				ops = append(ops, fmt.Sprintf(`{"op":"put",%s,"value":{"n":%d}}`, key, rapid.IntRange(0, 3).Draw(t, "n")))
			}
		}
		l.must(web, `{"ops":[`+strings.Join(ops, ",")+`]}`)
	}
	return l
}

var views = []space.View{
	{{In: "c"}},
	{{In: "c"}, {In: "d"}},
	{{In: "d", Where: []byte(`{"n":1}`)}},
	{{In: "c", Where: []byte(`{"n":{"$gt":1}}`)}, {In: "c", Where: []byte(`{"n":0}`)}},
	{{In: "c", Where: []byte(`{"n":{"$lt":2}}`)}, {In: "d"}},
	{{In: "none"}},
}

func anyView(t *rapid.T, name string) *kernel.View {
	v, err := kernel.CompileView(rapid.SampledFrom(views).Draw(t, name), wire.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (l *ledger) at(seq space.Seq) store.View {
	l.Helper()
	v, err := l.store.View(context.Background(), path, seq)
	if err != nil {
		l.Fatal(err)
	}
	return v
}

// holds is what a replica of view holds at a commit, computed naively.
func (l *ledger) holds(view *kernel.View, seq space.Seq) map[space.Key]space.Seq {
	l.Helper()
	held := map[space.Key]space.Seq{}
	v := l.at(seq)
	defer v.Close()
	for _, c := range []string{"c", "d"} {
		for e, err := range v.Scan(c, "") {
			if err != nil {
				l.Fatal(err)
			}
			if seen, err := view.See(e.Key, e.Version); err != nil {
				l.Fatal(err)
			} else if seen.Live() {
				held[e.Key] = e.Seq
			}
		}
	}
	return held
}

// apply carries out one step on what a replica holds. A deletion of what is not
// held, or a put of what is held already, is a fault unless it is told loose.
func (l *ledger) apply(held map[space.Key]space.Seq, step kernel.Step, strict bool) {
	l.Helper()
	have, has := held[step.Entry.Key]
	switch step.Action {
	case kernel.Put:
		if strict && has && have == step.Entry.Seq {
			l.Fatalf("%s at %d is put twice", step.Entry.Key, have)
		}
		held[step.Entry.Key] = step.Entry.Seq
	case kernel.Del:
		if strict && !has {
			l.Fatalf("%s is deleted, but not held", step.Entry.Key)
		}
		delete(held, step.Entry.Key)
	}
}

func anySeq(t *rapid.T, l *ledger, from space.Seq, name string) space.Seq {
	return space.Seq(rapid.Uint64Range(uint64(from), uint64(l.head().Cursor.Seq)).Draw(t, name))
}

// TestDiffLaw: what a replica holds of view A at commit N, changed by the
// difference to view B at commit S, is exactly what B holds at S; the
// difference is minimal and in the order of keys.
func TestDiffLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := history(t)
		a, b := anyView(t, "A"), anyView(t, "B")
		n := anySeq(t, l, 0, "N")
		s := anySeq(t, l, n, "S")
		before, after := l.at(n), l.at(s)
		defer before.Close()
		defer after.Close()
		fromNothing := rapid.Bool().Draw(t, "from nothing")
		held := l.holds(a, n)
		old := a
		if fromNothing {
			held, old = map[space.Key]space.Seq{}, nil
		}
		last := space.Key{}
		for step, err := range kernel.Diff(old, before, b, after) {
			if err != nil {
				t.Fatal(err)
			}
			if step.Entry.Key.Compare(last) <= 0 {
				t.Fatalf("%s after %s", step.Entry.Key, last)
			}
			last = step.Entry.Key
			l.apply(held, step, true)
		}
		if want := l.holds(b, s); !maps.Equal(held, want) {
			t.Fatalf("%v, want %v", held, want)
		}
	})
}

// TestWindowsCompose: windows of any size, one after the other, take a replica to
// the head; none splits a commit.
func TestWindowsCompose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := history(t)
		view := anyView(t, "view")
		at := l.cursorAt(anySeq(t, l, 0, "from"))
		held := l.holds(view, at.Seq)
		for at != l.head().Cursor {
			w, err := kernel.ReadWindow(l.reader().Log(at.Seq), at, rapid.IntRange(1, 6).Draw(t, "commits"), rapid.IntRange(1, 6).Draw(t, "keys"))
			if err != nil || w.From != at || w.To.Seq <= at.Seq || l.cursorAt(w.To.Seq) != w.To || !slices.IsSortedFunc(w.Keys, space.Key.Compare) {
				t.Fatalf("%+v, %v", w, err)
			}
			before, after := l.at(w.From.Seq), l.at(w.To.Seq)
			for _, key := range w.Keys {
				now, err := after.Get(key)
				if err != nil {
					t.Fatal(err)
				}
				step, err := view.Step(kernel.NewDelta(key, now, func() (space.Version, error) { return before.Get(key) }))
				if err != nil {
					t.Fatal(err)
				}
				l.apply(held, step, true)
			}
			before.Close()
			after.Close()
			if at = w.To; !maps.Equal(held, l.holds(view, at.Seq)) {
				t.Fatalf("at %s: %v, want %v", at, held, l.holds(view, at.Seq))
			}
		}
		if w, err := kernel.ReadWindow(l.reader().Log(at.Seq), at, 1, 1); err != nil || w.From != w.To || len(w.Keys) != 0 {
			t.Fatalf("at the head: %+v, %v", w, err)
		}
	})
}

func (l *ledger) cursorAt(seq space.Seq) space.Cursor {
	l.Helper()
	if seq == 0 {
		return space.Cursor{}
	}
	for c, err := range l.reader().Log(seq - 1) {
		if err != nil {
			l.Fatal(err)
		}
		return c.Cursor()
	}
	l.Fatalf("there is no commit %d", seq)
	return space.Cursor{}
}

// TestLiveSteps: the steps that a plan's deltas mean for a view take it from the
// plan's base to its head.
func TestLiveSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := history(t)
		view := anyView(t, "view")
		held := l.holds(view, l.head().Cursor.Seq)
		p := l.plan()
		for range rapid.IntRange(1, 8).Draw(t, "mutations") {
			op := fmt.Sprintf(`"in":"%s","id":"%d"`, rapid.SampledFrom([]string{"c", "d"}).Draw(t, "in"), rapid.IntRange(0, 4).Draw(t, "id"))
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				op = `{"op":"delete",` + op + `}`
			case 1:
				op = `{"op":"patch",` + op + `,"patch":{"$inc":{"n":1}}}` // perhaps of nothing: rejected
			default:
				op = fmt.Sprintf(`{"op":"put",%s,"value":{"n":%d}}`, op, rapid.IntRange(0, 3).Draw(t, "n"))
			}
			m := l.parse(`{"ops":[` + op + `]}`)
			if _, err := p.Submit(web, l.guard, &m); err != nil {
				t.Fatal(err)
			}
		}
		for _, d := range p.Deltas() {
			step, err := view.Step(d)
			if err != nil {
				t.Fatal(err)
			}
			l.apply(held, step, true)
		}
		l.commit(p)
		if want := l.holds(view, p.Head().Seq); !maps.Equal(held, want) {
			t.Fatalf("%v, want %v", held, want)
		}
	})
}

// TestTrimChangesNoAnswer at or above the horizon: not what a view holds, not
// what takes one view to another, not what a client is told.
func TestTrimChangesNoAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := history(t)
		a, b := anyView(t, "A"), anyView(t, "B")
		horizon := anySeq(t, l, 0, "horizon")
		n := anySeq(t, l, horizon, "N")
		s := anySeq(t, l, n, "S")
		answer := func() string {
			before, after := l.at(n), l.at(s)
			defer before.Close()
			defer after.Close()
			var b2 strings.Builder
			for step, err := range kernel.Diff(a, before, b, after) {
				fmt.Fprintf(&b2, "%d %s %d %s %v\n", step.Action, step.Entry.Key, step.Entry.Seq, step.Entry.Payload, err)
			}
			w, err := kernel.ReadWindow(l.reader().Log(n), space.Cursor{Seq: n}, 1000, 1000)
			fmt.Fprintf(&b2, "%+v %v %v %s", w, err, l.holds(b, s), l.head().Cursor)
			return b2.String()
		}
		want := answer()
		if err := l.store.Trim(context.Background(), path, horizon); err != nil {
			t.Fatal(err)
		}
		if got := answer(); got != want {
			t.Fatalf("before:\n%s\nafter:\n%s", want, got)
		}
	})
}
