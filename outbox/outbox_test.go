package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline/syncline/hook"
	"github.com/syncline/syncline/outbox"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/webhook"
)

var ok = webhook.Answer{Status: 200}

func card(id, value string) [3]string { return [3]string{"cards", id, value} }

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// settle lets time pass until nothing happens any more for a while.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func letters(t *testing.T, l *outbox.Ledger) (all []*outbox.Letter) {
	t.Helper()
	for letter, err := range l.Dead(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, letter)
	}
	return all
}

// TestIntroduced: a delivery is told of what is committed from then on, in new
// spaces of all; and goes on where it was when it comes back.
func TestIntroduced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, to := memstore.New(), newReceiver(1)
		to.calm = true
		write(t, st, "team/a", card("x", `{"n":1}`))
		o, _ := open(t, st, policy(t, text), to, outbox.Bugs{})
		write(t, st, "team/a", card("x", `{"n":2}`), [3]string{"notes", "n", "{}"})
		write(t, st, "team/a", card("x", `{"hidden":true}`), card("y", "{}"))
		write(t, st, "team/b", card("x", `{"n":1}`))
		write(t, st, "other/c", card("x", `{"n":1}`))
		settle(time.Minute)
		expect(t, "an old space", to.firsts("team/a cards/x"), []space.Seq{2})
		expect(t, "its other entry", to.firsts("team/a cards/y"), []space.Seq{3})
		expect(t, "a new space", to.firsts("team/b cards/x"), []space.Seq{1})
		expect(t, "all", len(to.taken()), 3)
		e := to.taken()[name{"team/a", 2, 0}]
		if string(e.Old) != `{"n":1}` || string(e.New) != `{"n":2}` || e.Op != "update" || e.Author != "ada" || e.Delivery != "told" {
			t.Errorf("%+v", e)
		}
		o.Close()
		write(t, st, "team/b", card("x", ""))
		write(t, st, "team/new", card("x", "{}"))
		// The variable has another name: it is the same kind, and nothing is told twice or not at all.
		again := policy(t, `{"spaces":{"team/{squad}":{"open":"true","collections":{"cards":{},"notes":{}},"deliver":{"told":{"to":"there","collections":["cards"]},"second":{"to":"there","collections":["cards"]}}}}}`)
		o, _ = open(t, st, again, to, outbox.Bugs{})
		settle(time.Minute)
		expect(t, "the space that went on", to.firsts("team/b cards/x"), []space.Seq{1, 2})
		expect(t, "the space that was made meanwhile", to.firsts("team/new cards/x"), []space.Seq{1})
		expect(t, "what was told before", to.sent(name{"team/a", 2, 0}), 1)
		write(t, st, "team/new", card("y", "{}"))
		settle(time.Minute)
		expect(t, "two deliveries", to.sent(name{"team/new", 2, 0}), 2)
		o.Close()
	})
}

// TestPoison: what is never taken stands in nobody's way but its own entry's, and
// not for ever; replayed it comes late, with its old seq.
func TestPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, to := memstore.New(), newReceiver(1)
		var healed atomic.Bool
		to.mood = func(e hook.Event) (webhook.Answer, error) {
			if string(e.New) == `{"poison":true}` && !healed.Load() {
				return webhook.Answer{Status: 400}, nil
			}
			return ok, nil
		}
		o, ledger := open(t, st, policy(t, text), to, outbox.Bugs{})
		defer func() { o.Close() }()
		write(t, st, "team/a", card("x", `{"poison":true}`))
		write(t, st, "team/a", card("x", `{}`))
		write(t, st, "team/a", card("y", `{}`))
		settle(100 * time.Millisecond)
		expect(t, "its own entry waits", len(to.firsts("team/a cards/x")), 0)
		expect(t, "others do not", to.firsts("team/a cards/y"), []space.Seq{3})
		settle(time.Minute)
		expect(t, "then it goes on", to.firsts("team/a cards/x"), []space.Seq{2})
		expect(t, "attempts", to.sent(name{"team/a", 1, 0}), 5)
		all := letters(t, ledger)
		if len(all) != 1 || all[0].Seq != 1 || all[0].Attempts != 5 || all[0].Error != "status 400" || all[0].Entry != "x" {
			t.Fatalf("%+v", all)
		}
		mine := func(l *outbox.Letter) bool { return l.ID == all[0].ID }
		// Still poisonous: tried again as often, and a dead letter all the same. Also across a restart.
		if n, err := ledger.Replay(t.Context(), mine); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		o.Rescan()
		settle(time.Second)
		o.Close()
		st = st.Clone()
		o, ledger = open(t, st, policy(t, text), to, outbox.Bugs{})
		settle(time.Hour)
		expect(t, "attempts of the replay", to.sent(name{"team/a", 1, 0}), 10)
		healed.Store(true)
		settle(time.Hour)
		expect(t, "nobody asked for more", to.sent(name{"team/a", 1, 0}), 10)
		// History is gone by now: the letter holds what was sent.
		if err := st.Trim(t.Context(), "team/a", 3); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Replay(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
		o.Rescan()
		settle(time.Second)
		expect(t, "taken at last", to.firsts("team/a cards/x"), []space.Seq{2, 1})
		expect(t, "dead letters", len(letters(t, ledger)), 0)
		for range 3 {
			settle(time.Hour)
		}
		expect(t, "and never again", to.sent(name{"team/a", 1, 0}), 11)
	})
}

