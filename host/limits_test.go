package host_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// TestLimits: what is one below a limit or at it is taken; what is one above is
// refused by an error that names the limit, and nothing of it is done.
func TestLimits(t *testing.T) {
	pad := func(n int, head, tail string) string { return head + strings.Repeat("x", n-len(head)-len(tail)) + tail }
	// Each send tries what counts n, and says what the answer was: "" is taken, else the
	// code and the limit that is named.
	push := func(m space.Mutation) func(p *peer) string {
		return func(p *peer) string {
			m.ID = 1
			p.push(m)
			switch m := p.next().(type) {
			case *wire.Ack:
				o := m.Outcomes[0]
				if o.Kind == space.Applied {
					return ""
				}
				return string(o.Kind) + " " + o.Code
			case *wire.Error:
				return m.Code + " " + m.Limit
			default:
				return fmt.Sprintf("%T", m)
			}
		}
	}
	answer := func(messages ...any) func(p *peer) string {
		return func(p *peer) string {
			p.send(messages...)
			p.send(&wire.Ping{})
			got := ""
			for {
				switch m := p.next().(type) {
				case *wire.Error:
					got = m.Code + " " + m.Limit
				case *wire.Pong:
					return got
				}
			}
		}
	}
	for _, c := range []struct {
		name   string
		limits wire.Limits
		at     int
		try    func(n int) func(p *peer) string
		want   string
	}{
		{"message", wire.Limits{Message: 500}, 500, func(n int) func(p *peer) string {
			return answer(pad(n, `{"t":"cast","space":"team/alpha","topic":"","data":"`, `"}`))
		}, "message_too_large message"},
		{"entry", wire.Limits{Entry: 200}, 200, func(n int) func(p *peer) string { return push(put(1, "x", pad(n, `{"a":"`, `"}`))) }, "rejected too_large"},
		{"mutation", wire.Limits{Mutation: 300}, 300, func(n int) func(p *peer) string {
			return push(mut(1, op("put", "x", pad(100, `{"a":"`, `"}`)), op("put", "y", pad(n-112, `{"a":"`, `"}`))))
		}, "rejected too_large"},
		{"ops", wire.Limits{Ops: 3}, 3, func(n int) func(p *peer) string {
			m := space.Mutation{}
			for i := range n {
				m.Ops = append(m.Ops, op("put", fmt.Sprint(i), `{}`))
			}
			return push(m)
		}, "rejected too_large"},
		{"depth", wire.Limits{Depth: 4}, 4, func(n int) func(p *peer) string {
			return push(put(1, "x", `{"a":`+strings.Repeat("[", n-1)+strings.Repeat("]", n-1)+`}`))
		}, "rejected too_large"},
		{"depth of a message", wire.Limits{Depth: 4}, 4 + 24 - 1, func(n int) func(p *peer) string {
			return answer(`{"t":"cast","space":"team/alpha","topic":"","data":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`)
		}, "too_deep depth"},
		{"spaces", wire.Limits{Spaces: 3}, 2, func(n int) func(p *peer) string { // besides the one that is open
			var opens []any
			for i := range n {
				opens = append(opens, &wire.Open{Space: fmt.Sprint("s", i)})
			}
			return answer(opens...)
		}, "too_many spaces"},
		{"parts", wire.Limits{Parts: 3}, 3, func(n int) func(p *peer) string {
			v := space.View{}
			for i := range n {
				v = append(v, space.Part{In: fmt.Sprint("c", i)})
			}
			return func(p *peer) string { return answered(p, &wire.Open{Space: path, View: v}) }
		}, "too_many parts"},
		{"selector", wire.Limits{Selector: 100}, 100, func(n int) func(p *peer) string {
			return func(p *peer) string {
				return answered(p, &wire.Open{Space: path, View: space.View{{In: "c", Where: []byte(pad(n, `{"a":"`, `"}`))}}})
			}
		}, "too_many selector"},
		{"presence", wire.Limits{Presence: 100}, 100, func(n int) func(p *peer) string {
			return answer(&wire.Presence{Space: path, State: []byte(pad(n, `"`, `"`))})
		}, "message_too_large presence"},
		{"cast", wire.Limits{Presence: 100}, 100, func(n int) func(p *peer) string {
			return answer(&wire.Cast{Space: path, Topic: "t", Data: []byte(pad(n, `"`, `"`))})
		}, "message_too_large presence"},
		{"topic", wire.Limits{}, 128, func(n int) func(p *peer) string {
			return answer(&wire.Cast{Space: path, Topic: pad(n, "", "")})
		}, "bad_name "},
		{"rate", wire.Limits{Rate: 5}, 5, func(n int) func(p *peer) string {
			var casts []any
			for range n {
				casts = append(casts, &wire.Cast{Space: path, Topic: "t"})
			}
			return answer(casts...)
		}, "rate_limited rate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for d := -1; d <= 1; d++ {
				s := memstore.New()
				now := time.UnixMilli(1764109771123)
				h := newHost(t, host.Options{Store: s, Limits: c.limits, Now: func() time.Time { return now }})
				p := connect(t, h, "ada")
				p.open(wire.Open{Client: client("ada")})
				want := ""
				if d > 0 {
					want = c.want
				}
				if got := c.try(c.at + d)(p); got != want {
					t.Errorf("at limit%+d: %q, want %q", d, got, want)
				}
				v, err := s.View(t.Context(), path, headOf(t, s).Cursor.Seq)
				if err != nil {
					t.Fatal(err)
				}
				for e := range v.Scan("cards", "") {
					if d > 0 {
						t.Errorf("refused, and yet there is %s", e.Key)
					}
				}
				v.Close()
			}
		})
	}
}

