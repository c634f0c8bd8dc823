package host_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// A held store carries appends out and then keeps their callers waiting.
type held struct {
	store.Store
	begun chan struct{} // gets a token for each append
	mu    sync.Mutex
	gate  chan struct{}
}

func holdAppends(s store.Store) (store.Store, *held) {
	h := &held{Store: s, begun: make(chan struct{}, 1000), gate: make(chan struct{})}
	return h, h
}

func (h *held) Append(ctx context.Context, batches ...store.Batch) error {
	err := h.Store.Append(ctx, batches...)
	h.begun <- struct{}{}
	h.mu.Lock()
	gate := h.gate
	h.mu.Unlock()
	<-gate
	return err
}

// release lets all appends return, from now on at once.
func (h *held) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.gate)
}

// TestAckBeforeCaughtUpDiff: a session that lags is caught up from the store,
// where its own mutation may be before its outcome has been sent. The outcome
// comes first all the same.
func TestAckBeforeCaughtUpDiff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memstore.New()
		fill(t, newHost(t, host.Options{Store: inner}), 100, 1000)
		s, held := holdAppends(inner)
		h := newHost(t, host.Options{Store: s, Limits: wire.Limits{Queue: 4 << 10}})
		p := connect(t, h, "ada")
		p.send(&wire.Open{Space: path, Client: client("ada"), View: cards})
		local := newCopy(t)
		local.view = expect[*wire.Opened](p).View
		p.push(put(1, "mine", `{}`))
		<-held.begun // it is in the store, and the loop hangs before it answers
		local.until(p, 100)
		synctest.Wait() // the catch-up has nothing more to do
		if frames, _ := p.session.Take(1 << 20); len(frames) != 0 {
			t.Errorf("before the outcome comes %s", frames[0])
		}
		held.release()
		if a := expect[*wire.Ack](p); a.Outcomes[0].Seq != 101 {
			t.Errorf("%s", wire.Encode(a))
		}
		local.until(p, 101)
		local.holds(s, "cards")
	})
}

// TestStorageFailure: the node stops, everybody is sent away, and nothing was
// acknowledged that is not there afterwards.
func TestStorageFailure(t *testing.T) {
	for _, at := range []string{"append", "appended"} {
		t.Run(at, func(t *testing.T) {
			s := memstore.New()
			boom := errors.New("boom")
			var fails atomic.Bool
			s.Fault = func(op string) error {
				if op == at && fails.Load() {
					return boom
				}
				return nil
			}
			h := newHost(t, host.Options{Store: s})
			p, other := connect(t, h, "ada"), connect(t, h, "bob")
			p.open(wire.Open{Client: client("ada")})
			p.push(put(1, "x", `{}`))
			expect[*wire.Ack](p)
			fails.Store(true)
			p.push(put(2, "x", `{}`), put(3, "x", `{}`))
			p.refused(wire.CodeInternal)
			if e := p.refused(wire.CodeInternal); !e.Fatal || p.next() != nil {
				t.Errorf("%s", wire.Encode(e))
			}
			<-h.Failed()
			if !errors.Is(h.Err(), boom) {
				t.Errorf("%v", h.Err())
			}
			if e := other.refused(wire.CodeInternal); !e.Fatal {
				t.Errorf("%s", wire.Encode(e))
			}
			if _, err := h.NewSession(nil); err == nil {
				t.Error("a session begins on a broken store")
			}
			if _, _, err := h.Do(t.Context(), mustIdentify(t), path, "", []space.Mutation{put(0, "x", `{}`)}); err == nil {
				t.Error("a write is taken by a broken store")
			}
			// After the restart, the client learns what became of it.
			h = newHost(t, host.Options{Store: s.Clone()})
			p = connect(t, h, "ada")
			want := space.MutationID(1)
			if at == "appended" {
				want = 3 // in doubt, and carried out
			}
			if opened, _ := p.open(wire.Open{Client: client("ada"), Acked: 1}); opened.Last != want || len(opened.Outcomes) != int(want-1) {
				t.Errorf("%s", wire.Encode(opened))
			}
		})
	}
}