// TestHistory: what a delivery needs is held; where it is gone all the same, the
// rest is told.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, to := memstore.New(), newReceiver(1)
		var down atomic.Bool
		down.Store(true)
		to.attempts = 1000
		to.mood = func(hook.Event) (webhook.Answer, error) {
			if down.Load() {
				return ok, errors.New("connection refused")
			}
			return ok, nil
		}
		o, _ := open(t, st, policy(t, text), to, outbox.Bugs{})
		defer o.Close()
		for i := range 6 {
			write(t, st, "team/a", card(fmt.Sprint("k", i%2), `{}`))
		}
		settle(time.Minute)
		above, held, err := o.Hold(t.Context(), "team/a")
		expect(t, "held", fmt.Sprint(above, held, err), "0 true <nil>")
		_, held, err = o.Hold(t.Context(), "other/c")
		expect(t, "nothing is told of it", fmt.Sprint(held, err), "false <nil>")
		// The operator's bound has run out.
		if err := st.Trim(t.Context(), "team/a", 4); err != nil {
			t.Fatal(err)
		}
		down.Store(false)
		settle(2 * time.Hour)
		expect(t, "what is left", fmt.Sprint(to.firsts("team/a cards/k0"), to.firsts("team/a cards/k1")), "[5] [6]")
		if o.Stats().Lost.Load() == 0 {
			t.Error("the loss is not counted")
		}
		above, _, _ = o.Hold(t.Context(), "team/a")
		expect(t, "held after", above, 6)
		// The space is dropped and made again.
		if err := st.Drop(t.Context(), "team/a"); err != nil {
			t.Fatal(err)
		}
		write(t, st, "team/a", card("new", `{}`))
		settle(time.Minute)
		expect(t, "another space of that name", to.firsts("team/a cards/new"), []space.Seq{1})
	})
}

// TestQuiet: what concerns nobody is held only until the lane has saved its place.
func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, to := memstore.New(), newReceiver(1)
		o, _ := open(t, st, policy(t, text), to, outbox.Bugs{})
		defer o.Close()
		for range 10 {
			write(t, st, "team/a", [3]string{"notes", "n", "{}"})
		}
		settle(time.Second)
		above, _, _ := o.Hold(t.Context(), "team/a")
		expect(t, "nothing was worth a write", above, 0)
		settle(time.Second)
		above, _, _ = o.Hold(t.Context(), "team/a")
		expect(t, "it is now", above, 10)
		expect(t, "told", len(to.taken()), 0)
	})
}

