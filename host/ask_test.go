package host_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

func asked(t testing.TB) authz.Authority {
	t.Helper()
	d, err := definition.Parse([]byte(`{"spaces":{"team/{team}":{"open":"true","collections":{"cards":{"read":"true","write":"true"}},
		"ask":{"judge":{"to":"judge","collections":["cards"],"when":"new.ask == true"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := authz.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return authz.NewRuled(p, nil)
}

// TestAskTimesOut: whoever hangs, or panics, has not agreed; the client's next
// mutation has waited for less than five seconds, and others have not waited at all.
func TestAskTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := host.New(host.Options{Store: memstore.New(), Authority: asked(t), Ask: func(ctx context.Context, _ space.Path, ask *core.Ask) core.Verdict {
			if ask.Author == "bob" {
				panic("boom")
			}
			<-ctx.Done()
			return core.Verdict{}
		}})
		ada, bob, cyd := connect(t, h, "ada"), connect(t, h, "bob"), connect(t, h, "cyd")
		for name, p := range map[string]*peer{"ada": ada, "bob": bob, "cyd": cyd} {
			p.open(wire.Open{Client: client(name)})
		}
		begun := time.Now()
		ada.push(put(1, "x", `{"ask":true}`), put(2, "x", `{"ask":false}`))
		bob.push(put(1, "y", `{"ask":true}`))
		cyd.push(put(1, "z", `{"ask":false}`))
		if a := expect[*wire.Ack](cyd); a.Outcomes[0].Kind != space.Applied || time.Since(begun) != 0 {
			t.Errorf("%s after %s", wire.Encode(a), time.Since(begun))
		}
		if a := expect[*wire.Ack](bob); a.Outcomes[0].Code != space.CodeHookUnavailable || time.Since(begun) != 0 {
			t.Errorf("%s after %s", wire.Encode(a), time.Since(begun))
		}
		a := expect[*wire.Ack](ada)
		if took := time.Since(begun); len(a.Outcomes) != 2 || a.Outcomes[0].Code != space.CodeHookUnavailable || a.Outcomes[1].Kind != space.Applied || took > 5*time.Second {
			t.Errorf("%s after %s", wire.Encode(a), took)
		}
		for _, p := range []*peer{ada, bob, cyd} {
			p.session.Close()
		}
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestCloseWhileAsking: a write that waits for an answer is told to come back, and is not committed.
func TestCloseWhileAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		h := host.New(host.Options{Store: s, Authority: asked(t), Ask: func(ctx context.Context, _ space.Path, _ *core.Ask) core.Verdict {
			<-ctx.Done()
			return core.Verdict{Agreed: true} // when it is too late
		}})
		done := make(chan error, 1)
		go func() {
			_, _, err := h.Do(context.Background(), mustIdentify(t), path, "", []space.Mutation{put(0, "x", `{"ask":true}`)})
			done <- err
		}()
		synctest.Wait()
		begun := time.Now()
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("closing waits for %s", took)
		}
		if e, ok := (<-done).(*wire.Error); !ok || e.Code != wire.CodeShuttingDown {
			t.Errorf("%v", e)
		}
		if head := headOf(t, s).Cursor; head.Seq != 0 {
			t.Errorf("it was committed: %s", head)
		}
	})
}

// TestHold: history that somebody needs is kept beyond Retain, but not for ever.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		h := host.New(host.Options{
			Store: s, Authority: authz.Development{}, Retain: time.Hour, HoldFor: 10 * time.Hour, IdleAfter: 5 * time.Second,
			Hold: func(context.Context, space.Path) (space.Seq, bool, error) { return 2, true, nil },
		})
		var horizons []space.Seq
		for range 20 {
			if _, _, err := h.Do(context.Background(), mustIdentify(t), path, "", []space.Mutation{put(0, "x", `{}`)}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			horizons = append(horizons, headOf(t, s).Horizon.Seq)
		}
		if early, late := horizons[8], horizons[19]; early != 2 || late < 5 || late > 12 {
			t.Errorf("the horizons are %v", horizons)
		}
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
