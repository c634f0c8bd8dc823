package core

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

func TestMutateRefuses(t *testing.T) {
	r := newRig(t)
	one := space.Seq(1)
	for _, c := range []struct {
		op   space.Op
		code string
		path string
	}{
		{space.Op{Op: "put", In: "_queue", ID: "x", Value: []byte(`{}`)}, "invalid", "ops[0]"},
		{space.Op{Op: "put", In: "cards", ID: "", Value: []byte(`{}`)}, "invalid", "ops[0]"},
		{space.Op{Op: "put", In: "cards", ID: "x"}, "invalid", "ops[0].value"},
		{space.Op{Op: "put", In: "cards", ID: "x", Value: []byte(`[]`)}, "invalid", "ops[0].value"},
		{space.Op{Op: "put", In: "cards", ID: "x", Value: []byte(`{"a":1,"a":2}`)}, "invalid", "ops[0].value"},
		{space.Op{Op: "put", In: "cards", ID: "x", Value: []byte(`{"a":"` + strings.Repeat("x", 256<<10) + `"}`)}, "too_large", "ops[0].value"},
		{space.Op{Op: "patch", In: "cards", ID: "x", Patch: []byte(`{"$nope":{}}`)}, "invalid", "ops[0].patch"},
		{space.Op{Op: "patch", In: "cards", ID: "x", Patch: []byte(`{"$inc":{"n":1}}`), Value: []byte(`{}`)}, "invalid", "ops[0]"},
		{space.Op{Op: "delete", In: "cards", ID: "x", Value: []byte(`{}`), If: &one}, "invalid", "ops[0]"},
		{space.Op{Op: "touch", In: "cards", ID: "x"}, "invalid", "ops[0].op"},
	} {
		_, _, err := r.core.Mutate(bg, epoch, []space.Op{c.op}, nil)
		var refused *space.Refusal
		if !errors.As(err, &refused) || refused.Code != c.code || !strings.HasPrefix(refused.Path, c.path) {
			t.Errorf("%s %s/%s: %v", c.op.Op, c.op.In, c.op.ID, err)
		}
	}
	if n := r.core.Status().Pending; n != 0 {
		t.Fatal(n, "are queued")
	}
}

func TestQueueIsBounded(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxQueue = 3 })
	for i := range 3 {
		r.mutate(put(fmt.Sprint(i), `{}`))
	}
	if _, _, err := r.core.Mutate(bg, epoch, []space.Op{put("x", `{}`)}, nil); !errors.Is(err, ErrQueueFull) {
		t.Fatal(err)
	}
	r.connect(0, cur(0))
	r.receive(reset(cur(0)))
	r.push()
	r.ack(rejected(1, 1), rejected(2, 2), rejected(3, 3))
	if _, _, err := r.core.Mutate(bg, epoch, []space.Op{put("x", `{}`)}, nil); !errors.Is(err, ErrRejectedFull) {
		t.Fatal(err)
	}
	if _, err := r.core.Discard(bg, epoch, 1); err != nil {
		t.Fatal(err)
	}
	if id := r.mutate(put("x", `{}`)); id != 4 {
		t.Fatal("a local id was used again:", id)
	}
}

// TestServerLostHistory: what the server has forgotten is offered again under the
// old ids, and nothing shows twice meanwhile.
func TestServerLostHistory(t *testing.T) {
	r := newRig(t)
	r.connect(0, cur(0))
	r.receive(reset(cur(0)))
	r.mutate(put("c1", `{"n":0}`))
	r.mutate(inc("c1"))
	r.mutate(inc("c1"))
	r.push()
	r.ack(applied(1, 1), applied(2, 2), applied(3, 3))
	r.receive(diff(cur(0), cur(2), entry("c1", 2, `{"n":1}`))) // 3 still waits
	r.mutate(inc("c1"))
	r.open()
	r.expect(`c1={"n":3} `)

	fork := space.Seq(1)
	fx := r.connect(1, cur(1, 'b'), forked, func(m *wire.Opened) { m.Fork = &fork })
	if fx.Action != Continue {
		t.Fatal(fx)
	}
	r.expect(`c1={"n":3} `)
	if ids := r.push(); len(ids) != 0 {
		t.Fatal("offers before the reset", ids)
	}
	r.receive(reset(cur(1, 'b'), entry("c1", 1, `{"n":0}`)))
	r.expect(`c1={"n":3} `)
	if ids := r.push(); fmt.Sprint(ids) != "[2 3 4]" {
		t.Fatal("offers", ids)
	}
	r.ack(applied(2, 2), applied(3, 3), applied(4, 4))
	r.expect(`c1={"n":3} `)
	r.receive(diff(cur(1, 'b'), cur(4, 'b'), entry("c1", 4, `{"n":3}`)))
	r.expect(`c1={"n":3} `)
	if n := r.core.Status().Pending; n != 0 {
		t.Fatal(n, "left")
	}
}

