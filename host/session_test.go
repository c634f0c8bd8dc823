package host_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// TestOrder: Opened before anything else, outcomes before the diff that contains
// them, diffs in the order of commits.
func TestOrder(t *testing.T) {
	overEach(t, func(t *testing.T, s store.Store) {
		h := newHost(t, host.Options{Store: s})
		p := connect(t, h, "ada")
		p.send(&wire.Open{Space: path, Client: client("ada"), View: cards})
		const n = 50
		for _, id := range ids(n) {
			p.push(put(id, fmt.Sprint("c", id%7), fmt.Sprintf(`{"n":%d}`, id)))
		}
		opened := expect[*wire.Opened](p)
		local := newCopy(t)
		local.view = opened.View
		acked := space.Seq(0)
		for local.cursor.Seq < n {
			switch m := p.next().(type) {
			case *wire.Ack:
				for _, o := range m.Outcomes {
					if o.Kind != space.Applied || o.Seq != acked+1 {
						t.Fatalf("%+v after %d", o, acked)
					}
					acked = o.Seq
				}
			case *wire.Diff:
				if m.To.Seq > acked {
					t.Fatalf("a diff to %s when outcomes up to %d have come", m.To, acked)
				}
				local.apply(m)
			default:
				t.Fatalf("%s", wire.Encode(m))
			}
		}
		local.holds(s, "cards")
	})
}

// TestViews: each session sees exactly what its view holds, through everything
// that can happen to an entry; a session that sees nothing of it hears nothing.
func TestViews(t *testing.T) {
	s := memstore.New()
	h := newHost(t, host.Options{Store: s})
	writer := connect(t, h, "ada")
	writer.open(wire.Open{Client: client("ada")})
	peers := map[string]*peer{}
	for name, view := range map[string]space.View{
		"all": cards, "done": {{In: "cards", Where: []byte(`{"done":true}`)}}, "other": {{In: "people"}},
	} {
		p := connect(t, h, name)
		p.open(wire.Open{View: view})
		peers[name] = p
	}
	for i, step := range []struct {
		op   space.Op
		want map[string]string // of each view: what its diff says
	}{
		{op("put", "a", `{"done":false}`), map[string]string{"all": "+a"}},
		{op("put", "a", `{"done":true}`), map[string]string{"all": "+a", "done": "+a"}},
		{op("patch", "a", `{"$set":{"x":1}}`), map[string]string{"all": "+a", "done": "+a"}},
		{op("put", "a", `{"done":false}`), map[string]string{"all": "+a", "done": "-a"}},
		{op("patch", "a", `{"$set":{"x":1}}`), map[string]string{"all": "+a"}},
		{op("put", "a", `{"done":true}`), map[string]string{"all": "+a", "done": "+a"}},
		{op("delete", "a", ``), map[string]string{"all": "-a", "done": "-a"}},
		{op("delete", "a", ``), nil},
		{space.Op{Op: "put", In: "people", ID: "p", Value: []byte(`{}`)}, map[string]string{"other": "+p"}},
	} {
		writer.push(mut(space.MutationID(i+1), step.op))
		expect[*wire.Ack](writer)
		for name, p := range peers {
			got := ""
			for _, m := range p.sync() {
				d := m.(*wire.Diff)
				for _, row := range d.Put {
					got += "+" + row.Key.ID
				}
				for _, pair := range d.Del {
					got += "-" + pair[1]
				}
			}
			if got != step.want[name] {
				t.Errorf("step %d: %s is told %q, want %q", i, name, got, step.want[name])
			}
		}
	}
}

