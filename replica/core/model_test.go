package core

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

// A machine runs one Core against an oracle, with everything going wrong that
// may, and checks after every step that what shows is the state at the cursor
// with the queue on top, and that no mutation is lost or doubled.
type machine struct {
	*rig
	oracle    *oracle
	connected bool
	tokens    []string
	others    int
	next      int
	discarded map[string]bool
	faulty    error
	bugs      Bugs
}

var testViews = []space.View{
	{{In: "cards"}, {In: "notes"}},
	{{In: "cards", Where: []byte(`{"n":{"$lt":5}}`)}, {In: "notes"}},
	{{In: "notes"}},
}

func newMachine(t testing.TB, bugs Bugs) *machine {
	m := &machine{oracle: newOracle(), discarded: map[string]bool{}, bugs: bugs}
	m.rig = newRig(t, func(o *Options) { o.View, o.Bugs, o.KeepView = testViews[0], bugs, false })
	m.opt.KeepView = true
	return m
}

// step runs something of the Core's and survives faults of the store.
func (m *machine) step(t *rapid.T, fx Effects, err error) {
	switch {
	case err == nil:
	case errors.Is(err, ErrBroken):
		m.restart(t)
		return
	case errors.Is(err, m.faulty):
		m.disconnect()
		return
	default:
		t.Fatalf("unexpected: %v", err)
	}
	switch fx.Action {
	case Reopen:
		m.oracle.out = nil // FIFO: what is under way is of no use; the next answer counts
		m.oracle.handleOpen(m.core.OpenMessage(epoch), 2)
	case Reconnect:
		m.disconnect()
	case Halt:
		t.Fatalf("halted: %v", fx.Err)
	}
}

func (m *machine) disconnect() {
	m.connected = false
	m.core.Disconnected()
	m.oracle.disconnect()
}

func (m *machine) restart(t *rapid.T) {
	m.disconnect()
	m.st = m.st.Clone()
	c, err := Open(bg, m.st, m.opt, epoch)
	if err != nil {
		t.Fatalf("open after a crash: %v", err)
	}
	m.core = c
}

func genOps(t *rapid.T, tok string, versions world) []space.Op {
	var ops []space.Op
	for range rapid.IntRange(0, 2).Draw(t, "ops") {
		id := rapid.SampledFrom([]string{"c0", "c1", "c2"}).Draw(t, "id")
		op := space.Op{In: "cards", ID: id}
		switch rapid.SampledFrom([]string{"put", "put", "inc", "inc", "delete", "bad"}).Draw(t, "op") {
		case "put":
			op.Op, op.Value = space.OpPut, []byte(fmt.Sprintf(`{"n":%d}`, rapid.IntRange(0, 9).Draw(t, "n")))
		case "inc":
			op.Op, op.Patch = space.OpPatch, []byte(`{"$inc":{"n":1}}`)
		case "delete":
			op.Op = space.OpDelete
		case "bad":
			op.Op, op.Value = space.OpPut, []byte(`{"bad":true}`)
		}
		if rapid.IntRange(0, 3).Draw(t, "if") == 0 {
			v := versions[op.Key()].version
			op.If = &v
		}
		ops = append(ops, op)
	}
	return append(ops, space.Op{Op: space.OpPut, In: "notes", ID: tok, Value: []byte(`{}`)})
}

