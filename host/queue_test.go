package host_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// TestSlowReader: what waits for a session that takes nothing stays within its
// bound; it is switched to catch-up and ends with exactly what the store has.
func TestSlowReader(t *testing.T) {
	overEach(t, func(t *testing.T, s store.Store) {
		const queue = 16 << 10
		h := newHost(t, host.Options{Store: s, Limits: wire.Limits{Queue: queue}})
		slow, writer := connect(t, h, "bob"), connect(t, h, "ada")
		opened, d := slow.open(wire.Open{View: cards})
		local := newCopy(t)
		local.view = opened.View
		local.apply(d)
		writer.open(wire.Open{Client: client("ada")})
		const n = 400
		for _, id := range ids(n) {
			o := op("put", fmt.Sprint("c", id%50), fmt.Sprintf(`{"n":%d,"pad":"%0500d"}`, id, id))
			if id%7 == 0 {
				o = op("delete", fmt.Sprint("c", id%50), "")
			}
			writer.push(mut(id, o))
			expect[*wire.Ack](writer)
		}
		if h.Stats().Overflows.Load() == 0 {
			t.Error("it never fell behind")
		}
		frames, _ := slow.session.Take(1 << 30) // all that waits
		bytes := 0
		for _, f := range frames {
			bytes += len(f)
			m, err := wire.DecodeServer(f)
			if err != nil {
				t.Fatal(err)
			}
			slow.waiting = append(slow.waiting, m)
		}
		if most := queue + partBytes; bytes > most {
			t.Errorf("%d bytes wait, the bound is %d", bytes, most)
		}
		local.until(slow, n)
		local.holds(s, "cards")
		if local.resets != 1 {
			t.Errorf("%d resets", local.resets)
		}
		// It is live again: the next commit comes by itself.
		writer.push(put(n+1, "last", `{}`))
		local.until(slow, n+1)
		local.holds(s, "cards")
	})
}

const partBytes = 64<<10 + 2048 // of a catch-up's frame, see core

// TestManySlowSpaces: catch-ups of many spaces overfill one session no more than
// one does.
func TestManySlowSpaces(t *testing.T) { synctest.Test(t, manySlowSpaces) }

func manySlowSpaces(t *testing.T) {
	const spaces, queue = 12, 32 << 10
	s := memstore.New()
	h := newHost(t, host.Options{Store: s, Limits: wire.Limits{Queue: queue}})
	who := mustIdentify(t)
	p := connect(t, h, "ada")
	for i := range spaces {
		name := space.Path(fmt.Sprint("s", i))
		var muts []space.Mutation
		for j := range 150 {
			muts = append(muts, put(0, fmt.Sprint("c", j), fmt.Sprintf(`{"pad":"%01000d"}`, j)))
		}
		if _, _, err := h.Do(t.Context(), who, name, "", muts); err != nil {
			t.Fatal(err)
		}
		p.send(&wire.Open{Space: string(name), View: cards})
	}
	got, most := map[string]int{}, 0
	for total := 0; total < spaces*150; {
		synctest.Wait() // until all that can be queued is
		frames, _ := p.session.Take(1 << 30)
		bytes := 0
		for _, f := range frames {
			bytes += len(f)
			m, err := wire.DecodeServer(f)
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := m.(*wire.Diff); ok {
				got[d.Space] += len(d.Put)
				total += len(d.Put)
			}
		}
		most = max(most, bytes)
	}
	if most > queue+partBytes+spaces*512 {
		t.Errorf("%d bytes waited at once", most)
	}
	for i := range spaces {
		if n := got[fmt.Sprint("s", i)]; n != 150 {
			t.Errorf("space %d: %d entries", i, n)
		}
	}
}

// TestAcksAreNotLost: a session that takes nothing while it pushes far more than
// its queue holds has all its outcomes in the end, or is over.
func TestAcksAreNotLost(t *testing.T) {
	h := newHost(t, host.Options{Limits: wire.Limits{Queue: 1 << 10, Pushed: 10_000, Rate: 100_000}})
	p := connect(t, h, "ada")
	p.open(wire.Open{Client: client("ada"), View: cards})
	const n = 2000
	for _, id := range ids(n) {
		p.push(put(id, "x", fmt.Sprintf(`{"n":%d}`, id)))
	}
	next := space.MutationID(1)
	for next <= n {
		switch m := p.next().(type) {
		case *wire.Ack:
			for _, o := range m.Outcomes {
				if o.ID != next || o.Kind != space.Applied {
					t.Fatalf("%+v, want %d", o, next)
				}
				next++
			}
		case *wire.Diff:
		default:
			t.Fatalf("%T", m)
		}
	}
}

// TestStubbornSession asks on and on and takes no answer: it is ended before it
// costs more than its reserve.
func TestStubbornSession(t *testing.T) {
	h := newHost(t, host.Options{Limits: wire.Limits{Queue: 1 << 10}})
	p := connect(t, h, "ada")
	for range 100_000 {
		p.send(&wire.Check{Space: "not/open"})
	}
	frames, open := p.session.Take(1 << 30)
	bytes := 0
	for _, f := range frames {
		bytes += len(f)
	}
	if open || bytes > 4<<10+wire.DefaultLimits.Message+1024 {
		t.Errorf("open %v, %d bytes", open, bytes)
	}
}

// TestFramesAreShared: a diff is encoded once for each distinct view, however
// many sessions have it.
func TestFramesAreShared(t *testing.T) {
	h := newHost(t, host.Options{})
	writer := connect(t, h, "ada")
	writer.open(wire.Open{Client: client("ada")})
	var peers []*peer
	for i := range 6 {
		p := connect(t, h, "bob")
		view := cards
		if i%2 == 1 {
			view = space.View{{In: "cards", Where: []byte(`{"n":1}`)}}
		}
		p.open(wire.Open{View: view, Cursor: "0"}) // live at once
		peers = append(peers, p)
	}
	writer.push(put(1, "x", `{"n":1}`))
	expect[*wire.Ack](writer)
	var first [2]*byte
	for i, p := range peers {
		var frames [][]byte
		for len(frames) == 0 {
			if frames, _ = p.session.Take(1); len(frames) == 0 {
				<-p.wake
			}
		}
		at := &frames[0][0]
		if first[i%2] == nil {
			first[i%2] = at
		} else if at != first[i%2] {
			t.Errorf("session %d has a frame of its own", i)
		}
	}
	if first[0] == first[1] {
		t.Error("two views share one frame")
	}
}
