package core

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// leased opens a replica that holds c1, of a collection with a lease of an hour, and n1, of one without.
func leased(t *testing.T, change ...func(*Options)) *rig {
	r := newRig(t, change...)
	r.connect(0, cur(1), hour)
	r.receive(reset(cur(1), entry("c1", 1, `{"n":1}`), wire.Row{Key: space.Key{Collection: "notes", ID: "n1"}, Version: 1, Value: []byte(`{"n":1}`)}))
	r.expect(`c1={"n":1} `)
	return r
}

func hour(m *wire.Opened) {
	m.Scope, m.Leases = "s", map[string]int64{"cards": time.Hour.Milliseconds()}
}

// at lets it be some time after the epoch, and says what shows then.
func (r *rig) at(after time.Duration, shown string) {
	r.t.Helper()
	if _, err := r.core.Tick(bg, epoch.Add(after)); err != nil {
		r.t.Fatal(err)
	}
	r.expect(shown)
	expired := r.core.Status().Expired
	if want := []string{"cards"}; (shown == "") != slices.Equal(expired, want) {
		r.t.Fatalf("%q shows, expired are %v", shown, expired)
	}
	if _, ok, err := r.core.Get(bg, space.Key{Collection: "cards", ID: "c1"}); err != nil || ok != (shown != "") {
		r.t.Fatalf("Get finds c1: %t, %v", ok, err)
	}
	if _, ok, err := r.core.Get(bg, space.Key{Collection: "notes", ID: "n1"}); err != nil || !ok {
		r.t.Fatalf("what has no lease shows: %t, %v", ok, err)
	}
}

// restart opens the replica anew at some time after the epoch.
func (r *rig) restart(after time.Duration) {
	r.t.Helper()
	r.st = r.st.Clone()
	c, err := Open(bg, r.st, r.opt, epoch.Add(after))
	if err != nil {
		r.t.Fatal(err)
	}
	r.core = c
}