// TestReopen: another view, with was and the cursor, costs the difference only.
func TestReopen(t *testing.T) {
	overEach(t, func(t *testing.T, s store.Store) {
		h := newHost(t, host.Options{Store: s})
		p := connect(t, h, "ada")
		_, d := p.open(wire.Open{Client: client("ada"), View: cards})
		for _, id := range ids(4) {
			p.push(put(id, fmt.Sprint("c", id), fmt.Sprintf(`{"n":%d}`, id)))
			expect[*wire.Ack](p)
			d = expect[*wire.Diff](p)
		}
		few := space.View{{In: "cards", Where: []byte(`{"n":{"$gt":2}}`)}, {In: "people"}}
		opened, d := p.open(wire.Open{Client: client("ada"), View: few, Was: cards, Cursor: d.To.String()})
		if opened.Resume != wire.ResumeDiff || d.Reset || len(d.Put) != 0 || len(d.Del) != 2 || d.To.Seq != 4 {
			t.Errorf("fewer: %s, %s", wire.Encode(opened), wire.Encode(d))
		}
		opened, d = p.open(wire.Open{Client: client("ada"), View: cards, Was: few, Cursor: d.To.String()})
		if opened.Resume != wire.ResumeDiff || d.Reset || len(d.Put) != 2 || len(d.Del) != 0 {
			t.Errorf("more: %s, %s", wire.Encode(opened), wire.Encode(d))
		}
		// The same view under another spelling is no other view.
		opened, _ = p.open(wire.Open{View: space.View{{In: "cards"}, {In: "cards", Where: []byte(`{"n":1}`)}}, Was: cards, Cursor: d.To.String()})
		if opened.Resume != wire.ResumeCurrent {
			t.Errorf("the same: %s", wire.Encode(opened))
		}
		p.push(put(5, "c5", `{}`))
		p.refused(wire.CodeNoClient) // this last open named none
	})
}

// TestResume: what the server makes of each kind of cursor.
func TestResume(t *testing.T) {
	overEach(t, func(t *testing.T, s store.Store) {
		h := newHost(t, host.Options{Store: s})
		p := connect(t, h, "ada")
		p.open(wire.Open{Client: client("ada"), View: cards})
		cursors := []space.Cursor{{}}
		for _, id := range ids(6) {
			p.push(put(id, "c1", fmt.Sprintf(`{"n":%d}`, id)))
			expect[*wire.Ack](p)
			cursors = append(cursors, expect[*wire.Diff](p).To)
		}
		if err := s.Trim(t.Context(), path, 3); err != nil {
			t.Fatal(err)
		}
		h = newHost(t, host.Options{Store: s}) // which loads the horizon
		other := space.Digest{1}
		fork := func(n space.Seq) *space.Seq { return &n }
		for _, c := range []struct {
			name, cursor, resume, reason string
			fork                         *space.Seq
		}{
			{"none", "", wire.ResumeReset, wire.ResetNew, nil},
			{"the head", cursors[6].String(), wire.ResumeCurrent, "", nil},
			{"below the head", cursors[5].String(), wire.ResumeDiff, "", nil},
			{"the horizon", cursors[3].String(), wire.ResumeDiff, "", nil},
			{"below the horizon", cursors[2].String(), wire.ResumeReset, wire.ResetTrimmed, nil},
			{"the beginning", "0", wire.ResumeReset, wire.ResetTrimmed, nil},
			{"another log's head", space.Cursor{Seq: 6, Digest: other}.String(), wire.ResumeReset, wire.ResetForked, fork(5)},
			{"another log's commit", space.Cursor{Seq: 5, Digest: other}.String(), wire.ResumeReset, wire.ResetForked, fork(4)},
			{"another log's horizon", space.Cursor{Seq: 3, Digest: other}.String(), wire.ResumeReset, wire.ResetForked, fork(2)},
			{"beyond the head", space.Cursor{Seq: 9, Digest: other}.String(), wire.ResumeReset, wire.ResetForked, fork(6)},
		} {
			p := connect(t, h, "bob")
			opened, d := p.open(wire.Open{View: cards, Cursor: c.cursor})
			if opened.Resume != c.resume || opened.Reason != c.reason || opened.Head != cursors[6] || (opened.Fork == nil) != (c.fork == nil) || c.fork != nil && *opened.Fork != *c.fork {
				t.Errorf("%s: %s", c.name, wire.Encode(opened))
			}
			if d != nil && (d.Reset != (c.resume == wire.ResumeReset) || d.To != cursors[6] || len(d.Put) != 1 || d.Put[0].Version != 6) {
				t.Errorf("%s: %s", c.name, wire.Encode(d))
			}
		}
		p = connect(t, h, "bob")
		p.send(&wire.Open{Space: path, View: cards, Cursor: "x"})
		p.refused(wire.CodeBadCursor)
	})
}

