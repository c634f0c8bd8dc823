package host_test

import (
	"context"
	"errors"
	"fmt"
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

// TestIdle: a space that nobody has open is unloaded after a while, not before,
// and loaded again with all it had. One that somebody tried in vain to open is
// unloaded, too.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		h := host.New(host.Options{Store: s, Authority: authz.Development{}, IdleAfter: time.Minute})
		loaded := func(want int64) {
			t.Helper()
			synctest.Wait()
			if got := h.Stats().Spaces.Load(); got != want {
				t.Errorf("%d spaces are loaded, want %d", got, want)
			}
		}
		p := connect(t, h, "ada")
		p.open(wire.Open{Client: client("ada"), View: cards})
		p.push(put(1, "x", `{}`))
		expect[*wire.Ack](p)
		time.Sleep(time.Hour)
		loaded(1)
		p.send(&wire.Close{Space: path})
		time.Sleep(59 * time.Second)
		loaded(1)
		time.Sleep(2 * time.Second)
		loaded(0)
		p = connect(t, h, "ada")
		if opened, d := p.open(wire.Open{Client: client("ada"), View: cards}); opened.Last != 1 || len(d.Put) != 1 {
			t.Errorf("%s, %s", wire.Encode(opened), wire.Encode(d))
		}
		p.session.Close()
		p = connect(t, h, "ada")
		p.send(&wire.Open{Space: path, View: cards, Cursor: "bad"})
		p.refused(wire.CodeBadCursor)
		loaded(1)
		time.Sleep(2 * time.Minute)
		loaded(0)
		p.session.Close()
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestUpkeepOfABusySpace: one in which something happens every second has its
// history trimmed and its members told how far the log has got, all the same.
func TestUpkeepOfABusySpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		h := host.New(host.Options{Store: s, Authority: authz.Development{}, Retain: time.Minute})
		quiet, writer := connect(t, h, "bob"), connect(t, h, "ada")
		quiet.open(wire.Open{View: space.View{{In: "people"}}})
		writer.open(wire.Open{Client: client("ada")})
		const n = 300
		for _, id := range ids(n) {
			writer.push(put(id, "x", `{}`))
			expect[*wire.Ack](writer)
			time.Sleep(time.Second)
		}
		if horizon := headOf(t, s).Horizon.Seq; horizon < n-130 || horizon > n-60 {
			t.Errorf("the horizon is %d after %d commits, a second each, of which a minute is kept", horizon, n)
		}
		told := space.Seq(0)
		for _, m := range quiet.sync() {
			d := m.(*wire.Diff)
			if len(d.Put) != 0 || d.From.Seq > told {
				t.Errorf("%s", wire.Encode(d))
			}
			told = d.To.Seq
		}
		if told < n-20 {
			t.Errorf("the quiet session was told of %d commits of %d", told, n)
		}
		writer.session.Close()
		quiet.session.Close()
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestTrimOnLoad: a space that is loaded now and then, never for long, is trimmed.
func TestTrimOnLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		h := host.New(host.Options{Store: s, Authority: authz.Development{}, Retain: time.Hour, IdleAfter: 5 * time.Second})
		for range 10 {
			if _, _, err := h.Do(context.Background(), mustIdentify(t), path, "", []space.Mutation{put(0, "x", `{}`)}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		if horizon := headOf(t, s).Horizon.Seq; horizon < 7 {
			t.Errorf("the horizon is %d", horizon)
		}
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestClose commits what waits and sends the outcomes before it sends everybody
// away.
func TestClose(t *testing.T) {
	for range 20 {
		s := memstore.New()
		h := host.New(host.Options{Store: s, Authority: authz.Development{}})
		p := connect(t, h, "ada")
		p.open(wire.Open{Client: client("ada")})
		const n = 100
		done := make(chan error, 1)
		go func() {
			_, _, err := h.Do(context.Background(), mustIdentify(t), path, "", []space.Mutation{put(0, "rest", `{}`)})
			done <- err
		}()
		for _, id := range ids(n) {
			p.push(put(id, fmt.Sprint(id), `{}`))
		}
		if err := h.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		acked := space.MutationID(0)
		for ended := false; !ended; {
			switch m := p.next().(type) {
			case *wire.Ack:
				acked = m.Outcomes[len(m.Outcomes)-1].ID
			case *wire.Error:
				if ended = m.Code == wire.CodeShuttingDown && m.Fatal; !ended || m.RetryMS <= 0 {
					t.Fatalf("%s", wire.Encode(m))
				}
			}
		}
		rest := space.Seq(0)
		if err := <-done; err == nil {
			rest = 1
		} else if e := new(wire.Error); !errors.As(err, &e) || e.Code != wire.CodeShuttingDown {
			t.Errorf("%v", err)
		}
		if head := headOf(t, s).Cursor.Seq; acked != n || head != n+rest {
			t.Errorf("%d acknowledged, head %d", acked, head)
		}
		p.session.Close()
	}
}

// A hanging store's appends take until somebody loses patience.
type hanging struct{ store.Store }

func (hanging) Append(ctx context.Context, _ ...store.Batch) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestCloseInTime: a store that hangs does not keep Close from giving up, and that
// is no failure of the store.
func TestCloseInTime(t *testing.T) {
	h := host.New(host.Options{Store: hanging{memstore.New()}, Authority: authz.Development{}})
	p := connect(t, h, "ada")
	p.open(wire.Open{Client: client("ada")})
	p.push(put(1, "x", `{}`))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if e := expectEnd(p); e.Code != wire.CodeShuttingDown {
		t.Errorf("%s", wire.Encode(e))
	}
	select {
	case <-h.Failed():
		t.Errorf("failed: %v", h.Err())
	default:
	}
	p.session.Close()
}

// expectEnd returns the fatal error that ends a session.
func expectEnd(p *peer) *wire.Error {
	p.Helper()
	for {
		switch m := p.next().(type) {
		case *wire.Error:
			if m.Fatal {
				return m
			}
		case nil:
			p.Fatal("the session ends without a word")
		}
	}
}

// TestClosedSession: a request that reaches the loop after its session has gone
// leaves no trace.
func TestClosedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := host.New(host.Options{Store: memstore.New(), Authority: authz.Development{}, IdleAfter: time.Minute})
		watcher := connect(t, h, "bob")
		watcher.send(&wire.Open{Space: path, Presence: true})
		expect[*wire.Opened](watcher)
		expect[*wire.Present](watcher)
		for range 50 {
			p := connect(t, h, "ada")
			go p.session.Close() // as when a write fails while the carrier reads on
			p.send(&wire.Open{Space: path, Client: client("ada"), View: cards}, &wire.Presence{Space: path, State: []byte(`1`)})
		}
		time.Sleep(time.Second)
		s := seen{}
		for {
			frames, _ := watcher.session.Take(1 << 30)
			if len(frames) == 0 {
				break
			}
			for _, f := range frames {
				m, err := wire.DecodeServer(f)
				if err != nil {
					t.Fatal(err)
				}
				s.apply(m.(*wire.Present))
			}
		}
		if len(s) != 0 {
			t.Errorf("ghosts: %v", s)
		}
		watcher.session.Close()
		time.Sleep(2 * time.Minute)
		if n := h.Stats().Spaces.Load(); n != 0 {
			t.Errorf("%d spaces are loaded for nobody", n)
		}
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
