package replica

import (
	"context"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// A Peer is another session in the space.
type Peer = wire.Peer

// maxCasts is how many casts may wait to be sent; more are dropped, oldest first.
const maxCasts = 64

// presence is what sessions say of themselves. It is guarded by its Space's lock.
type presence struct {
	wanted bool
	state  jsontext.Value // ours, nil if none
	sent   bool
	casts  []*wire.Cast
	peers  map[string]Peer
	onCast func(*wire.CastFrom)
}

// SetPresence says what other sessions of the space see of this one; nil ends it.
// It is told again after every reconnection. The first call of SetPresence, Peers
// or OnCast opens the space for presence.
func (s *Space) SetPresence(state any) error {
	raw := jsontext.Value("null")
	if state != nil {
		var err error
		if raw, err = record(state); err != nil {
			return err
		}
	}
	return s.withPresence(func(p *presence) { p.state, p.sent = raw, false })
}

// Peers returns the other sessions that are there now, by their public names;
// after a change, StatusChanges and Watch loops are woken.
func (s *Space) Peers() []Peer {
	var peers []Peer
	_ = s.withPresence(func(p *presence) {
		for _, name := range slices.Sorted(maps.Keys(p.peers)) {
			peers = append(peers, p.peers[name])
		}
	})
	return peers
}

// Cast sends data once to the other sessions that are there; it may be lost.
func (s *Space) Cast(_ context.Context, topic string, data any) error {
	raw, err := record(data)
	if err != nil {
		return err
	}
	return s.withPresence(func(p *presence) {
		if p.casts = append(p.casts, &wire.Cast{Topic: topic, Data: raw}); len(p.casts) > maxCasts {
			p.casts = p.casts[1:]
		}
	})
}

// OnCast sets who gets the casts of others. f is called by the goroutine that
// reads, with the space's lock held: it must be quick and must not call the Space.
func (s *Space) OnCast(f func(session, user, topic string, data jsontext.Value)) error {
	return s.withPresence(func(p *presence) {
		p.onCast = func(m *wire.CastFrom) { f(m.Session, m.User, m.Topic, m.Data) }
	})
}

func (s *Space) withPresence(f func(*presence)) error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	f(&s.presence)
	if !s.presence.wanted {
		s.presence.wanted, s.wantOpen = true, true
	}
	s.r.wake()
	return nil
}

func (p *presence) opened() { p.sent = p.state == nil }

func (p *presence) lost() { p.peers, p.casts = nil, nil }

// next is the next message to send, nil if there is none.
func (p *presence) next(path space.Path) any {
	switch {
	case !p.sent && p.state != nil:
		p.sent = true
		return &wire.Presence{Space: string(path), State: p.state}
	case len(p.casts) > 0:
		m := p.casts[0]
		p.casts, m.Space = p.casts[1:], string(path)
		return m
	}
	return nil
}

func (p *presence) take(m *wire.Present) {
	if m.Reset || p.peers == nil {
		p.peers = map[string]Peer{}
	}
	for _, peer := range m.Peers {
		if len(peer.State) == 0 || string(peer.State) == "null" {
			delete(p.peers, peer.Session)
		} else {
			p.peers[peer.Session] = peer
		}
	}
}

func (p *presence) cast(m *wire.CastFrom) {
	if p.onCast != nil {
		p.onCast(m)
	}
}