// TestServerLostMoreThanIsKept takes a new client id and offers what there is.
func TestServerLostMoreThanIsKept(t *testing.T) {
	r := newRig(t, func(o *Options) { o.KeepDone = 1 })
	r.connect(0, cur(0))
	r.receive(reset(cur(0)))
	r.mutate(put("c1", `{}`))
	r.mutate(put("c2", `{}`))
	r.push()
	r.ack(applied(1, 1), applied(2, 2))
	r.receive(diff(cur(0), cur(2), entry("c1", 1, `{}`), entry("c2", 2, `{}`)))
	r.mutate(put("c3", `{}`))
	client := r.core.Client()
	fx := r.connect(0, cur(0), forked)
	if fx.Action != Reconnect || r.core.Client() == client {
		t.Fatalf("%+v", fx)
	}
	r.connect(0, cur(0), forked)
	r.receive(reset(cur(0)))
	if ids := r.push(); fmt.Sprint(ids) != "[1 2]" || r.ids(r.core.Pending()) != "2 3 " {
		t.Fatal("offers", ids, r.ids(r.core.Pending()))
	}
}

// TestCopiedStore: two stores with one client id lose nothing, whichever comes
// first and whatever the other had sent.
func TestCopiedStore(t *testing.T) {
	o := newOracle()
	a := newRig(t)
	exchange := func(r *rig) {
		t.Helper()
		for range 20 {
			if _, err := r.core.Connected(bg, epoch, "", wire.Limits{}); err != nil {
				t.Fatal(err)
			}
			o.disconnect()
			o.handleOpen(r.core.OpenMessage(epoch), 100)
			again := false
			for range 5 {
				for len(o.out) > 0 && !again {
					m := o.out[0]
					o.out = o.out[1:]
					again = r.receive(m).Action == Reconnect
				}
				for p := r.core.Push(epoch, 0); p != nil; p = r.core.Push(epoch, 0) {
					o.handlePush(p)
				}
				o.catchUp(100)
			}
			if !again && r.core.Status().Pending == 0 {
				return
			}
		}
		t.Fatalf("does not come to rest: %+v", r.core.Status())
	}
	a.mutate(put("both", `{}`))
	b := newRig(t, func(opt *Options) { opt.NewClientID = clients2() })
	b.st = a.st.Clone()
	b.open()
	a.mutate(put("a1", `{}`))
	a.mutate(put("a2", `{}`))
	b.mutate(put("b1", `{}`))
	exchange(a)
	exchange(b)
	a.mutate(put("a3", `{}`))
	exchange(a)
	b.mutate(put("b2", `{}`))
	exchange(b)
	exchange(a)
	want := `a1={} a2={} a3={} b1={} b2={} both={} `
	a.expect(want)
	b.expect(want)
	if a.core.Client() == b.core.Client() {
		t.Fatal("they still share a client id")
	}
	for tok, n := range o.applied() {
		if n != 1 {
			t.Errorf("%s was applied %d times", tok, n)
		}
	}
}

func clients2() func() space.ClientID {
	n := 0
	return func() space.ClientID { n++; return space.ClientID(fmt.Sprintf("another-client-%04d", n)) }
}