// TestOutcomesOnOpen: a client learns what became of what it sent before.
func TestOutcomesOnOpen(t *testing.T) {
	h := newHost(t, host.Options{Limits: wire.Limits{Pushed: 4}})
	p := connect(t, h, "ada")
	p.open(wire.Open{Client: client("ada")})
	for _, id := range ids(6) {
		m := put(id, "x", `{}`)
		if id == 5 {
			m = mut(id, op("patch", "none", `{"$inc":{"n":1}}`))
		}
		p.push(m)
		expect[*wire.Ack](p)
	}
	p.session.Close()
	for acked, want := range map[uint64]string{0: "3 4 5! 6", 4: "5! 6", 6: "", 9: ""} {
		p := connect(t, h, "ada")
		opened, _ := p.open(wire.Open{Client: client("ada"), Acked: acked})
		var got []string
		for _, o := range opened.Outcomes {
			text := fmt.Sprint(o.ID)
			if o.Kind == space.Rejected {
				text += "!"
			}
			got = append(got, text)
		}
		if opened.Last != 6 || strings.Join(got, " ") != want {
			t.Errorf("acked %d: last %d, %v; want %s", acked, opened.Last, got, want)
		}
	}
	eve := connect(t, h, "eve")
	eve.send(&wire.Open{Space: path, Client: client("ada")})
	eve.refused(wire.CodeClientMismatch)
}

// TestDisplaced: the later session has the client id, the former is told.
func TestDisplaced(t *testing.T) {
	h := newHost(t, host.Options{})
	first, second := connect(t, h, "ada"), connect(t, h, "ada")
	first.open(wire.Open{Client: client("ada"), View: cards})
	second.open(wire.Open{Client: client("ada"), View: cards})
	if e := first.refused(wire.CodeDisplaced); e.Space != path || e.Fatal {
		t.Errorf("%s", wire.Encode(e))
	}
	first.push(put(1, "x", `{}`))
	first.refused(wire.CodeNoClient)
	second.push(put(1, "y", `{}`))
	expect[*wire.Ack](second)
	if d := expect[*wire.Diff](first); d.Put[0].Key.ID != "y" {
		t.Errorf("the displaced session no longer reads: %s", wire.Encode(d))
	}
	// An open of the first that is read late takes nothing from the second.
	first.send(&wire.Open{Space: path, Client: client("ada"), View: cards})
	first.refused(wire.CodeDisplaced)
	second.push(put(2, "y", `{}`))
	for acked := false; !acked; { // diffs of what came before may be on their way, if it was still catching up
		switch m := second.next().(type) {
		case *wire.Ack:
			acked = true
		case *wire.Diff:
		default:
			t.Fatalf("%s", wire.Encode(m))
		}
	}
	expect[*wire.Diff](first)
	// When the second goes, nothing of the first's is taken from it again.
	second.session.Close()
	for opened := false; !opened; { // once the second has left
		first.send(&wire.Open{Space: path, Client: client("ada"), Acked: 2})
		_, opened = first.next().(*wire.Opened)
	}
	first.push(put(3, "z", `{}`))
	expect[*wire.Ack](first)
}

// TestBeforeOpen: nothing passes into a space that the session has not opened,
// also when it has tried to, and also after it has closed it.
func TestBeforeOpen(t *testing.T) {
	h := newHost(t, host.Options{})
	watcher := connect(t, h, "bob")
	watcher.send(&wire.Open{Space: path, Presence: true, View: cards})
	expect[*wire.Opened](watcher)
	expect[*wire.Present](watcher)
	expect[*wire.Diff](watcher)
	p := connect(t, h, "ada")
	uses := func() {
		t.Helper()
		for _, m := range []any{
			&wire.Push{Space: path, Mutations: []space.Mutation{put(1, "x", `{}`)}}, &wire.Presence{Space: path, State: []byte(`1`)},
			&wire.Cast{Space: path, Topic: "t"}, &wire.Check{Space: path}, &wire.Close{Space: path},
		} {
			p.send(m)
			if e := p.refused(wire.CodeNotOpen); e.Space != path || e.Fatal {
				t.Errorf("%T: %s", m, wire.Encode(e))
			}
		}
	}
	uses()
	bad := &wire.Open{Space: path, Client: client("ada"), View: space.View{{In: "cards", Where: []byte(`{"a":{"$regex":"x"}}`)}}}
	p.send(bad)
	p.refused(wire.CodeBadView)
	uses()
	// In one breath, so that they arrive while the open is on its way.
	p.send(bad, &wire.Push{Space: path, Mutations: []space.Mutation{put(1, "x", `{}`)}}, &wire.Presence{Space: path, State: []byte(`1`)}, &wire.Cast{Space: path, Topic: "t"}, &wire.Check{Space: path})
	p.refused(wire.CodeBadView)
	for range 4 {
		p.refused(wire.CodeNotOpen)
	}
	p.open(wire.Open{Client: client("ada")})
	p.send(&wire.Close{Space: path})
	expect[*wire.Closed](p)
	uses()
	if heard := watcher.sync(); len(heard) != 0 {
		t.Errorf("others heard %s", wire.Encode(heard[0]))
	}
}

