package core_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

const asking = `
spaces:
  a:
    open: "true"
    collections: {cards: {read: "true", write: "true"}, notes: {read: "true", write: "true"}}
    ask:
      bank: {to: bank, collections: [cards], when: "new.n > 0"}
`

func askRules() *authz.Rules {
	d, err := definition.Parse([]byte(asking))
	if err != nil {
		panic(err)
	}
	p, err := authz.Compile(d)
	if err != nil {
		panic(err)
	}
	return p.Rules("a")
}

// An asked world is a space whose writers need the agreement of somebody.
type askedWorld struct {
	t     interface{ Fatalf(string, ...any) }
	st    *memstore.Store
	s     *core.Space
	now   time.Time
	open  []*core.Ask
	asked map[*core.Ask]time.Time
	yes   map[string]bool // what was agreed to, as text
	done  map[string][]space.Outcome
}

func newAskedWorld(t interface{ Fatalf(string, ...any) }, rules *authz.Rules, bugs core.Bugs) *askedWorld {
	w := &askedWorld{t: t, st: memstore.New(), now: time.UnixMilli(1e12), asked: map[*core.Ask]time.Time{}, yes: map[string]bool{}, done: map[string][]space.Outcome{}}
	w.s = w.load(rules, bugs, func(a *core.Ask) { w.open, w.asked[a] = append(w.open, a), w.now })
	return w
}

func (w *askedWorld) load(rules *authz.Rules, bugs core.Bugs, ask func(*core.Ask)) *core.Space {
	s, err := core.Load(context.Background(), core.Config{
		Path: "a", Store: w.st, Limits: wire.DefaultLimits, Rules: rules, Lagging: func(*core.Member) {}, Ask: ask, Bugs: bugs,
	})
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	return s
}

func clientOf(who string) space.ClientID {
	return space.ClientID("client-" + who + strings.Repeat("0", 16))
}

// push queues a request of one mutation, as REST's.
func (w *askedWorld) push(who string, m space.Mutation) {
	session, err := authz.NewSession(authz.Principal{User: who})
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	writer := kernel.Writer{User: who}
	if m.ID > 0 {
		writer.Client = clientOf(who)
	}
	w.s.Do(&core.Request{Writer: writer, Who: session, Mutations: []space.Mutation{m}, Done: func(o []space.Outcome, _ space.Cursor, err error) {
		if err != nil {
			o = []space.Outcome{{ID: m.ID, Kind: space.RetryAfter, Message: err.Error()}}
		}
		w.done[who] = append(w.done[who], o...)
	}})
}

// turn carries out what waits, and holds each commit to what was agreed to.
func (w *askedWorld) turn(rules *authz.Rules) {
	for turn := w.s.Begin(context.Background(), w.now); turn != nil; turn = w.s.Begin(context.Background(), w.now) {
		var err error
		if !turn.Empty() {
			batches, e := turn.Batches("a")
			if err = e; err == nil {
				err = w.st.Append(context.Background(), batches...)
			}
			if err == nil {
				for _, c := range batches[0].Commits {
					w.check(c)
				}
			}
		}
		if err := w.s.Finish(context.Background(), turn, err); err != nil {
			w.t.Fatalf("%v", err)
		}
	}
}

func (w *askedWorld) check(c *space.Commit) {
	for i := range c.Changes {
		change := &c.Changes[i]
		if change.Key.Collection != "cards" || strings.ContainsAny(string(change.Payload[:6]), "-0") {
			continue
		}
		v, err := w.st.View(context.Background(), "a", c.Seq-1)
		if err != nil {
			w.t.Fatalf("%v", err)
		}
		old, err := v.Get(change.Key)
		_ = v.Close()
		if err != nil {
			w.t.Fatalf("%v", err)
		}
		if text := agreed(c.Author, *change, old); !w.yes[text] {
			w.t.Fatalf("commit %d, to which nobody agreed: %s", c.Seq, text)
		}
	}
}

func agreed(author string, c space.Change, old space.Version) string {
	return fmt.Sprintf("%s %s %t %s, was %t %s", author, c.Key, c.Deleted, c.Payload, old.Live(), old.Payload)
}

func (w *askedWorld) answer(n int, v core.Verdict) {
	a := w.open[n]
	w.open = append(w.open[:n:n], w.open[n+1:]...)
	if v.Agreed {
		for _, asked := range a.Asked {
			for i, c := range asked.Changes {
				w.yes[agreed(a.Author, c, asked.Old[i])] = true
			}
		}
	}
	w.s.Answer(a, v)
}

func numberPut(id space.MutationID, in, key string, n int) space.Mutation {
	return space.Mutation{ID: id, Ops: []space.Op{{Op: space.OpPut, In: in, ID: key, Value: fmt.Appendf(nil, `{"n":%d}`, n)}}}
}