func TestBadNumbers(t *testing.T) {
	for name, m := range map[string]wire.ServerMessage{
		"gap":               diff(cur(7), cur(9)),
		"other history":     diff(cur(5, 'x'), cur(6)),
		"ends elsewhere":    diff(cur(3), cur(5, 'x')),
		"backwards":         diff(cur(6), cur(5)),
		"version 0":         diff(cur(5), cur(6), entry("c9", 0, `{}`)),
		"future version":    diff(cur(5), cur(6), entry("c9", 7, `{}`)),
		"older than held":   diff(cur(5), cur(6), entry("c1", 4, `{}`)),
		"not of the view":   diff(cur(5), cur(6), wire.Row{Key: space.Key{Collection: "others", ID: "x"}, Version: 6, Value: []byte(`{}`)}),
		"reserved":          diff(cur(5), cur(6), wire.Row{Key: metaKey, Version: 6, Value: []byte(`{}`)}),
		"twice":             diff(cur(5), cur(6), entry("c9", 6, `{}`), entry("c9", 6, `{}`)),
		"bad record":        diff(cur(5), cur(6), entry("c9", 6, `{"__proto__":1}`)),
		"wrong sum":         &wire.Diff{View: "v", To: cur(6), Reset: true, Sum: "0000000000000001"},
		"reset to before":   reset(cur(4)),
		"ack of the unsent": &wire.Ack{Outcomes: []space.Outcome{applied(2, 6)}},
		"ack that skips":    &wire.Ack{Outcomes: []space.Outcome{applied(3, 6)}},
		"unknown outcome":   &wire.Ack{Outcomes: []space.Outcome{{ID: 1, Kind: "perhaps"}}},
		"gap elsewhere":     &wire.Error{Code: wire.CodeMutationGap, Expected: 77},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.connect(0, cur(5))
			r.receive(reset(cur(5), entry("c1", 5, `{"n":1}`), entry("c2", 2, `{"n":2}`)))
			r.mutate(inc("c1"))
			r.push()
			r.mutate(inc("c1"))
			fx := r.receive(m)
			if fx.Action != Reopen || fx.Err == nil {
				t.Fatalf("%+v", fx)
			}
			r.expect(`c1={"n":3} c2={"n":2} `)
			r.reopen(0, cur(5))
			if ids := r.push(); fmt.Sprint(ids) != "[1 2]" {
				t.Fatal(ids)
			}
			r.ack(applied(1, 6), applied(2, 7))
			r.receive(diff(cur(5), cur(7), entry("c1", 7, `{"n":3}`)))
			r.expect(`c1={"n":3} c2={"n":2} `)
			r.open()
			r.expect(`c1={"n":3} c2={"n":2} `)
		})
	}
	t.Run("no end of it", func(t *testing.T) {
		r := newRig(t)
		r.connect(0, cur(5))
		r.receive(reset(cur(5)))
		for range maxReopens {
			if fx := r.receive(diff(cur(7), cur(9))); fx.Action != Reopen {
				t.Fatalf("%+v", fx)
			}
			r.reopen(0, cur(9))
		}
		if fx := r.receive(diff(cur(7), cur(9))); fx.Action != Reconnect {
			t.Fatalf("%+v", fx)
		}
	})
}

func TestChecked(t *testing.T) {
	r := newRig(t)
	r.connect(0, cur(5))
	r.receive(reset(cur(5), entry("c1", 5, `{}`)))
	var sum wire.Sum
	sum.Add(space.Key{Collection: "cards", ID: "c1"}, 5)
	if fx := r.receive(&wire.Checked{View: "v", At: cur(5), Count: 1, Sum: sum.String()}); fx.Action != Continue {
		t.Fatalf("%+v", fx)
	}
	sum.Add(space.Key{Collection: "cards", ID: "c2"}, 4)
	if fx := r.receive(&wire.Checked{View: "v", At: cur(5), Count: 2, Sum: sum.String()}); fx.Action != Reopen {
		t.Fatalf("%+v", fx)
	}
	if open := r.core.OpenMessage(epoch); open.Cursor != "" {
		t.Fatalf("%+v", open)
	}
}

// TestInterruptedParts: a diff that does not end was never there, even after a
// restart and whatever is written meanwhile.
func TestInterruptedParts(t *testing.T) {
	part := func(m *wire.Diff) *wire.Diff { m.More = true; return m }
	defer func(was int) { stageBytes = was }(stageBytes)
	for i := range 4 {
		restart := i%2 == 0
		stageBytes = i / 2 << 20 // write parts ahead at once, or hold them in memory
		r := newRig(t)
		r.connect(0, cur(5))
		r.receive(reset(cur(5), entry("a", 1, `{}`), entry("b", 2, `{}`), entry("c", 3, `{}`)))
		r.receive(part(&wire.Diff{View: "v", From: cur(5), To: cur(9), Put: []wire.Row{entry("a", 6, `{"n":6}`)}, Del: []space.KeyPair{{"cards", "b"}}}))
		r.expect(`a={} b={} c={} `)
		for i := range 200 { // more than the log is trimmed after
			r.mutate(put("m", fmt.Sprintf(`{"i":%d}`, i)))
		}
		if restart {
			r.open()
		}
		r.expect(`a={} b={} c={} m={"i":199} `)
		r.connect(0, cur(9))
		r.receive(diff(cur(5), cur(9), entry("c", 9, `{"n":9}`)))
		r.expect(`a={} b={} c={"n":9} m={"i":199} `)

		// And a reset over what another reset has left behind.
		r.connect(0, cur(12, 'b'), forked)
		r.receive(part(reset(cur(12, 'b'), entry("x", 1, `{}`))))
		r.expect(`a={} b={} c={"n":9} m={"i":199} `)
		if restart {
			r.open()
		}
		r.connect(0, cur(13, 'b'), forked)
		r.receive(part(reset(cur(13, 'b'), entry("y", 1, `{}`))))
		last := reset(cur(13, 'b'), entry("z", 1, `{}`))
		last.Reset = false
		r.receive(last)
		r.expect(`m={"i":199} y={} z={} `)
		r.open()
		r.expect(`m={"i":199} y={} z={} `)
	}
}

