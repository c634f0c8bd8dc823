package host_test

import (
	"fmt"
	"testing"

	"github.com/syncline/syncline/host"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// seen is what a session knows of others' presence.
type seen map[string]string

func (s seen) apply(m *wire.Present) {
	if m.Reset {
		clear(s)
	}
	for _, peer := range m.Peers {
		if string(peer.State) == "null" {
			delete(s, peer.User)
		} else {
			s[peer.User] = string(peer.State)
		}
	}
}

func (s seen) until(p *peer, user, state string) {
	p.Helper()
	for s[user] != state {
		s.apply(expect[*wire.Present](p))
	}
}

// TestPresence is told to those who want it, is gone with its session, and leaves
// nothing in the store.
func TestPresence(t *testing.T) {
	st := memstore.New()
	h := newHost(t, host.Options{Store: st})
	ada, bob := connect(t, h, "ada"), connect(t, h, "bob")
	blind := connect(t, h, "eve")
	blind.open(wire.Open{View: cards})
	for _, p := range []*peer{ada, bob} {
		p.open(wire.Open{Presence: true})
		if m := expect[*wire.Present](p); !m.Reset || len(m.Peers) != 0 {
			t.Fatalf("%s", wire.Encode(m))
		}
	}
	s := seen{}
	for i := range 100 {
		ada.send(&wire.Presence{Space: path, State: []byte(fmt.Sprint(i))})
	}
	s.until(bob, "ada", "99")
	if got := h.Stats().Delivered.Load(); got > 60 {
		t.Errorf("%d frames for 100 changes: they are not merged", got)
	}
	late := connect(t, h, "late")
	late.send(&wire.Open{Space: path, Presence: true})
	expect[*wire.Opened](late)
	if m := expect[*wire.Present](late); !m.Reset || len(m.Peers) != 1 || string(m.Peers[0].State) != "99" || m.Peers[0].User != "ada" {
		t.Errorf("%s", wire.Encode(m))
	}
	ada.send(&wire.Presence{Space: path, State: []byte(`null`)})
	s.until(bob, "ada", "")
	ada.send(&wire.Presence{Space: path, State: []byte(`{"x":1}`)})
	s.until(bob, "ada", `{"x":1}`)
	ada.session.Close()
	s.until(bob, "ada", "")
	if more := blind.sync(); len(more) != 0 {
		t.Errorf("who does not want it is told %s", wire.Encode(more[0]))
	}
	if head := headOf(t, st); !head.Cursor.IsZero() {
		t.Errorf("the store is at %s", head.Cursor)
	}
}

// TestCast goes to the others who want it, once.
func TestCast(t *testing.T) {
	h := newHost(t, host.Options{})
	var peers []*peer
	for _, name := range []string{"ada", "bob", "eve"} {
		p := connect(t, h, name)
		p.send(&wire.Open{Space: path, View: cards, Presence: name != "eve"})
		expect[*wire.Opened](p)
		if name != "eve" {
			expect[*wire.Present](p)
		}
		expect[*wire.Diff](p)
		peers = append(peers, p)
	}
	peers[0].send(&wire.Cast{Space: path, Topic: "wave", Data: []byte(`{"a":[1]}`)})
	c := expect[*wire.CastFrom](peers[1])
	if c.Topic != "wave" || c.User != "ada" || string(c.Data) != `{"a":[1]}` || c.Session == "" || c.Session == peers[0].session.ID() {
		t.Errorf("%s", wire.Encode(c))
	}
	for _, p := range peers {
		if more := p.sync(); len(more) != 0 {
			t.Errorf("then %s", wire.Encode(more[0]))
		}
	}
}

// TestSlowReaderOfPresence misses changes and is told the whole when it reads on.
func TestSlowReaderOfPresence(t *testing.T) {
	h := newHost(t, host.Options{Limits: wire.Limits{Queue: 2 << 10}})
	slow, other := connect(t, h, "slow"), connect(t, h, "other")
	for _, p := range []*peer{slow, other} {
		p.open(wire.Open{Presence: true})
		expect[*wire.Present](p)
	}
	ada := connect(t, h, "ada")
	ada.open(wire.Open{})
	s := seen{}
	for i := range 20 {
		state := fmt.Sprintf(`"%0500d"`, i)
		ada.send(&wire.Presence{Space: path, State: []byte(state)})
		s.until(other, "ada", state)
	}
	last := fmt.Sprintf(`"%0500d"`, 19)
	behind := seen{}
	for h.Stats().Overflows.Load() == 0 {
		t.Fatal("it never fell behind")
	}
	// It reads on; at the next change it is told all.
	ada.send(&wire.Presence{Space: path, State: []byte(last)})
	got := make(chan struct{})
	go func() {
		defer close(got)
		behind.until(slow, "ada", last)
	}()
	for i := 0; ; i++ {
		select {
		case <-got:
			return
		default:
			other.send(&wire.Presence{Space: path, State: []byte(fmt.Sprint(i))})
			s.until(other, "other", fmt.Sprint(i))
		}
	}
}
