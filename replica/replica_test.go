package replica_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func wantState(t *testing.T, s *replica.Space, want replica.State) {
	t.Helper()
	synctest.Wait()
	if st := s.Status(); st.State != want {
		t.Fatalf("state %s (%v), want %s", st.State, st.Err, want)
	}
}

func TestWriteAndRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		p := must(s.Put(t.Context(), "cards", "c1", `{"n":1}`))
		if got := shown(t, s); got != `c1={"n":1} ` {
			t.Fatal("before any connection:", got)
		}
		l := f.next()
		open := l.greet()
		if open.Cursor != "" || len(open.View) != 1 || open.Client == "" {
			t.Fatalf("%+v", open)
		}
		wantState(t, s, replica.Syncing)
		l.send(opened(0, 0, wire.ResumeReset), reset(0))
		push := expect[*wire.Push](l)
		if len(push.Mutations) != 1 || push.Mutations[0].ID != 1 {
			t.Fatalf("%+v", push)
		}
		wantState(t, s, replica.Live)
		l.send(ack(applied(1, 1)))
		if o, err := p.Wait(t.Context()); err != nil || o.Seq != 1 {
			t.Fatal(o, err)
		}
		if n := s.Status().Pending; n != 1 {
			t.Fatal("it must stay queued until it is confirmed:", n)
		}
		l.send(diff(0, 1, card("c1", 1, `{"n":1}`)))
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		e, ok, err := s.Get(t.Context(), "cards", "c1")
		if err != nil || !ok || e.Version != 1 || e.State != replica.EntryConfirmed {
			t.Fatal(e, ok, err)
		}
	})
}

func TestRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		l := f.live(0)
		p := must(s.Patch(t.Context(), "cards", "c1", `{"$inc":{"n":1}}`))
		expect[*wire.Push](l)
		l.send(ack(space.Outcome{ID: 1, Kind: space.Rejected, Seq: 1, Code: "not_found", Path: "ops[0]", Message: "there is no entry to patch"}))
		_, err := p.Wait(t.Context())
		var refused *replica.RejectedError
		if !errors.As(err, &refused) || refused.Outcome.Code != "not_found" {
			t.Fatal(err)
		}
		kept := s.Rejected()
		if len(kept) != 1 || s.Status().Rejected != 1 {
			t.Fatalf("%+v", kept)
		}
		p = must(s.Retry(t.Context(), kept[0].ID))
		if push := expect[*wire.Push](l); push.Mutations[0].ID != 2 {
			t.Fatalf("%+v", push)
		}
		l.send(ack(applied(2, 2)), diff(0, 2))
		if _, err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Discard(t.Context(), kept[0].ID); !errors.Is(err, replica.ErrUnknownMutation) {
			t.Fatal(err)
		}
	})
}