func (m *machine) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"mutate": func(t *rapid.T) {
			m.next++
			tok := fmt.Sprintf("t%03d", m.next)
			ops := genOps(t, tok, m.oracle.states[min(m.core.Cursor.Seq, m.oracle.head())])
			_, fx, err := m.core.Mutate(bg, epoch, ops, nil)
			m.step(t, fx, err)
			isIt := func(p Mutation) bool { return token(p.Ops) == tok }
			if err == nil || slices.ContainsFunc(m.core.Pending(), isIt) { // it may have happened in spite of err
				m.tokens = append(m.tokens, tok)
			}
		},
		"other": func(*rapid.T) { m.other() },
		"connect": func(t *rapid.T) {
			m.disconnect()
			fx, err := m.core.Connected(bg, epoch, "", wire.Limits{})
			m.step(t, fx, err)
			if err == nil {
				m.connected = true
				m.oracle.handleOpen(m.core.OpenMessage(epoch), rapid.IntRange(1, 4).Draw(t, "part"))
			}
		},
		"push": func(t *rapid.T) {
			if p := m.core.Push(epoch, rapid.IntRange(0, 3).Draw(t, "max")); p != nil && rapid.IntRange(0, 9).Draw(t, "lose") > 0 {
				m.oracle.handlePush(p)
			}
		},
		"fanout":  func(t *rapid.T) { m.oracle.catchUp(rapid.IntRange(1, 4).Draw(t, "part")) },
		"deliver": func(t *rapid.T) { m.deliver(t, rapid.IntRange(1, 3).Draw(t, "n")) },
		"again": func(t *rapid.T) {
			// A message twice: it must do no harm.
			if len(m.oracle.out) > 0 {
				m.oracle.out = slices.Insert(m.oracle.out, 0, m.oracle.out[0])
			}
		},
		"lose": func(*rapid.T) {
			// Carriers do not lose messages, but a whole diff may be missing for a fault
			// of the server's. A missing part is beyond what can be seen, and with an
			// ack missing a mutation may show twice until the next outcome.
			if m.core.conn.seq != nil {
				return
			}
			if len(m.oracle.out) == 0 {
				m.other()
				m.oracle.catchUp(100)
			}
			if len(m.oracle.out) == 0 {
				return
			}
			if d, ok := m.oracle.out[0].(*wire.Diff); ok && !d.More {
				m.oracle.out = m.oracle.out[1:]
			}
			m.other()
			m.oracle.catchUp(100)
		},
		"cut":     func(*rapid.T) { m.disconnect() },
		"restart": func(t *rapid.T) { m.restart(t) },
		"fault": func(t *rapid.T) {
			op := rapid.SampledFrom([]string{"append", "appended", "append", "view"}).Draw(t, "on")
			m.faulty = errors.New("planted")
			if rapid.Bool().Draw(t, "full") && op == "append" {
				m.faulty = store.ErrFull
			}
			n := rapid.IntRange(0, 3).Draw(t, "after")
			m.st.Fault = func(o string) error {
				if o != op {
					return nil
				}
				if n--; n < 0 {
					m.st.Fault = nil
					return m.faulty
				}
				return nil
			}
		},
		"view": func(t *rapid.T) {
			fx, err := m.core.SetView(bg, epoch, testViews[rapid.IntRange(0, 2).Draw(t, "view")])
			if !m.connected && fx.Action == Reopen {
				fx.Action = Continue
			}
			m.step(t, fx, err)
		},
		"retry": func(t *rapid.T) {
			if r := m.core.Rejected(); len(r) > 0 {
				_, fx, err := m.core.Retry(bg, epoch, r[0].ID)
				m.step(t, fx, err)
			}
		},
		"discard": func(t *rapid.T) {
			if r := m.core.Rejected(); len(r) > 0 {
				tok := token(r[0].Ops)
				fx, err := m.core.Discard(bg, epoch, r[0].ID)
				m.step(t, fx, err)
				if len(m.core.Rejected()) < len(r) {
					m.discarded[tok] = true
				}
			}
		},
		"restore": func(t *rapid.T) {
			if rapid.IntRange(0, 5).Draw(t, "really") == 0 {
				m.oracle.restore(space.Seq(rapid.IntRange(0, int(m.oracle.head())).Draw(t, "to")))
				m.disconnect()
			}
		},
		"": func(t *rapid.T) { m.check(t) },
	}
}

// other is a commit of somebody else's.
func (m *machine) other() {
	m.others++
	id := fmt.Sprintf("c%d", m.others%3)
	ops := []space.Op{put(id, fmt.Sprintf(`{"n":%d}`, m.others%8))}
	if m.others%5 == 0 {
		ops = []space.Op{{Op: space.OpDelete, In: "cards", ID: id}}
	}
	m.oracle.commit("", &space.Mutation{Ops: append(ops, space.Op{Op: space.OpPut, In: "notes", ID: "other", Value: []byte(`{}`)})})
}

func (m *machine) deliver(t *rapid.T, n int) {
	for ; n > 0 && m.connected && len(m.oracle.out) > 0; n-- {
		message := m.oracle.out[0]
		m.oracle.out = m.oracle.out[1:]
		fx, err := m.core.Receive(bg, epoch, message)
		t.Logf("%s -> %v %v %v", wire.Encode(message), fx.Action, fx.Err, err)
		m.step(t, fx, err)
	}
}