// TestDiskFull refuses writes until there is room; reads go on, nothing ends.
func TestDiskFull(t *testing.T) {
	s := memstore.New()
	var full atomic.Bool
	s.Fault = func(op string) error {
		if op == "append" && full.Load() {
			return fmt.Errorf("append: %w", store.ErrFull)
		}
		return nil
	}
	h := newHost(t, host.Options{Store: s})
	p := connect(t, h, "ada")
	p.open(wire.Open{Client: client("ada"), View: cards})
	full.Store(true)
	p.push(put(1, "x", `{}`), put(2, "x", `{}`), put(3, "x", `{}`))
	if e := p.refused(wire.CodeUnavailable); e.Fatal || e.RetryMS <= 0 || e.Space != path {
		t.Errorf("%s", wire.Encode(e))
	}
	if more := p.sync(); len(more) != 0 {
		t.Errorf("it is said more than once: %s", wire.Encode(more[0]))
	}
	full.Store(false)
	p.push(put(1, "x", `{}`))
	expect[*wire.Ack](p)
	expect[*wire.Diff](p)
}

// panicky is a store whose next append panics once it is armed.
func panicky() (*memstore.Store, *atomic.Bool) {
	s, armed := memstore.New(), new(atomic.Bool)
	s.Fault = func(op string) error {
		if op == "append" && armed.CompareAndSwap(true, false) {
			panic("planted")
		}
		return nil
	}
	return s, armed
}

// TestPanicInALoop ends that space's sessions and no others, and the space comes
// back.
func TestPanicInALoop(t *testing.T) {
	s, armed := panicky()
	h := newHost(t, host.Options{Store: s})
	p, other := connect(t, h, "ada"), connect(t, h, "bob")
	p.open(wire.Open{Client: client("ada")})
	other.send(&wire.Open{Space: "elsewhere", Client: client("bob")})
	expect[*wire.Opened](other)
	armed.Store(true)
	p.push(put(1, "x", `{}`))
	if e := p.refused(wire.CodeInternal); !e.Fatal || e.RetryMS <= 0 || p.next() != nil {
		t.Errorf("%s", wire.Encode(e))
	}
	other.send(&wire.Push{Space: "elsewhere", Mutations: []space.Mutation{put(1, "x", `{}`)}})
	expect[*wire.Ack](other)
	p.session.Close()
	p = connect(t, h, "ada")
	p.open(wire.Open{Client: client("ada")})
	p.push(put(1, "x", `{}`))
	expect[*wire.Ack](p)
}

// TestTwoHosts over one store: each appends on heads that the other has moved.
// Every mutation is carried out once, and both serve the same.
func TestTwoHosts(t *testing.T) {
	overEach(t, func(t *testing.T, s store.Store) {
		const each = 60
		var wg sync.WaitGroup
		names := []string{"ada", "bob", "eve"}
		for _, name := range names {
			h := newHost(t, host.Options{Store: s})
			p := connect(t, h, name)
			p.send(&wire.Open{Space: path, Client: client(name), View: cards})
			expect[*wire.Opened](p)
			wg.Add(1)
			go func() {
				defer wg.Done()
				last := space.Seq(0)
				for id := space.MutationID(1); id <= each; {
					m := mut(id, op("patch", "n", `{"$inc":{"n":1}}`))
					if id == 1 {
						m = put(id, name, `{}`)
					}
					p.push(m)
					for waits := true; waits; {
						switch m := p.next().(type) {
						case *wire.Ack:
							for _, o := range m.Outcomes {
								if o.ID != id || o.Seq <= last {
									t.Errorf("%s: %+v after %d", name, o, last)
								}
								id, last, waits = o.ID+1, o.Seq, false
							}
						case *wire.Error:
							t.Errorf("%s: %s", name, wire.Encode(m))
							return
						case nil:
							t.Errorf("%s: the session is over", name)
							return
						}
					}
				}
			}()
		}
		wg.Wait()
		seen := map[string]int{}
		for c, err := range s.Log(t.Context(), path, 0) {
			if err != nil {
				t.Fatal(err)
			}
			seen[fmt.Sprint(c.Client, c.Mutation)]++
		}
		if len(seen) != each*len(names) || headOf(t, s).Cursor.Seq != space.Seq(each*len(names)) {
			t.Errorf("%d mutations in %d commits, want %d", len(seen), headOf(t, s).Cursor.Seq, each*len(names))
		}
	})
}