// TestFailedReopen leaves the session what it had.
func TestFailedReopen(t *testing.T) {
	h := newHost(t, host.Options{})
	p := connect(t, h, "ada")
	p.open(wire.Open{Client: client("ada"), View: cards})
	p.send(&wire.Open{Space: path, Client: client("ada"), View: cards, Cursor: "bad"})
	p.refused(wire.CodeBadCursor)
	p.push(put(1, "x", `{}`))
	expect[*wire.Ack](p)
	expect[*wire.Diff](p)
}

// TestHello: what begins a session, and what ends it before it has begun.
func TestHello(t *testing.T) {
	h := newHost(t, host.Options{})
	for _, c := range []struct {
		first any
		code  string
	}{
		{&wire.Ping{}, wire.CodeMalformed},
		{&wire.Open{Space: path}, wire.CodeMalformed},
		{`{"t":"hello"`, wire.CodeMalformed},
		{`{"t":"hello","v":[1],"admin":true}`, wire.CodeMalformed},
		{&wire.Hello{V: []int{2, 3}}, wire.CodeUnsupportedVersion},
		{&wire.Hello{V: []int{}}, wire.CodeUnsupportedVersion},
		{&wire.Hello{V: []int{1}, User: strings.Repeat("x", 300)}, wire.CodeUnauthorized},
	} {
		p := dumb(t, h)
		p.send(c.first)
		if e := p.refused(c.code); !e.Fatal || c.code == wire.CodeUnsupportedVersion && !slices.Equal(e.Versions, []int{1}) {
			t.Errorf("%v: %s", c.first, wire.Encode(e))
		}
		// The session is over, whatever it says now.
		p.send(&wire.Hello{V: []int{1}}, &wire.Open{Space: path, Client: client("ada")}, &wire.Push{Space: path, Mutations: []space.Mutation{put(1, "x", `{}`)}})
		if m := p.next(); m != nil {
			t.Errorf("%v: then %s", c.first, wire.Encode(m))
		}
	}
	p := connect(t, h, "ada")
	p.send(&wire.Hello{V: []int{1}, User: "eve"})
	if e := p.refused(wire.CodeUnauthorized); !e.Fatal {
		t.Errorf("a second hello, of another user: %s", wire.Encode(e))
	}
	if who, err := h.Read(t.Context(), mustIdentify(t), path, 0); err != nil {
		t.Error(err)
	} else {
		who.Close()
	}
}

// TestStrikes: three malformed messages in a row end a session, two and a good
// one do not.
func TestStrikes(t *testing.T) {
	h := newHost(t, host.Options{})
	p := connect(t, h, "ada")
	for range 3 {
		p.send(`{"t":"nonsense"}`, `binary`)
		p.refused(wire.CodeMalformed)
		if e := p.refused(wire.CodeMalformed); e.Fatal {
			t.Fatalf("%s", wire.Encode(e))
		}
		p.send(&wire.Ping{})
		expect[*wire.Pong](p)
	}
	p.send(`1`, `2`, `3`)
	p.refused(wire.CodeMalformed)
	p.refused(wire.CodeMalformed)
	if e := p.refused(wire.CodeMalformed); !e.Fatal || p.next() != nil {
		t.Errorf("%s", wire.Encode(e))
	}
}