// answered sends an open and says how it was answered.
func answered(p *peer, o *wire.Open) string {
	p.send(o)
	switch m := p.next().(type) {
	case *wire.Opened:
		return ""
	case *wire.Error:
		return m.Code + " " + m.Limit
	default:
		return fmt.Sprintf("%T", m)
	}
}

// TestPushed: as many mutations as the limit may wait; the next is to be sent
// again, and none after it is taken.
func TestPushed(t *testing.T) {
	s, held := holdAppends(memstore.New())
	h := newHost(t, host.Options{Store: s, Limits: wire.Limits{Pushed: 4}})
	p := connect(t, h, "ada")
	p.open(wire.Open{Client: client("ada")})
	p.push(put(1, "x", `{}`))
	<-held.begun // the append of 1 is under way; the rest waits for the loop
	p.push(put(2, "x", `{}`), put(3, "x", `{}`))
	p.push(put(4, "x", `{}`), put(5, "x", `{}`), put(6, "x", `{}`), put(7, "x", `{}`))
	held.release()
	if a := expect[*wire.Ack](p); len(a.Outcomes) != 1 || a.Outcomes[0].ID != 1 {
		t.Errorf("%s", wire.Encode(a))
	}
	if a := expect[*wire.Ack](p); len(a.Outcomes) != 1 || a.Outcomes[0].Kind != space.RetryAfter || a.Outcomes[0].ID != 6 || a.Outcomes[0].RetryMS <= 0 {
		t.Errorf("%s", wire.Encode(a))
	}
	if a := expect[*wire.Ack](p); len(a.Outcomes) != 4 || a.Outcomes[3].ID != 5 {
		t.Errorf("%s", wire.Encode(a))
	}
	p.push(put(6, "x", `{}`))
	expect[*wire.Ack](p)
}

// TestRateOfPushes: what is over the rate is to be sent again when it says.
func TestRateOfPushes(t *testing.T) {
	var clock atomic.Int64
	h := newHost(t, host.Options{Limits: wire.Limits{Rate: 10}, Now: func() time.Time { return time.UnixMilli(clock.Load()) }})
	p := connect(t, h, "ada")
	p.open(wire.Open{Client: client("ada")})
	for _, id := range ids(10) {
		p.push(put(id, "x", `{}`))
		expect[*wire.Ack](p)
	}
	p.push(put(11, "x", `{}`))
	a := expect[*wire.Ack](p)
	if o := a.Outcomes[0]; o.Kind != space.RetryAfter || o.ID != 11 || o.RetryMS < 100 || o.RetryMS > 101 {
		t.Errorf("%s", wire.Encode(a))
	}
	clock.Add(int64(a.Outcomes[0].RetryMS))
	p.push(put(11, "x", `{}`))
	if a := expect[*wire.Ack](p); a.Outcomes[0].Kind != space.Applied {
		t.Errorf("%s", wire.Encode(a))
	}
}

// TestInboxIsBounded: while the disk hangs, what clients send is refused before
// it fills the memory.
func TestInboxIsBounded(t *testing.T) {
	s, held := holdAppends(memstore.New())
	h := newHost(t, host.Options{Store: s})
	p := connect(t, h, "ada")
	p.open(wire.Open{Client: client("ada")})
	p.push(put(1, "x", `{}`))
	<-held.begun
	big := `{"a":"` + strings.Repeat("x", 200<<10) + `"}`
	sent := 0
	for id := space.MutationID(2); ; id++ {
		p.push(put(id, "x", big))
		frames, _ := p.session.Take(1)
		if len(frames) == 1 {
			m, err := wire.DecodeServer(frames[0])
			if e, ok := m.(*wire.Error); !ok || err != nil || e.Code != wire.CodeOverloaded || e.RetryMS <= 0 || e.Fatal {
				t.Fatalf("%s", frames[0])
			}
			break
		}
		if sent += len(big); sent > 32<<20 {
			t.Fatalf("%d bytes are taken and wait", sent)
		}
	}
	held.release()
	if a := expect[*wire.Ack](p); a.Outcomes[0].ID != 1 {
		t.Errorf("%s", wire.Encode(a))
	}
}
