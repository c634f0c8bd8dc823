package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/hook"
	"github.com/syncline/syncline/outbox"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/webhook"
)

const text = `
spaces:
  team/{team}:
    open: "true"
    collections: {cards: {read: "true", write: "true"}, notes: {read: "true", write: "true"}}
    deliver:
      told: {to: there, collections: [cards], when: "new == null || !('hidden' in new)"}
`

func policy(t testing.TB, text string) *authz.Policy {
	t.Helper()
	d, err := definition.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// write commits changes; a payload of "" deletes.
func write(t testing.TB, st store.Store, path space.Path, entries ...[3]string) space.Seq {
	t.Helper()
	head, err := st.Head(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	c := &space.Commit{Seq: head.Cursor.Seq + 1, Time: time.UnixMilli(time.Now().UnixMilli()).UTC(), Author: "ada"}
	for _, e := range entries {
		change := space.Change{Key: space.Key{Collection: e[0], ID: e[1]}, Type: space.Record, Deleted: e[2] == ""}
		if !change.Deleted {
			change.Payload = []byte(e[2])
			change.Hash = space.PayloadHash(change.Payload)
		}
		c.Changes = append(c.Changes, change)
	}
	slices.SortFunc(c.Changes, func(a, b space.Change) int { return a.Key.Compare(b.Key) })
	c.Seal(head.Cursor.Digest)
	if err := st.Append(t.Context(), store.Batch{Space: path, Base: head.Cursor, Commits: []*space.Commit{c}}); err != nil {
		t.Fatal(err)
	}
	return c.Seq
}

// An event is named by its space, seq and number.
type name struct {
	path string
	seq  space.Seq
	n    int
}

// A receiver is an endpoint with moods.
type receiver struct {
	mu       sync.Mutex
	rand     *rand.Rand
	calm     bool // takes everything
	attempts int
	mood     func(e hook.Event) (webhook.Answer, error) // if set, instead of moods

	events map[name]hook.Event // taken at least once
	order  map[string][]name   // of first takings, by space and entry
	sends  map[name]int
	ids    map[string]name
	faults []string
	busy   map[string]int // under way, by space and entry
	news   chan struct{}
}

func newReceiver(seed uint64) *receiver {
	return &receiver{
		rand: rand.New(rand.NewPCG(seed, 1)), attempts: 5, events: map[name]hook.Event{}, order: map[string][]name{}, sends: map[name]int{},
		ids: map[string]name{}, busy: map[string]int{}, news: make(chan struct{}, 1),
	}
}

func (r *receiver) Attempts() int { return r.attempts }
func (r *receiver) Parallel() int { return 4 }

func (r *receiver) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func (r *receiver) Send(ctx context.Context, id string, body []byte) (webhook.Answer, error) {
	var m hook.Message[hook.Event]
	if err := json.Unmarshal(body, &m, json.RejectUnknownMembers(true)); err != nil {
		return webhook.Answer{}, err
	}
	e := m.Data
	at, entry := name{e.Space, e.Seq, e.N}, e.Space+" "+e.Collection+"/"+e.ID
	ok := webhook.Answer{Status: 200}
	r.mu.Lock()
	if was, known := r.ids[id]; known && was != at {
		r.fault("%v and %v have the id %s", was, at, id)
	}
	r.ids[id] = at
	r.sends[at]++
	if r.busy[entry]++; r.busy[entry] > 1 {
		r.fault("two events of %s at once", entry)
	}
	mood, delay := r.rand.IntN(8), time.Duration(r.rand.IntN(3000))*time.Millisecond
	if r.calm {
		mood = 7
	}
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.busy[entry]--
		r.mu.Unlock()
		select {
		case r.news <- struct{}{}:
		default:
		}
	}()
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if r.mood != nil {
		a, err := r.mood(e)
		if err == nil && a.OK() {
			r.take(at, entry, e)
		}
		return a, err
	}
	if e.ID == "bad" && !r.calm {
		return webhook.Answer{Status: 422}, wait(delay)
	}
	switch mood {
	case 0: // lost on the way there
		return ok, errors.Join(wait(delay), errors.New("connection refused"))
	case 1: // lost on the way back
		r.take(at, entry, e)
		return ok, errors.Join(wait(delay), errors.New("connection reset"))
	case 2:
		return webhook.Answer{Status: 500}, wait(delay)
	case 3: // hangs
		return ok, errors.Join(wait(10*time.Second), errors.New("timeout"))
	case 4:
		return webhook.Answer{Status: 429, RetryAfter: 20 * time.Second}, nil
	default:
		if err := wait(delay); err != nil {
			return ok, err
		}
		r.take(at, entry, e)
		return ok, nil
	}
}

func (r *receiver) take(at name, entry string, e hook.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, again := r.events[at]; !again {
		r.order[entry] = append(r.order[entry], at)
	}
	r.events[at] = e
}

func open(t testing.TB, st store.Store, p *authz.Policy, to outbox.Endpoint, bugs outbox.Bugs) (*outbox.Outbox, *outbox.Ledger) {
	t.Helper()
	l, err := outbox.OpenLedger(t.Context(), st, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := outbox.New(outbox.Options{Store: st, Ledger: l, Rules: p.Rules, Endpoints: map[string]outbox.Endpoint{"there": to}, Bugs: bugs})
	if err := o.Introduce(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	o.Start()
	return o, l
}

func (r *receiver) firsts(entry string) (out []space.Seq) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.order[entry] {
		out = append(out, n.seq)
	}
	return out
}

func (r *receiver) sent(at name) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sends[at]
}

func (r *receiver) taken() map[name]hook.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.events)
}