// TestLease: what has a lease is hidden when it runs out, without a Tick too after a restart, and shows again
// when the server has confirmed what is held, not before.
func TestLease(t *testing.T) {
	r := leased(t)
	r.at(time.Hour, `c1={"n":1} `)
	r.at(time.Hour+time.Millisecond, "")

	// One's own is hidden as well, and stays queued.
	r.mutate(put("c2", `{"n":2}`))
	r.expect("")
	if n := len(r.core.Pending()); n != 1 {
		t.Fatalf("%d mutations are queued", n)
	}
	if _, _, err := r.core.Mutate(bg, epoch, []space.Op{put("c3", `{}`)}, &space.Reads{Keys: []space.KeyPair{{"cards", "c1"}}}); !errors.Is(err, ErrExpired) {
		t.Fatalf("a serializable mutation upon what is hidden: %v", err)
	}
	r.restart(2 * time.Hour)
	r.expect("")

	// A connection alone is no confirmation, nor is half a catch-up.
	later := epoch.Add(3 * time.Hour)
	if _, err := r.core.Connected(bg, later, "", wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	open := r.core.OpenMessage(later)
	receive := func(m wire.ServerMessage) Effects {
		t.Helper()
		fx, err := r.core.Receive(bg, later, m)
		if err != nil {
			t.Fatal(err)
		}
		return fx
	}
	m := &wire.Opened{Space: open.Space, View: "v", Head: cur(3), From: open.Cursor, Resume: wire.ResumeDiff}
	hour(m)
	receive(m)
	r.expect("")
	if fx, err := r.core.Contact(bg, later, later); err != nil || fx.All {
		t.Fatal("an answer counts before the view is up to date")
	}
	receive(diff(cur(1), cur(2), entry("c4", 2, `{"n":4}`)))
	r.expect("")
	if fx := receive(diff(cur(2), cur(3))); !fx.All {
		t.Fatal("nobody is told that all shows again")
	}
	r.at(3*time.Hour, `c1={"n":1} c2={"n":2} c4={"n":4} `)

	// While there is a connection answers prolong it, as of the questions.
	if _, ask := r.core.Due(); ask {
		t.Fatal("asks at once")
	}
	r.at(3*time.Hour+30*time.Second, `c1={"n":1} c2={"n":2} c4={"n":4} `)
	if _, ask := r.core.Due(); !ask {
		t.Fatal("does not ask")
	}
	if _, err := r.core.Contact(bg, epoch.Add(4*time.Hour), epoch.Add(3*time.Hour+30*time.Second)); err != nil {
		t.Fatal(err)
	}
	r.at(4*time.Hour+30*time.Second, `c1={"n":1} c2={"n":2} c4={"n":4} `)
	r.at(4*time.Hour+31*time.Second, "")
}

// TestLeaseOfARestart: what is stored of the last contact is too old rather than too new, by little.
func TestLeaseOfARestart(t *testing.T) {
	r := leased(t)
	for at := time.Duration(0); at < 30*time.Minute; at += time.Second {
		r.at(at, `c1={"n":1} `)
		if _, err := r.core.Contact(bg, epoch.Add(at), epoch.Add(at)); err != nil {
			t.Fatal(err)
		}
	}
	written := r.core.head.Seq
	if written > 40 {
		t.Fatalf("half an hour of contact costs %d writes", written)
	}
	r.restart(88 * time.Minute)
	r.expect(`c1={"n":1} `)
	r.restart(90 * time.Minute)
	r.expect("")
}

// TestLeaseAndTheClock: a clock that is set back prolongs nothing, one that was wrong is forgiven at the next contact.
func TestLeaseAndTheClock(t *testing.T) {
	r := leased(t)
	for range 3 { // twenty minutes go by, and the clock is set back by them
		for at := time.Duration(0); at <= 20*time.Minute; at += time.Minute {
			if _, err := r.core.Tick(bg, epoch.Add(at)); err != nil {
				t.Fatal(err)
			}
		}
		r.restart(0)
	}
	r.at(time.Minute, "")

	r = leased(t)
	r.at(30*24*time.Hour, "")
	r.at(time.Minute, "")
	r.restart(time.Minute)
	r.expect("")
	r.core.conn = connection{}
	if _, err := r.core.Connected(bg, epoch.Add(2*time.Minute), "", wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	open := r.core.OpenMessage(epoch.Add(2 * time.Minute))
	m := &wire.Opened{Space: open.Space, View: "v", Head: cur(1), From: open.Cursor, Resume: wire.ResumeCurrent}
	hour(m)
	if _, err := r.core.Receive(bg, epoch.Add(2*time.Minute), m); err != nil {
		t.Fatal(err)
	}
	r.at(2*time.Minute, `c1={"n":1} `)
	r.restart(61 * time.Minute)
	r.expect(`c1={"n":1} `)
	r.at(63*time.Minute, "")
}

// TestLeaseComesAndGoes: other rules bring leases, change them and take them away, with the scope.
func TestLeaseComesAndGoes(t *testing.T) {
	r := newRig(t)
	r.connect(0, cur(1), func(m *wire.Opened) { m.Scope = "a" })
	r.receive(reset(cur(1), entry("c1", 1, `{"n":1}`), wire.Row{Key: space.Key{Collection: "notes", ID: "n1"}, Version: 1, Value: []byte(`{"n":1}`)}))
	if r.core.Leases != nil || r.core.Seen != 0 {
		t.Fatal("without leases nothing is kept of them")
	}
	if after, _ := r.core.Due(); after != 0 {
		t.Fatal("without leases there is nothing to wait for")
	}
	r.at(10000*time.Hour, `c1={"n":1} `)

	scope := func(name string, leases map[string]int64) {
		d := diff(cur(1), cur(1))
		d.Scope, d.Leases = name, leases
		r.receive(d)
	}
	scope("b", map[string]int64{"cards": time.Hour.Milliseconds()})
	r.at(time.Hour, `c1={"n":1} `)
	r.at(2*time.Hour, "")
	r.restart(2 * time.Hour)
	r.expect("")

	r.connect(0, cur(1), hour)
	r.at(0, `c1={"n":1} `)
	r.at(2*time.Hour, "")
	scope("c", nil)
	r.at(2*time.Hour, `c1={"n":1} `)
	if r.core.Seen != 0 || r.core.High != 0 {
		t.Fatal("what had a lease has none, and its term goes on")
	}

	// Who may see nothing any more has no leases either.
	r.connect(0, cur(1), hour)
	r.receive(&wire.Error{Code: wire.CodeForbidden})
	if r.core.Leases != nil || len(r.core.Status().Expired) > 0 {
		t.Fatal("leases of what is gone")
	}
}

// copier is a mutator that copies a card into a note.
type copier struct{}

func (copier) Call(_ *kernel.Call, tx kernel.Tx) error {
	text := "none"
	if v, err := tx.Get("cards", "c1"); err != nil {
		return err
	} else if v != nil {
		text = "seen"
	}
	all, err := selector.ParseQuery([]byte(`{"limit":9}`))
	if err != nil {
		return err
	}
	found, err := tx.Find("cards", all)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		text += ", found"
	}
	return tx.Write(&space.Op{Op: space.OpPut, In: "notes", ID: "copy", Value: []byte(`{"text":"` + text + `"}`)})
}

// TestLeaseAndCalls: what a mutator has made of what is hidden does not show either.
func TestLeaseAndCalls(t *testing.T) {
	r := leased(t, func(o *Options) { o.Mutators = copier{} })
	if _, _, err := r.core.Call(bg, epoch, "copy", nil); err != nil {
		t.Fatal(err)
	}
	r.mutate(put("c9", `{"n":9}`)) // which the queue alone holds
	copied := func(want string) {
		t.Helper()
		e, _, err := r.core.Get(bg, space.Key{Collection: "notes", ID: "copy"})
		if err != nil || string(e.Value) != `{"text":"`+want+`"}` {
			t.Fatalf("%s %v; want %s", e.Value, err, want)
		}
	}
	copied("seen, found")
	r.at(2*time.Hour, "")
	copied("none")
	if _, err := r.core.Contact(bg, epoch.Add(2*time.Hour), epoch.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	copied("seen, found")
}
