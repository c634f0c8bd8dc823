package kernel_test

import (
	"errors"
	"iter"
	"reflect"
	"testing"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// TestSentAgain: whatever is sent a second time has its first outcome, in the
// same plan and in a later one, applied or rejected, and nothing happens.
func TestSentAgain(t *testing.T) {
	l := newLedger(t)
	muts := []string{
		put("x", `{"n":1}`),
		`{"ops":[{"op":"patch","in":"c","id":"none","patch":{"$inc":{"n":1}}}]}`,
		`{"ops":[{"op":"patch","in":"c","id":"x","patch":{"$inc":{"n":1}}}]}`,
	}
	want := []space.OutcomeKind{space.Applied, space.Rejected, space.Applied}
	var first []space.Outcome
	p := l.plan()
	for i, text := range muts {
		m := l.parse(text)
		m.ID = space.MutationID(i + 1)
		o, err := p.Submit(ada, l.guard, &m)
		if err != nil || o.Kind != want[i] || o.Seq != space.Seq(i+1) || o.ID != m.ID {
			t.Fatalf("%s: %+v, %v", text, o, err)
		}
		first = append(first, o)
	}
	again := func(p *kernel.Plan, change func(i int, o *space.Outcome)) {
		t.Helper()
		for i, text := range muts {
			m := l.parse(text)
			m.ID = space.MutationID(i + 1)
			want := first[i]
			change(i, &want)
			if o, err := p.Submit(ada, l.guard, &m); err != nil || !reflect.DeepEqual(o, want) {
				t.Errorf("%s again: %+v, %v; want %+v", text, o, err, want)
			}
		}
	}
	same := func(int, *space.Outcome) {}
	again(p, same)
	if len(p.Commits()) != 3 {
		t.Errorf("%d commits", len(p.Commits()))
	}
	l.commit(p)
	p = l.plan()
	again(p, same)

	// Trimmed, what was applied is a duplicate and what was rejected still is.
	l.must(bob, put("y", `{}`))
	if err := l.store.Trim(t.Context(), path, 2); err != nil {
		t.Fatal(err)
	}
	p = l.plan()
	again(p, func(i int, o *space.Outcome) {
		switch i {
		case 0:
			*o = space.Outcome{ID: 1, Kind: space.Duplicate}
		case 1:
			*o = space.Outcome{ID: 2, Kind: space.Rejected, Code: space.CodeForgotten, Message: "the mutation was rejected; the reason is no longer in the server's history"}
		}
	})
	if len(p.Commits()) != 0 || l.head().Cursor.Seq != 4 {
		t.Errorf("something happened: %d commits on %s", len(p.Commits()), l.head().Cursor)
	}
	if got := l.state(4, "c")["c/x"]; got != `{"n":2}` {
		t.Errorf("c/x is %s", got)
	}
}

// TestIdentity: the refusals that concern who sends, not what. None adds anything.
func TestIdentity(t *testing.T) {
	l := newLedger(t)
	l.must(ada, put("x", `{"n":1}`))
	l.must(ada, put("y", `{"n":1}`))
	mut := func(id space.MutationID, text string) space.Mutation {
		m := l.parse(text)
		m.ID = id
		return m
	}
	for _, c := range []struct {
		name     string
		writer   kernel.Writer
		mutation space.Mutation
		code     string
		expected space.MutationID
	}{
		{"a gap", ada, mut(4, put("z", `{}`)), wire.CodeMutationGap, 3},
		{"no id", ada, mut(0, put("z", `{}`)), wire.CodeMutationGap, 3},
		{"a gap at the beginning", bob, mut(2, put("z", `{}`)), wire.CodeMutationGap, 1},
		{"a huge id", ada, mut(1<<53-1, put("z", `{}`)), wire.CodeMutationGap, 3},
		{"another's client", kernel.Writer{User: "eve", Client: ada.Client}, mut(3, put("z", `{}`)), wire.CodeClientMismatch, 0},
		{"nobody's client", kernel.Writer{Client: ada.Client}, mut(3, put("z", `{}`)), wire.CodeClientMismatch, 0},
		{"other content", ada, mut(1, put("x", `{"n":2}`)), wire.CodeClientForked, 0},
		{"other content, the last", ada, mut(2, put("y", `{"n": 1}`)), wire.CodeClientForked, 0},
		{"an id without client", web, mut(1, put("z", `{}`)), wire.CodeNoClient, 0},
	} {
		o, err := l.submit(c.writer, c.mutation)
		var e *wire.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Expected != c.expected {
			t.Errorf("%s: %+v, %v", c.name, o, err)
		}
	}
	if head := l.head().Cursor; head.Seq != 2 {
		t.Errorf("the head is %s", head)
	}
	// Without a client, the same thing happens as often as it is sent.
	for range 2 {
		l.must(web, put("w", `{}`))
	}
	if head := l.head().Cursor; head.Seq != 4 {
		t.Errorf("the head is %s", head)
	}
}

// TestOutcomes above what the client has noted: all of them, in order, the newest
// where there are more than the limit.
func TestOutcomes(t *testing.T) {
	l := newLedger(t)
	for i := range 6 {
		text := put("x", `{}`)
		if i%2 == 1 {
			text = `{"ops":[{"op":"put","in":"c","id":"x","value":{},"if":0}]}`
		}
		if _, err := l.submit(ada, l.next(ada, l.parse(text))); err != nil {
			t.Fatal(err)
		}
		l.must(bob, put("y", `{}`))
	}
	if err := l.store.Trim(t.Context(), path, 4); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		acked space.MutationID
		limit int
		want  string
	}{
		{6, 9, ""}, {9, 9, ""}, {5, 9, "6r11 "}, {2, 9, "3a5 4r7 5a9 6r11 "}, {0, 9, "1d0 2r0 3a5 4r7 5a9 6r11 "}, {0, 2, "5a9 6r11 "},
	} {
		outcomes, err := l.plan().Outcomes(ada, c.acked, c.limit)
		got := ""
		for _, o := range outcomes {
			got += space.Seq(o.ID).String() + string(o.Kind[0]) + o.Seq.String() + " "
		}
		if err != nil || got != c.want {
			t.Errorf("above %d, at most %d: %q, %v; want %q", c.acked, c.limit, got, err, c.want)
		}
	}
	if _, err := l.plan().Outcomes(kernel.Writer{User: "eve", Client: ada.Client}, 0, 9); err == nil {
		t.Error("eve is told ada's outcomes")
	}
}