// check compares what shows with a naive replay, and accounts for mutations.
func (m *machine) check(t *rapid.T) {
	fault := m.st.Fault
	m.st.Fault = nil
	defer func() { m.st.Fault = fault }()

	m.account(t)
	at := m.core.Cursor
	if at.Seq > m.oracle.head() || m.oracle.cursors[at.Seq] != at {
		return // another history: nobody remembers what it looked like
	}
	want := world{}
	if m.core.Held {
		want = maps.Clone(m.oracle.states[at.Seq].seen(compileView(m.core.HeldOf)))
	}
	queued := map[space.Key]bool{}
	for _, p := range m.core.Pending() {
		tok := token(p.Ops)
		if slices.ContainsFunc(m.oracle.commits[:at.Seq+1], func(c oracleCommit) bool { return c.token == tok }) {
			continue // what is confirmed has it
		}
		if m.refusedBelow(p.ID, at.Seq) {
			continue // the server has said so when the space was opened
		}
		try := maps.Clone(want)
		mark := maps.Clone(queued)
		if apply(try, p.Ops, 0, mark) == "" {
			want, queued = try, mark
		}
	}
	got := world{}
	for _, in := range []string{"cards", "notes"} {
		for e, err := range m.core.Scan(bg, in) {
			if err != nil {
				t.Fatal(err)
			}
			got[e.Key] = versioned{e.Version, string(e.Value)}
		}
	}
	if !maps.Equal(got, want) {
		t.Fatalf("at %s shows\n  %v\nwant\n  %v\npending %v, held %v", at, got, want, m.core.Pending(), m.core.HeldOf)
	}
}

// refusedBelow reports whether a mutation without outcome was rejected by a commit
// that the cursor has reached. Outcomes come before the diffs that contain them, so
// it has been told of.
func (m *machine) refusedBelow(id LocalID, at space.Seq) bool {
	i := slices.IndexFunc(m.core.unacked, func(it *item) bool { return it.ID == id })
	if i < 0 {
		return false
	}
	content := (&space.Mutation{Ops: m.core.unacked[i].Ops}).ContentHash()
	return slices.ContainsFunc(m.oracle.commits[:at+1], func(c oracleCommit) bool {
		return c.client == m.core.Client() && c.id == m.core.idOf(i) && c.content == content && c.outcome.Kind == space.Rejected
	})
}

// account sees to it that every mutation is in one place.
func (m *machine) account(t *rapid.T) {
	where := map[string][]string{}
	for _, p := range m.core.Pending() {
		where[token(p.Ops)] = append(where[token(p.Ops)], "pending")
	}
	for _, p := range m.core.Rejected() {
		where[token(p.Ops)] = append(where[token(p.Ops)], "rejected")
	}
	for tok, places := range where {
		if len(places) != 1 {
			t.Fatalf("mutation %s is %v", tok, places)
		}
	}
	for tok, n := range m.oracle.applied() {
		if n > 1 && tok != "other" {
			t.Fatalf("mutation %s was applied %d times", tok, n)
		}
	}
}

// settle lets everything come to rest and checks the end of every mutation.
func (m *machine) settle(t *rapid.T) {
	m.st.Fault = nil
	m.restart(t)
	for range 50 {
		if !m.connected {
			fx, err := m.core.Connected(bg, epoch, "", wire.Limits{})
			m.connected = true
			m.step(t, fx, err)
			m.oracle.handleOpen(m.core.OpenMessage(epoch), 3)
		}
		for p := m.core.Push(epoch, 0); p != nil; p = m.core.Push(epoch, 0) {
			m.oracle.handlePush(p)
		}
		m.deliver(t, 1000)
		m.oracle.catchUp(3)
		m.deliver(t, 1000)
	}
	m.check(t)
	if s := m.core.Status(); s.Pending > 0 || !s.Live || s.Cursor.Seq != m.oracle.head() {
		t.Fatalf("does not come to rest: %+v, head %d", s, m.oracle.head())
	}
	sum, err := m.core.Sum(bg)
	if err != nil {
		t.Fatal(err)
	}
	var want wire.Sum
	for key, v := range m.oracle.states[m.oracle.head()].seen(m.oracle.view) {
		want.Add(key, v.version)
	}
	if sum != want {
		t.Fatalf("holds %v, want %v", sum, want)
	}
	rejected := map[string]bool{}
	for _, r := range m.core.Rejected() {
		rejected[token(r.Ops)] = true
	}
	applied := m.oracle.applied()
	for _, tok := range m.tokens {
		ends := applied[tok]
		if rejected[tok] {
			ends++
		}
		if m.discarded[tok] {
			ends++
		}
		if ends != 1 {
			t.Fatalf("mutation %s ends %d times (applied %d, rejected %v, discarded %v)", tok, ends, applied[tok], rejected[tok], m.discarded[tok])
		}
	}
}

func TestModel(t *testing.T) {
	defer func(was int) { stageBytes = was }(stageBytes)
	for range 4 { // times -rapid.checks
		rapid.Check(t, func(rt *rapid.T) {
			stageBytes = rapid.SampledFrom([]int{0, 300, 1 << 20}).Draw(rt, "stageBytes")
			m := newMachine(t, Bugs{})
			rt.Repeat(m.actions())
			m.settle(rt)
		})
	}
}