func schedule(t *rapid.T, bugs core.Bugs) {
	rules := askRules()
	w := newAskedWorld(t, rules, bugs)
	next := map[string]space.MutationID{}
	who := rapid.SampledFrom([]string{"ada", "bob", "cyd"})
	t.Repeat(map[string]func(*rapid.T){
		"push": func(t *rapid.T) {
			from := who.Draw(t, "who")
			in := rapid.SampledFrom([]string{"cards", "cards", "notes"}).Draw(t, "in")
			m := numberPut(0, in, rapid.SampledFrom([]string{"x", "y"}).Draw(t, "key"), rapid.IntRange(-1, 3).Draw(t, "n"))
			if rapid.Bool().Draw(t, "inc") {
				m.Ops[0].Op, m.Ops[0].Value, m.Ops[0].Patch = space.OpPatch, nil, []byte(`{"$inc":{"n":1}}`)
			}
			next[from]++
			m.ID = next[from]
			w.push(from, m)
		},
		"turn": func(*rapid.T) { w.turn(rules) },
		"answer": func(t *rapid.T) {
			if len(w.open) > 0 {
				v := rapid.SampledFrom([]core.Verdict{{Agreed: true}, {Agreed: true}, {Refused: true, Message: "no"}, {}}).Draw(t, "verdict")
				w.answer(rapid.IntRange(0, len(w.open)-1).Draw(t, "of"), v)
			}
		},
		"time": func(t *rapid.T) {
			w.now = w.now.Add(time.Duration(rapid.IntRange(1, 2000).Draw(t, "ms")) * time.Millisecond)
		},
		"elsewhere": func(t *rapid.T) { // another node commits: what is planned is planned on nothing
			other := w.load(rules, core.Bugs{}, nil)
			session, _ := authz.NewSession(authz.Principal{User: "eve"})
			m := numberPut(0, "cards", rapid.SampledFrom([]string{"x", "y"}).Draw(t, "key"), -1)
			other.Do(&core.Request{Writer: kernel.Writer{User: "eve"}, Who: session, Mutations: []space.Mutation{m}, Done: func([]space.Outcome, space.Cursor, error) {}})
			turn := other.Begin(context.Background(), w.now)
			batches, err := turn.Batches("a")
			if err == nil {
				err = w.st.Append(context.Background(), batches...)
			}
			if err != nil {
				t.Fatalf("%v", err)
			}
		},
		"": func(t *rapid.T) {
			for a, since := range w.asked {
				if a.Deadline.Sub(since) > core.AskFor {
					t.Fatalf("an answer is waited for until %s after it was asked", a.Deadline.Sub(since))
				}
			}
		},
	})
	// In the end whoever is asked agrees: nothing waits for ever.
	for range 100 {
		w.turn(rules)
		for len(w.open) > 0 {
			w.answer(0, core.Verdict{Agreed: true})
		}
	}
	if !w.s.Idle() {
		t.Fatalf("something still waits")
	}
	for from, last := range next {
		got := w.done[from]
		if len(got) != int(last) {
			t.Fatalf("%s sent %d mutations and got %d outcomes", from, last, len(got))
		}
		for i, o := range got {
			if o.ID != space.MutationID(i+1) || o.Kind == space.RetryAfter {
				t.Fatalf("outcome %d of %s is %+v", i+1, from, o)
			}
		}
	}
}

// TestAsks: whatever is committed that somebody had to agree to, they agreed to
// exactly; the order of each client is kept; everything ends.
func TestAsks(t *testing.T) { rapid.Check(t, func(t *rapid.T) { schedule(t, core.Bugs{}) }) }

// A witness notes that a check has failed, and ends it.
type witness struct{ said string }

func (w *witness) Fatalf(format string, args ...any) {
	w.said = fmt.Sprintf(format, args...)
	panic(w)
}

// TestAsksPlanted: what TestAsks looks for it would see.
func TestAsksPlanted(t *testing.T) {
	rules, seen := askRules(), &witness{}
	w := newAskedWorld(seen, rules, core.Bugs{OldConsent: true})
	w.push("ada", numberPut(1, "cards", "x", 1))
	w.turn(rules)
	w.push("bob", numberPut(0, "cards", "x", -1))
	w.turn(rules)
	w.answer(0, core.Verdict{Agreed: true})
	func() {
		defer func() { _ = recover() }()
		w.turn(rules)
	}()
	if !strings.Contains(seen.said, "to which nobody agreed") {
		t.Errorf("a stale agreement is not seen: %q", seen.said)
	}
}