// TestManyDead: when there are too many dead letters a delivery waits, and goes on
// when some are gone.
func TestManyDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, to := memstore.New(), newReceiver(1)
		to.mood = func(e hook.Event) (webhook.Answer, error) { return webhook.Answer{Status: 400}, nil }
		o, ledger := open(t, st, policy(t, text), to, outbox.Bugs{})
		defer o.Close()
		var rows []outbox.Row
		for i := range outbox.MaxDead {
			l := outbox.Letter{ID: fmt.Sprint("msg_", i), Delivery: "told", Space: "team/z", Seq: space.Seq(i)}
			rows = append(rows, l.Row(t))
		}
		if err := ledger.Save(rows...); err != nil {
			t.Fatal(err)
		}
		write(t, st, "team/a", card("x", `{}`))
		settle(5 * time.Hour)
		expect(t, "letters", len(letters(t, ledger)), outbox.MaxDead)
		above, _, _ := o.Hold(t.Context(), "team/a")
		expect(t, "it is not passed over", above, 0)
		if n, err := ledger.Forget(t.Context(), func(l *outbox.Letter) bool { return l.Space == "team/z" }); n != outbox.MaxDead || err != nil {
			t.Fatal(n, err)
		}
		settle(5 * time.Hour)
		all := letters(t, ledger)
		if len(all) != 1 || all[0].Space != "team/a" {
			t.Errorf("%+v", all)
		}
	})
}

// TestStuck: one that hangs keeps its place, and nothing is kept waiting when the outbox is closed.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, to := memstore.New(), stuck{newReceiver(1), make(chan struct{}, 100)}
		o, _ := open(t, st, policy(t, text), to, outbox.Bugs{})
		for i := range 20 {
			write(t, st, "team/a", card(fmt.Sprint("k", i), `{}`))
		}
		settle(time.Minute)
		expect(t, "under way", len(to.begun), 4)
		o.Close()
	})
}

type stuck struct {
	*receiver
	begun chan struct{}
}

func (s stuck) Send(ctx context.Context, _ string, _ []byte) (webhook.Answer, error) {
	s.begun <- struct{}{}
	<-ctx.Done()
	return webhook.Answer{}, ctx.Err()
}

// TestFullDisk: nothing is told again and again because it cannot be noted, and all is well afterwards.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, to := memstore.New(), newReceiver(1)
		to.calm = true
		var full atomic.Bool
		st.Fault = func(op string) error {
			if op == "append" && full.Load() {
				return store.ErrFull
			}
			return nil
		}
		o, _ := open(t, st, policy(t, text), to, outbox.Bugs{})
		defer o.Close()
		write(t, st, "team/a", card("x", `{}`))
		full.Store(true)
		settle(10 * time.Minute)
		if n := to.sent(name{"team/a", 1, 0}); n < 2 || n > 25 {
			t.Errorf("sent %d times in ten minutes", n)
		}
		full.Store(false)
		settle(10 * time.Minute)
		n := to.sent(name{"team/a", 1, 0})
		settle(time.Hour)
		expect(t, "sends", to.sent(name{"team/a", 1, 0}), n)
	})
}

// TestLedger: what is saved by many at once is there after a restart, its own
// history does not grow, and whoever else writes to it is noticed.
func TestLedger(t *testing.T) {
	st := memstore.New()
	l, err := outbox.OpenLedger(t.Context(), st, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for i := range 8 {
		go func() {
			var err error
			for n := range 200 {
				key := space.Key{Collection: "c", ID: fmt.Sprint(i)}
				err = errors.Join(err, l.Save(outbox.Row{Key: key, Value: fmt.Appendf(nil, `{"n":%d}`, n)}))
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	again, err := outbox.OpenLedger(t.Context(), st.Clone(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		text, err := again.Get(t.Context(), space.Key{Collection: "c", ID: fmt.Sprint(i)})
		if string(text) != `{"n":199}` || err != nil {
			t.Errorf("%d: %s %v", i, text, err)
		}
	}
	if head, err := st.Head(t.Context(), outbox.Path); err != nil || head.Cursor.Seq > 512 && head.Cursor.Seq-head.Horizon.Seq > 512 {
		t.Errorf("%+v %v", head, err)
	}
	other, err := outbox.OpenLedger(t.Context(), st, nil)
	if err != nil {
		t.Fatal(err)
	}
	row := outbox.Row{Key: space.Key{Collection: "c", ID: "0"}, Value: []byte(`{}`)}
	if err := other.Save(row); err != nil {
		t.Fatal(err)
	}
	row.Value = []byte(`{"mine":true}`)
	if err := l.Save(row); !errors.Is(err, outbox.ErrTaken) {
		t.Errorf("%v", err)
	}
}