// TestCutEverywhere ends the connection at every point of an exchange.
func TestCutEverywhere(t *testing.T) {
	for cut := range 6 {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			r, s := start(t, f)
			defer r.Close()
			p := must(s.Put(t.Context(), "cards", "c1", `{"n":1}`))
			l := f.next()
			steps := []func(){
				func() { expect[*wire.Hello](l) },
				func() { l.send(&wire.Welcome{V: 1}); expect[*wire.Open](l) },
				func() { l.send(opened(0, 0, wire.ResumeReset), reset(0)) },
				func() { expect[*wire.Push](l) },
				func() { l.send(ack(applied(1, 1))); synctest.Wait() },
			}
			for i := range min(cut, len(steps)) {
				steps[i]()
			}
			synctest.Wait()
			l.Close()
			wantState(t, s, replica.Offline)

			// The server took it in the meantime, if it was pushed.
			last := space.MutationID(0)
			if cut >= 4 {
				last = 1
			}
			l = f.next()
			open := l.greet()
			resume := wire.ResumeReset
			if open.Cursor != "" {
				resume = wire.ResumeDiff
			}
			if (cut >= 3) != (open.Cursor == "0") || (cut == 5) != (open.Acked == 1) {
				t.Fatalf("cut %d: opens with cursor %q, acked %d", cut, open.Cursor, open.Acked)
			}
			m := opened(last, space.Seq(last), resume)
			if last == 1 && open.Acked == 0 {
				m.Outcomes = []space.Outcome{applied(1, 1)}
			}
			l.send(m)
			if open.Acked == 0 {
				if push := expect[*wire.Push](l); push.Mutations[0].ID != 1 {
					t.Fatalf("%+v", push)
				}
				l.send(ack(applied(1, 1)))
			}
			if resume == wire.ResumeReset {
				l.send(reset(1, card("c1", 1, `{"n":1}`)))
			} else {
				l.send(diff(0, 1, card("c1", 1, `{"n":1}`)))
			}
			if _, err := p.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := shown(t, s); got != `c1={"n":1} ` {
				t.Fatal(got)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fail = errors.New("no network")
		r, s := start(t, f)
		defer r.Close()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		// Full jitter of 30 s is 15 s on average, after a few short ones.
		if f.dials < 20 || f.dials > 120 {
			t.Fatalf("%d dials in 10 minutes", f.dials)
		}
		if st := s.Status(); st.State != replica.Offline || !errors.Is(st.Err, f.fail) {
			t.Fatalf("%+v", st)
		}
		f.fail = nil
		begin := time.Now()
		r.GoOnline()
		l := f.next()
		l.greet()
		if waited := time.Since(begin); waited > 0 {
			t.Fatal("GoOnline did not cut the wait short:", waited)
		}
		l.send(opened(0, 0, wire.ResumeReset), reset(0))
		wantState(t, s, replica.Live)
		if st := s.Status(); st.Err != nil {
			t.Fatal(st.Err)
		}

		r.GoOffline()
		if l.read() != nil {
			t.Fatal("still connected")
		}
		wantState(t, s, replica.Offline)
		dials := f.dials
		time.Sleep(time.Hour)
		synctest.Wait()
		if f.dials != dials {
			t.Fatal("dialled while offline")
		}
	})
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		l := f.live(0)
		synctest.Wait()
		begin := time.Now()
		expect[*wire.Ping](l)
		if d := time.Since(begin); d != 25*time.Second {
			t.Fatal("pinged after", d)
		}
		l.send(&wire.Pong{}, &wire.Ping{})
		expect[*wire.Pong](l)
		expect[*wire.Ping](l)
		if l.read() != nil || time.Since(begin) != 60*time.Second {
			t.Fatal("gave up after", time.Since(begin))
		}
		synctest.Wait()
		if s.Status().Err == nil {
			t.Fatal("no reason is given")
		}
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		l := f.live(0)
		must(s.Put(t.Context(), "cards", "c1", `{"n":1}`))
		expect[*wire.Push](l)
		begin := time.Now()
		l.send(ack(space.Outcome{ID: 1, Kind: space.RetryAfter, RetryMS: 3000}))
		expect[*wire.Push](l)
		if d := time.Since(begin); d != 3*time.Second {
			t.Fatal("sent again after", d)
		}
		// A gap is answered at once, from the id that is expected.
		must(s.Put(t.Context(), "cards", "c2", `{"n":2}`))
		expect[*wire.Push](l)
		l.send(&wire.Error{Code: wire.CodeMutationGap, Space: "team/alpha", Expected: 1})
		if push := expect[*wire.Push](l); len(push.Mutations) != 2 || push.Mutations[0].ID != 1 {
			t.Fatalf("%+v", push)
		}
		// So is a server that has to go, after the time that it asks for.
		begin = time.Now()
		l.send(&wire.Error{Code: wire.CodeShuttingDown, Fatal: true, RetryMS: 5000})
		l = f.next()
		if d := time.Since(begin); d < 5*time.Second || d > 6*time.Second {
			t.Fatal("reconnected after", d)
		}
		l.greet()
	})
}