// TestGap: a mutation out of order is told what is expected, once for all that
// came with it.
func TestGap(t *testing.T) {
	h := newHost(t, host.Options{})
	p := connect(t, h, "ada")
	p.open(wire.Open{Client: client("ada"), View: cards})
	p.push(put(1, "a", `{}`), put(3, "b", `{}`), put(4, "c", `{}`), put(2, "d", `{}`))
	if a := expect[*wire.Ack](p); len(a.Outcomes) != 1 || a.Outcomes[0].ID != 1 {
		t.Errorf("%s", wire.Encode(a))
	}
	if e := p.refused(wire.CodeMutationGap); e.Expected != 2 || e.Fatal || e.Space != path {
		t.Errorf("%s", wire.Encode(e))
	}
	expect[*wire.Diff](p)
	p.push(put(2, "b", `{}`))
	expect[*wire.Ack](p)
	expect[*wire.Diff](p)
	p.push(put(2, "other", `{}`))
	p.refused(wire.CodeClientForked)
	if more := p.sync(); len(more) != 0 {
		t.Errorf("then %s", wire.Encode(more[0]))
	}
}

// TestCheck sums up what the view holds.
func TestCheck(t *testing.T) {
	h := newHost(t, host.Options{})
	p := connect(t, h, "ada")
	p.open(wire.Open{Client: client("ada"), View: space.View{{In: "cards", Where: []byte(`{"n":{"$gt":1}}`)}}})
	var sum wire.Sum
	for _, id := range ids(3) {
		p.push(put(id, fmt.Sprint("c", id), fmt.Sprintf(`{"n":%d}`, id)))
		expect[*wire.Ack](p)
		expect[*wire.Diff](p) // an empty one for the first, so that the queue can empty
		if id > 1 {
			sum.Add(space.Key{Collection: "cards", ID: fmt.Sprint("c", id)}, space.Seq(id))
		}
	}
	p.send(&wire.Check{Space: path})
	if c := expect[*wire.Checked](p); c.At.Seq != 3 || c.Count != 2 || c.Sum != sum.String() {
		t.Errorf("%s, want %s", wire.Encode(c), sum)
	}
	p.open(wire.Open{Client: client("ada"), Acked: 3})
	p.send(&wire.Check{Space: path})
	p.refused(wire.CodeNotOpen)
}

// TestSilentSession: who does not say hello is sent away, and who has said it is not.
func TestSilentSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := host.New(host.Options{Store: memstore.New(), Authority: authz.Development{}})
		silent, err := h.NewSession(func(*host.Session) {})
		if err != nil {
			t.Fatal(err)
		}
		ada, err := h.NewSession(func(*host.Session) {})
		if err != nil {
			t.Fatal(err)
		}
		ada.Receive(t.Context(), wire.Encode(&wire.Hello{V: []int{1}, User: "ada"}))
		time.Sleep(29 * time.Second)
		if frames, open := silent.Take(1 << 20); len(frames) != 0 || !open {
			t.Errorf("after 29 s: %s, %t", frames, open)
		}
		time.Sleep(2 * time.Second)
		frames, open := silent.Take(1 << 20)
		if len(frames) == 1 {
			frames2, still := silent.Take(1 << 20)
			open = still || len(frames2) > 0
		}
		if len(frames) != 1 || !strings.Contains(string(frames[0]), `"fatal":true`) || open {
			t.Errorf("after 31 s: %s, %t", frames, open)
		}
		time.Sleep(time.Hour)
		if frames, open := ada.Take(1 << 20); len(frames) != 1 || !open {
			t.Errorf("ada: %s, %t", frames, open)
		}
		silent.Close()
		ada.Close()
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestAnotherViewOfTheSame: who opens with another view that holds the same is told so: they wait for the
// diff that was announced.
func TestAnotherViewOfTheSame(t *testing.T) {
	overEach(t, func(t *testing.T, s store.Store) {
		h := newHost(t, host.Options{Store: s})
		p := connect(t, h, "ada")
		_, first := p.open(wire.Open{Client: client("ada"), View: cards})
		if first.To.Seq != 0 {
			t.Fatalf("%+v", first)
		}
		p.push(put(1, "c1", `{"n":1}`))
		expect[*wire.Ack](p)
		at := expect[*wire.Diff](p).To
		p.send(&wire.Open{Space: path, Client: client("ada"), Acked: 1, Cursor: at.String(), Was: cards, View: space.View{{In: "cards", Where: []byte(`{"n":1}`)}}})
		if o := expect[*wire.Opened](p); o.Resume != wire.ResumeDiff {
			t.Fatalf("%+v", o)
		}
		if d := expect[*wire.Diff](p); d.To != at || len(d.Put)+len(d.Del)+len(d.Drop) != 0 {
			t.Errorf("%+v", d)
		}
	})
}
