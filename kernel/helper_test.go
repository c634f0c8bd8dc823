package kernel_test

import (
	"context"
	"testing"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

const path = space.Path("a")

var (
	ada = kernel.Writer{User: "ada", Client: "ada-0123456789abcdef"}
	bob = kernel.Writer{User: "bob", Client: "bob-0123456789abcdef"}
	web = kernel.Writer{User: "web"}
)

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// A ledger is one space over a memstore, written through plans.
type ledger struct {
	tester
	store  *memstore.Store
	limits wire.Limits
	guard  kernel.Guard
	now    time.Time
	bugs   kernel.Bugs
}

func newLedger(t tester) *ledger {
	who, err := authz.Development{}.Identify(context.Background(), authz.Credentials{User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	return &ledger{tester: t, store: memstore.New(), limits: wire.DefaultLimits, guard: who.In(authz.Development{}.Rules(path)).Guard(nil, time.Time{}), now: time.UnixMilli(1764109771123)}
}

// reader is a kernel.Reader over the ledger's store.
func (l *ledger) reader() store.Reader {
	return store.Reader{Context: context.Background(), Store: l.store, Space: path}
}

func (l *ledger) head() store.Head {
	l.Helper()
	h, err := l.store.Head(context.Background(), path)
	if err != nil {
		l.Fatal(err)
	}
	return h
}

func (l *ledger) plan() *kernel.Plan {
	l.Helper()
	p := kernel.NewPlan(l.head().Cursor, l.now, l.reader(), l.limits)
	p.Bugs = l.bugs
	return p
}

func (l *ledger) commit(p *kernel.Plan) {
	l.Helper()
	if len(p.Commits()) == 0 {
		return
	}
	if err := l.store.Append(context.Background(), store.Batch{Space: path, Base: p.Base(), Commits: p.Commits()}); err != nil {
		l.Fatal(err)
	}
	if got := l.head().Cursor; got != p.Head() {
		l.Fatalf("the head is %s, the plan said %s", got, p.Head())
	}
}

// submit plans and commits one mutation.
func (l *ledger) submit(w kernel.Writer, m space.Mutation) (space.Outcome, error) {
	l.Helper()
	p := l.plan()
	o, err := p.Submit(w, l.guard, &m)
	l.commit(p)
	return o, err
}

// next gives m the next id of its client.
func (l *ledger) next(w kernel.Writer, m space.Mutation) space.Mutation {
	l.Helper()
	if w.Client.IsZero() {
		return m
	}
	known, err := l.store.Client(context.Background(), path, w.Client)
	if err != nil {
		l.Fatal(err)
	}
	m.ID = known.Last + 1
	return m
}

// must submits what has to be applied, and returns its commit.
func (l *ledger) must(w kernel.Writer, text string) space.Seq {
	l.Helper()
	o, err := l.submit(w, l.next(w, l.parse(text)))
	if err != nil || o.Kind != space.Applied {
		l.Fatalf("%s: %+v, %v", text, o, err)
	}
	return o.Seq
}

// parse reads a mutation in the form in which it travels.
func (l *ledger) parse(text string) space.Mutation {
	l.Helper()
	r, err := wire.DecodePushRequest([]byte(`{"muts":[`+text+`]}`), l.limits)
	if err != nil {
		l.Fatalf("%s: %v", text, err)
	}
	return r.Mutations[0]
}

// state is what the space holds at a commit.
func (l *ledger) state(at space.Seq, collections ...string) map[string]string {
	l.Helper()
	v, err := l.store.View(context.Background(), path, at)
	if err != nil {
		l.Fatal(err)
	}
	defer v.Close()
	state := map[string]string{}
	for _, c := range collections {
		for e, err := range v.Scan(c, "") {
			if err != nil {
				l.Fatal(err)
			}
			state[e.Key.String()] = string(e.Payload)
		}
	}
	return state
}

func put(id, value string) string {
	return `{"ops":[{"op":"put","in":"c","id":"` + id + `","value":` + value + `}]}`
}

var _ tester = testing.TB(nil)
