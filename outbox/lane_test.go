package outbox

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/syncline/syncline/space"
)

// TestLane holds the state machine to a model: every event is dealt with once,
// those of an entry in order; the cursor covers exactly what is; and a lane loaded
// from its state goes on as the one that saved it.
func TestLane(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := retry{attempts: 3, base: time.Second, ceiling: time.Minute, random: func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "random") }}
		now := time.UnixMilli(1e12).UTC()
		l := newLane(r, Bugs{})
		type fact struct {
			ref
			key string
		}
		var log [][]fact // by seq - 1
		settled := map[ref]bool{}
		cursor := func(seq space.Seq) space.Cursor { return space.Cursor{Seq: seq, Digest: space.Digest{byte(seq)}} }
		events := func(seq space.Seq) (all []*event) {
			for _, f := range log[seq-1] {
				all = append(all, &event{ref: f.ref, key: space.Key{Collection: "c", ID: f.key}})
			}
			return all
		}
		sending := map[ref]*event{}
		settle := func(e *event) {
			if settled[e.ref] {
				t.Fatalf("%s is dealt with twice", e)
			}
			for _, facts := range log {
				for _, f := range facts {
					if f.key == e.key.ID && (f.seq < e.seq) && !settled[f.ref] {
						t.Fatalf("%s is dealt with before %s", e, f.ref)
					}
				}
			}
			settled[e.ref] = true
			delete(sending, e.ref)
		}
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(t *rapid.T) {
				seq := space.Seq(len(log) + 1)
				var facts []fact
				for i, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 2, rapid.ID).Draw(t, "keys") {
					facts = append(facts, fact{ref{seq, i}, key})
				}
				log = append(log, facts)
			},
			"read": func(t *rapid.T) {
				if next := l.read.Seq + 1; int(next) <= len(log) {
					l.add(cursor(next), events(next))
				}
			},
			"send": func(t *rapid.T) {
				due, _ := l.due(now, 1)
				for _, e := range due {
					for _, other := range sending {
						if other.key == e.key {
							t.Fatalf("%s is sent while %s is", e, other)
						}
					}
					if e.Next.After(now) {
						t.Fatalf("%s is sent too early", e)
					}
					e.sending = true
					sending[e.ref] = e
				}
			},
			"answer": func(t *rapid.T) {
				refs := slices.SortedFunc(maps.Keys(sending), func(a, b ref) int { return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.n, b.n)) })
				if len(refs) > 0 {
					e := sending[rapid.SampledFrom(refs).Draw(t, "of")]
					switch rapid.IntRange(0, 2).Draw(t, "answer") {
					case 0:
						l.taken(e)
						settle(e)
					default:
						asked := time.Duration(rapid.IntRange(0, 100).Draw(t, "asked")) * time.Second
						n := e.N
						dead := l.failed(e, now, asked, "no")
						if wait := e.Next.Sub(now); wait < min(asked, r.ceiling) || wait < r.base<<n/2-time.Millisecond || wait > r.ceiling {
							t.Fatalf("after %d attempts, %s", e.N, wait)
						}
						if dead != (e.N == r.attempts) {
							t.Fatalf("dead after %d attempts: %t", e.N, dead)
						}
						if delete(sending, e.ref); dead {
							l.buried(e)
							settle(e)
						}
					}
				}
			},
			"time": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond)
			},
			"restart": func(t *rapid.T) {
				text, err := l.state()
				if err != nil {
					t.Fatal(err)
				}
				tries := map[ref]try{}
				for _, c := range l.commits {
					for _, e := range c.events {
						tries[e.ref] = e.try
					}
				}
				read := l.read.Seq
				l = newLane(r, Bugs{})
				if err := l.load(text); err != nil {
					t.Fatal(err)
				}
				clear(sending)
				for l.read.Seq < read {
					next := l.read.Seq + 1
					l.add(cursor(next), events(next))
				}
				for _, c := range l.commits {
					for _, e := range c.events {
						if !e.done && (tries[e.ref].N != e.N || !tries[e.ref].Next.Equal(e.Next)) {
							t.Fatalf("%s: %+v after the restart, %+v before", e, e.try, tries[e.ref])
						}
					}
				}
			},
			"": func(t *rapid.T) {
				for seq := space.Seq(1); seq <= l.read.Seq; seq++ {
					whole := true
					for _, f := range log[seq-1] {
						whole = whole && settled[f.ref]
					}
					if seq <= l.at.Seq && !whole || seq == l.at.Seq+1 && whole {
						t.Fatalf("the cursor is %d, and %d is dealt with: %t", l.at.Seq, seq, whole)
					}
				}
				n := 0
				for _, c := range l.commits {
					n += len(c.events)
				}
				if n != l.events {
					t.Fatalf("%d events are counted, there are %d", l.events, n)
				}
			},
		})
	})
}

func TestRetryGrows(t *testing.T) {
	r := retry{base: time.Second, ceiling: time.Hour, random: func() float64 { return 0.5 }}
	want := []time.Duration{750 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second}
	for i, w := range want {
		if got := r.after(i+1, 0); got != w {
			t.Errorf("after %d: %s, want %s", i+1, got, w)
		}
	}
	for _, n := range []int{13, 40, 63, 64, 65, 1 << 30} {
		if got := r.after(n, 0); got != 45*time.Minute {
			t.Errorf("after %d: %s", n, got)
		}
	}
	if got := fmt.Sprint(r.after(1, 20*time.Second), r.after(1, 100*time.Hour)); got != "20s 1h0m0s" {
		t.Error(got)
	}
}