func TestOtherUser(t *testing.T) {
	r := newRig(t, func(o *Options) { o.User = "ada" })
	r.connect(0, cur(5))
	r.receive(reset(cur(5), entry("c1", 5, `{}`)))
	if _, err := r.core.Connected(bg, epoch, "eve", wire.Limits{}); !errors.Is(err, ErrUser) {
		t.Fatal(err)
	}
	client := r.core.Client()
	opt := r.opt
	opt.User = "eve"
	r.mutate(put("c2", `{}`))
	if _, err := Open(bg, r.st, opt, epoch); !errors.Is(err, ErrUser) {
		t.Fatal(err)
	}
	r.connect(0, cur(5))
	r.push()
	r.ack(applied(1, 6))
	r.receive(diff(cur(5), cur(6), entry("c2", 6, `{}`)))
	r.opt.User = "eve" // nothing is unsent: the store may be hers
	r.open()
	r.expect("")
	if r.core.Client() == client {
		t.Fatal("eve uses ada's client id")
	}
}

func TestLimitsShrink(t *testing.T) {
	r := newRig(t)
	r.mutate(put("c1", `{"a":"`+strings.Repeat("x", 5000)+`"}`))
	r.mutate(put("c2", `{}`))
	if _, err := r.core.Connected(bg, epoch, "", wire.Limits{Entry: 1000}); err != nil {
		t.Fatal(err)
	}
	if got := r.core.Rejected(); len(got) != 1 || got[0].Outcome.Code != space.CodeTooLarge {
		t.Fatalf("%+v", got)
	}
	r.reopen(0, cur(0))
	if ids := r.push(); fmt.Sprint(ids) != "[1]" {
		t.Fatal(ids)
	}
}

// TestForkForsakesReads: what a serializable mutation read is gone after a fork;
// others go on, under the ids that are free now.
func TestForkForsakesReads(t *testing.T) {
	r := newRig(t)
	r.connect(0, cur(9))
	r.receive(reset(cur(9)))
	read, _, err := r.core.Mutate(bg, epoch, []space.Op{put("c1", `{}`)}, &space.Reads{At: 3, Keys: []space.KeyPair{{"cards", "c2"}}})
	if err != nil {
		t.Fatal(err)
	}
	r.mutate(put("c3", `{}`))
	fork := space.Seq(4)
	r.connect(0, cur(6, 'b'), forked, func(m *wire.Opened) { m.Fork = &fork })
	if ids := r.push(); len(ids) != 0 {
		t.Fatalf("pushed %v before the reset", ids)
	}
	r.receive(reset(cur(6, 'b')))
	rejected := r.core.Rejected()
	if len(rejected) != 1 || rejected[0].ID != read.ID || rejected[0].Outcome.Code != space.CodeStale {
		t.Fatalf("rejected: %+v", rejected)
	}
	if ids := r.push(); len(ids) != 1 || ids[0] != 1 {
		t.Fatalf("pushed %v", ids)
	}
}

// TestFullDisk: a step that there is no room for has not happened, and the next may.
func TestFullDisk(t *testing.T) {
	r := newRig(t)
	r.connect(0, cur(5))
	r.receive(reset(cur(5), entry("c1", 5, `{"n":1}`)))
	r.mutate(inc("c1"))
	r.push()
	full := func(op string) error {
		if op == "append" {
			return store.ErrFull
		}
		return nil
	}
	r.st.Fault = full
	if _, _, err := r.core.Mutate(bg, epoch, []space.Op{inc("c1")}, nil); !errors.Is(err, store.ErrFull) {
		t.Fatal(err)
	}
	if _, err := r.core.Receive(bg, epoch, &wire.Ack{Outcomes: []space.Outcome{rejected(1, 6)}}); !errors.Is(err, store.ErrFull) {
		t.Fatal(err)
	}
	r.st.Fault = nil
	r.expect(`c1={"n":2} `)
	r.connect(1, cur(6))
	if ids := r.push(); fmt.Sprint(ids) != "[1]" {
		t.Fatal(ids)
	}
	r.ack(rejected(1, 6))
	r.expect(`c1={"n":1} `)
}