// countingReader counts the commits that are looked up.
type countingReader struct {
	kernel.Reader
	reads *int
}

func (r countingReader) Log(after space.Seq) iter.Seq2[*space.Commit, error] {
	*r.reads++
	return r.Reader.Log(after)
}

// TestRecallIsBounded: a client that sends all of its last mutations again costs
// one look at each, not one for each pair.
func TestRecallIsBounded(t *testing.T) {
	l := newLedger(t)
	const n = 200
	var muts []space.Mutation
	for range n {
		m := l.next(ada, l.parse(put("x", `{}`)))
		if _, err := l.submit(ada, m); err != nil {
			t.Fatal(err)
		}
		muts = append(muts, m)
	}
	reads := 0
	p := kernel.NewPlan(l.head().Cursor, l.now, countingReader{l.reader(), &reads}, l.limits)
	for i := range muts {
		if o, err := p.Submit(ada, l.guard, &muts[i]); err != nil || o.Seq != space.Seq(i+1) {
			t.Fatalf("%+v, %v", o, err)
		}
	}
	if reads > n {
		t.Errorf("%d reads of the log for %d mutations", reads, n)
	}
}

// TestDeltas are each changed key once, from what was to what the last commit made.
func TestDeltas(t *testing.T) {
	l := newLedger(t)
	l.must(web, put("b", `{"n":0}`))
	p := l.plan()
	for _, text := range []string{put("a", `{"n":1}`), put("b", `{"n":2}`), put("a", `{"n":3}`), `{"ops":[{"op":"delete","in":"c","id":"b"}]}`} {
		m := l.parse(text)
		if _, err := p.Submit(web, l.guard, &m); err != nil {
			t.Fatal(err)
		}
	}
	deltas := p.Deltas()
	if len(deltas) != 2 || deltas[0].Key.ID != "a" || deltas[0].New.Seq != 4 || deltas[1].Key.ID != "b" || !deltas[1].New.Deleted || deltas[1].New.Seq != 5 {
		t.Errorf("%+v", deltas)
	}
}
