package host_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// TestDo has many callers, which take turns in the loop's place, beside a session
// that pushes and holds the view: each write is carried out once, in one order,
// and the session sees them all.
func TestDo(t *testing.T) {
	const callers, each = 16, 40
	overEach(t, func(t *testing.T, s store.Store) {
		h := newHost(t, host.Options{Store: s})
		p := connect(t, h, "ada")
		c := newCopy(t)
		opened, first := p.open(wire.Open{Client: client("ada"), View: cards})
		c.view = opened.View
		c.apply(first)
		seqs := make([][]space.Seq, callers)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				for n := range each {
					outcomes, head, err := h.Do(t.Context(), mustIdentify(t), path, "", []space.Mutation{put(0, fmt.Sprintf("c%d-%d", i, n), `{}`)})
					if err != nil || outcomes[0].Kind != space.Applied || head.Seq < outcomes[0].Seq {
						t.Errorf("%v at %s: %v", outcomes, head, err)
						return
					}
					seqs[i] = append(seqs[i], outcomes[0].Seq)
				}
			})
		}
		for n := range each {
			p.push(put(space.MutationID(n+1), fmt.Sprintf("p%d", n), `{}`))
		}
		wg.Wait()
		seen := map[space.Seq]bool{}
		for i := range seqs {
			last := space.Seq(0)
			for _, seq := range seqs[i] {
				if seen[seq] || seq <= last {
					t.Fatalf("caller %d: commit %d after %d, or of two writes", i, seq, last)
				}
				seen[seq], last = true, seq
			}
		}
		acked := 0
		for _, m := range c.until(p, (callers+1)*each) {
			if ack, ok := m.(*wire.Ack); ok {
				acked += len(ack.Outcomes)
			}
		}
		if acked != each {
			t.Errorf("%d of the session's writes were acknowledged, not %d", acked, each)
		}
		c.holds(s, "cards")
	})
}

// TestPanicInACallersTurn ends the space's sessions and answers the caller, and the
// space comes back.
func TestPanicInACallersTurn(t *testing.T) {
	s, armed := panicky()
	h := newHost(t, host.Options{Store: s})
	p := connect(t, h, "ada")
	p.open(wire.Open{Client: client("ada")})
	do := func() error {
		_, _, err := h.Do(context.Background(), mustIdentify(t), path, "", []space.Mutation{put(0, "x", `{}`)})
		return err
	}
	armed.Store(true)
	var e *wire.Error
	if err := do(); !errors.As(err, &e) || e.Code != wire.CodeInternal || e.RetryMS <= 0 {
		t.Errorf("%v", err)
	}
	if e := p.refused(wire.CodeInternal); !e.Fatal || p.next() != nil {
		t.Errorf("%s", wire.Encode(e))
	}
	if err := do(); err != nil {
		t.Errorf("the space has not come back: %v", err)
	}
}

// TestDigestsAreNoOracle: who guesses at what a commit holds, and knows all else of it, cannot try the
// guess out on the digest, which is in every cursor.
func TestDigestsAreNoOracle(t *testing.T) {
	var heads []space.Cursor
	for range 2 {
		h := newHost(t, host.Options{Store: memstore.New(), Now: func() time.Time { return time.UnixMilli(1) }})
		_, head, err := h.Do(t.Context(), mustIdentify(t), path, "", []space.Mutation{put(0, "x", `{"salary":50000}`)})
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, head)
	}
	if heads[0] == heads[1] {
		t.Errorf("the same commit has the same digest twice: %s", heads[0])
	}
}