// TestAskOthersGoOn: while one waits, others do not, and what comes after it in its
// own client's order does.
func TestAskOthersGoOn(t *testing.T) {
	rules := askRules()
	w := newAskedWorld(t, rules, core.Bugs{})
	w.push("ada", numberPut(1, "cards", "x", 1))
	w.push("ada", numberPut(2, "notes", "x", 1))
	w.push("bob", numberPut(1, "notes", "x", 2))
	w.push("bob", numberPut(2, "cards", "x", -5))
	w.turn(rules)
	if len(w.done["ada"]) != 0 || len(w.done["bob"]) != 2 || len(w.open) != 1 {
		t.Fatalf("%+v, %d asked", w.done, len(w.open))
	}
	w.push("ada", numberPut(3, "notes", "y", 1))
	w.turn(rules)
	first := w.open[0]
	w.answer(0, core.Verdict{Agreed: true})
	w.turn(rules)
	// The card was there by then, which nobody was asked about.
	if len(w.done["ada"]) != 0 || len(w.open) != 1 || w.open[0].ID == first.ID || !w.open[0].Asked[0].Old[0].Live() {
		t.Fatalf("%+v, asked again: %+v", w.done, w.open)
	}
	w.answer(0, core.Verdict{Agreed: true})
	w.turn(rules)
	text, _ := json.Marshal(w.done["ada"])
	if want := `[{"id":1,"outcome":"applied","seq":3},{"id":2,"outcome":"applied","seq":4},{"id":3,"outcome":"applied","seq":5}]`; string(text) != want {
		t.Errorf("%s", text)
	}
}

// TestAskEnds: how a mutation ends to which nobody agreed.
func TestAskEnds(t *testing.T) {
	rules := askRules()
	for what, c := range map[string]struct {
		run     func(w *askedWorld)
		code    string
		message string
	}{
		"refused":   {func(w *askedWorld) { w.answer(0, core.Verdict{Refused: true, Message: "over the limit"}) }, space.CodeHookRefused, "over the limit"},
		"no answer": {func(w *askedWorld) { w.answer(0, core.Verdict{}) }, space.CodeHookUnavailable, "no answer in time"},
		"late": {func(w *askedWorld) {
			w.push("bob", numberPut(0, "cards", "x", -1))
			w.now = w.now.Add(core.AskFor)
			w.turn(rules)
			w.answer(0, core.Verdict{Agreed: true})
		}, space.CodeHookUnavailable, "changed each time"},
		"never the same": {func(w *askedWorld) {
			for i := range 4 {
				w.push("bob", numberPut(0, "cards", "x", -i-1))
				w.turn(rules)
				w.answer(0, core.Verdict{Agreed: true})
				w.turn(rules)
			}
		}, space.CodeHookUnavailable, "changed each time"},
	} {
		t.Run(what, func(t *testing.T) {
			w := newAskedWorld(t, rules, core.Bugs{})
			w.push("ada", numberPut(1, "cards", "x", 1))
			w.turn(rules)
			c.run(w)
			w.turn(rules)
			if len(w.open) != 0 || len(w.done["ada"]) != 1 {
				t.Fatalf("%d asks, %+v", len(w.open), w.done)
			}
			if o := w.done["ada"][0]; o.Kind != space.Rejected || o.Code != c.code || !strings.Contains(o.Message, c.message) {
				t.Errorf("%+v", o)
			}
			// The outcome is as durable as any.
			w.push("ada", numberPut(1, "cards", "x", 1))
			w.turn(rules)
			if o := w.done["ada"][1]; o.Code != c.code || len(w.open) != 0 {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestAskBounds: too many that wait are told to come back, and nobody who can be
// asked means no.
func TestAskBounds(t *testing.T) {
	rules := askRules()
	w := newAskedWorld(t, rules, core.Bugs{})
	for i := range 70 {
		w.push("ada", numberPut(0, "cards", fmt.Sprint("k", i), 1))
	}
	w.turn(rules)
	if len(w.open) != 64 || len(w.done["ada"]) != 6 || w.done["ada"][0].Kind != space.RetryAfter {
		t.Fatalf("%d are asked about, %+v", len(w.open), w.done)
	}
	ids := map[string]bool{}
	for _, a := range w.open {
		ids[a.ID] = true
	}
	if len(ids) != 64 {
		t.Errorf("%d questions have %d ids", len(w.open), len(ids))
	}
	w.s.Dismiss(&wire.Error{Code: wire.CodeShuttingDown, Message: "bye"})
	if len(w.done["ada"]) != 70 || !w.s.Idle() {
		t.Errorf("%d outcomes", len(w.done["ada"]))
	}
	w.s.Answer(w.open[0], core.Verdict{Agreed: true}) // too late, and harmless
	w.turn(rules)
	if head, err := w.st.Head(t.Context(), "a"); err != nil || head != (store.Head{}) {
		t.Errorf("%+v %v", head, err)
	}
	alone := newAskedWorld(t, rules, core.Bugs{})
	alone.s = alone.load(rules, core.Bugs{}, nil)
	alone.push("ada", numberPut(0, "cards", "x", 1))
	alone.push("ada", numberPut(0, "cards", "x", 0)) // nobody has to agree
	alone.push("ada", space.Mutation{Ops: []space.Op{{Op: space.OpPut, In: "cards", ID: "z", Value: []byte(`{}`)}}})
	alone.turn(rules)
	o := alone.done["ada"]
	if len(o) != 3 || o[0].Code != space.CodeHookUnavailable || o[1].Kind != space.Applied {
		t.Errorf("%+v", o)
	} else if o[2].Code != space.CodeHookUnavailable {
		t.Errorf("a rule without an answer does not ask: %+v", o[2])
	}
}