func TestUnauthorized(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		tokens := make(chan string)
		r, s := start(t, f, func(o *replica.Options) {
			o.Token = func(ctx context.Context) (string, error) {
				select {
				case tok := <-tokens:
					return tok, nil
				case <-ctx.Done():
					return "", ctx.Err()
				}
			}
		})
		defer r.Close()
		wantState(t, s, replica.Connecting)
		tokens <- "old"
		l := f.next()
		if h := expect[*wire.Hello](l); h.Token != "old" {
			t.Fatalf("%+v", h)
		}
		l.send(&wire.Error{Code: wire.CodeUnauthorized, Message: "expired", Fatal: true})
		time.Sleep(24 * time.Hour) // the user is away
		tokens <- "new"
		l = f.next()
		if h := expect[*wire.Hello](l); h.Token != "new" {
			t.Fatalf("%+v", h)
		}
	})
}

func TestDisplacedStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		l := f.live(0)
		l.send(&wire.Error{Code: wire.CodeDisplaced, Space: "team/alpha"})
		wantState(t, s, replica.Stopped)
		if err := s.Sync(t.Context()); !errors.Is(err, replica.ErrDisplaced) {
			t.Fatal(err)
		}
		must(s.Put(t.Context(), "cards", "c1", `{}`)) // works on locally
		r.GoOnline()
		if open := expect[*wire.Open](l); open.Cursor != "0" {
			t.Fatalf("%+v", open)
		}
	})
}

func TestForkedClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		l := f.next()
		first := l.greet()
		l.send(opened(0, 0, wire.ResumeReset), reset(0))
		p := must(s.Put(t.Context(), "cards", "c1", `{"n":1}`))
		expect[*wire.Push](l)
		l.send(&wire.Error{Code: wire.CodeClientForked, Space: "team/alpha"})
		l = f.next()
		second := l.greet()
		if second.Client == first.Client || second.Acked != 0 {
			t.Fatalf("%+v", second)
		}
		l.send(opened(0, 0, wire.ResumeCurrent))
		if push := expect[*wire.Push](l); push.Mutations[0].ID != 1 {
			t.Fatalf("%+v", push)
		}
		l.send(ack(applied(1, 1)))
		if _, err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestGapOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		l := f.live(1, card("c1", 1, `{}`))
		l.send(diff(2, 3, card("c3", 3, `{}`)))
		if open := expect[*wire.Open](l); open.Cursor != cur(1).String() {
			t.Fatalf("%+v", open)
		}
		l.send(opened(0, 3, wire.ResumeDiff), diff(1, 3, card("c2", 2, `{}`), card("c3", 3, `{}`)))
		wantState(t, s, replica.Live)
		if got := shown(t, s); got != `c1={} c2={} c3={} ` {
			t.Fatal(got)
		}
	})
}

func TestNonsense(t *testing.T) {
	for _, text := range []string{
		`{`, `[]`, `{"t":"diff","space":"team/alpha","from":"x"}`, `{"t":"opened","space":"team/alpha","head":"0","last":-1}`,
		`{"t":"welcome","v":9}`, "\xff\xfe",
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			r, s := start(t, f)
			defer r.Close()
			l := f.live(0)
			synctest.Wait()
			l.toClient <- []byte(text)
			l = f.next() // it has reconnected
			if open := l.greet(); open.Cursor != "0" {
				t.Fatalf("%+v", open)
			}
			l.toClient <- []byte(`{"t":"something-new","space":"team/alpha"}` + "\n\n")
			l.send(opened(0, 0, wire.ResumeCurrent))
			wantState(t, s, replica.Live)
		})
	}
}

func TestOtherUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		st := memstore.New()
		r, s := start(t, f, func(o *replica.Options) { o.Store, o.User = st, "ada" })
		must(s.Put(t.Context(), "cards", "c1", `{"secret":1}`))
		l := f.next()
		expect[*wire.Hello](l)
		l.send(&wire.Welcome{V: 1, User: "eve"})
		if l.read() != nil {
			t.Fatal("something was sent as another user")
		}
		synctest.Wait()
		if err := s.Status().Err; !errors.Is(err, replica.ErrUser) {
			t.Fatal(err)
		}
		r.Close()

		r, err := replica.Open(t.Context(), replica.Options{Store: st, User: "eve", Offline: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := r.Space(t.Context(), "team/alpha"); !errors.Is(err, replica.ErrUser) {
			t.Fatal(err)
		}
	})
}

func TestPanicStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f, func(o *replica.Options) {
			o.Token = func(context.Context) (string, error) { panic("planted") }
		})
		defer r.Close()
		synctest.Wait()
		if st := s.Status(); st.State != replica.Stopped || st.Err == nil {
			t.Fatalf("%+v", st)
		}
		must(s.Put(t.Context(), "cards", "c1", `{}`))
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		p := must(s.Put(t.Context(), "cards", "c1", `{}`))
		results := make(chan error, 3)
		go func() { _, err := p.Wait(t.Context()); results <- err }()
		go func() { results <- s.Sync(t.Context()) }()
		go func() {
			for range s.Watch(t.Context(), replica.MustQuery("cards", `{}`)) {
			}
			results <- replica.ErrClosed
		}()
		synctest.Wait()
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := <-results; !errors.Is(err, replica.ErrClosed) {
				t.Fatal(err)
			}
		}
		if _, err := s.Put(t.Context(), "cards", "c1", `{}`); !errors.Is(err, replica.ErrClosed) {
			t.Fatal(err)
		}
		if _, _, err := s.Get(t.Context(), "cards", "c1"); !errors.Is(err, replica.ErrClosed) {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestOfflineAtOnce: who goes offline is so from the call on, and not from when the connection has
// ended: else who goes online again at once takes what the old one said for what the new one says.
func TestOfflineAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		f.live(0)
		wantState(t, s, replica.Live)
		r.GoOffline()
		if st := s.Status(); st.State != replica.Offline || st.Err != nil {
			t.Fatalf("offline: %+v", st)
		}
		r.GoOnline()
		if st := s.Status(); st.State == replica.Live {
			t.Fatalf("online again: %+v", st)
		}
		l := f.next()
		expect[*wire.Hello](l)
		r.GoOffline()
		l.send(&wire.Welcome{V: 1, Session: "late", Time: 1})
		synctest.Wait()
		if st := s.Status(); st.State != replica.Offline || st.Err != nil {
			t.Fatalf("a welcome that came too late: %+v", st)
		}
	})
}

// TestOfflineCutsAnythingShort: GoOffline ends even a wait for a token.
func TestOfflineCutsAnythingShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		asked := 0
		r, s := start(t, f, func(o *replica.Options) {
			o.Token = func(ctx context.Context) (string, error) {
				asked++
				<-ctx.Done()
				return "", ctx.Err()
			}
		})
		defer r.Close()
		wantState(t, s, replica.Connecting)
		r.GoOffline()
		wantState(t, s, replica.Offline)
		time.Sleep(time.Hour)
		if asked != 1 {
			t.Fatal("asked for a token while offline")
		}
	})
}

func TestCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		l := f.live(3, card("c1", 3, `{}`))
		expect[*wire.Check](l)
		l.send(&wire.Checked{Space: "team/alpha", View: "v", At: cur(3), Count: 2, Sum: "0000000000000000"})
		if open := expect[*wire.Open](l); open.Cursor != "" {
			t.Fatalf("kept what is wrong: %+v", open)
		}
		if st := s.Status(); st.Err == nil || st.State != replica.Syncing {
			t.Fatalf("%+v", st)
		}
		l.send(opened(0, 3, wire.ResumeReset), reset(3, card("c1", 3, `{}`), card("c2", 2, `{}`)))
		wantState(t, s, replica.Live)
		if got := shown(t, s); got != `c1={} c2={} ` {
			t.Fatal(got)
		}
	})
}

// TestErrorWithoutSpace: what nobody can attribute must not leave anything waiting.
func TestErrorWithoutSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		r, s := start(t, f)
		defer r.Close()
		l := f.next()
		l.greet()
		l.send(&wire.Error{Code: wire.CodeTooMany, Limit: "spaces", Message: "too many"})
		l = f.next()
		l.greet()
		if s.Status().Err == nil {
			t.Fatal("no reason is given")
		}
	})
}
