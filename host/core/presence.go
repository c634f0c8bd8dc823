package core

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/wire"
)

// presence is what the members of a space say of themselves. It never touches
// the store.
type presence struct {
	states map[*Member]jsontext.Value
	dirty  set[*Member] // changed, or gone, since the last Tell
}

func (p *presence) join(s *Space, m *Member, wants bool) {
	m.present, m.stale = wants, false
	if wants {
		m.Sink.Send(wire.Encode(p.all(s, m)))
	}
}

func (p *presence) all(s *Space, except *Member) *wire.Present {
	msg := &wire.Present{Space: string(s.cfg.Path), Reset: true, Peers: []wire.Peer{}}
	for m := range s.members.all {
		if state, ok := p.states[m]; ok && m != except {
			msg.Peers = append(msg.Peers, wire.Peer{Session: m.Name, User: m.Who.User(), State: state})
		}
	}
	return msg
}

func (p *presence) leave(_ *Space, m *Member) {
	m.present = false
	if _, ok := p.states[m]; ok {
		delete(p.states, m)
		p.dirty.add(m)
	}
}

// SetPresence notes what a member says of itself; Tell passes it on. A nil or
// null state is that of somebody who is not there.
func (s *Space) SetPresence(m *Member, state jsontext.Value) error {
	if err := s.notOpen(m); err != nil {
		return err
	}
	p := &s.presence
	if len(state) == 0 || state.Kind() == 'n' {
		if _, ok := p.states[m]; !ok {
			return nil
		}
		delete(p.states, m)
	} else {
		if p.states == nil {
			p.states = map[*Member]jsontext.Value{}
		}
		p.states[m] = state
	}
	p.dirty.add(m)
	return nil
}

// Untold reports whether Tell has anything to pass on.
func (s *Space) Untold() bool { return s.presence.dirty.len() > 0 }

// Tell passes on the changes of presence since it was last called, merged. A
// member whose sink is full misses it and is sent the whole later.
func (s *Space) Tell() {
	p := &s.presence
	if p.dirty.len() == 0 {
		return
	}
	msg := &wire.Present{Space: string(s.cfg.Path), Peers: []wire.Peer{}}
	for m := range p.dirty.all {
		state := p.states[m]
		if state == nil {
			state = jsontext.Value("null")
		}
		msg.Peers = append(msg.Peers, wire.Peer{Session: m.Name, User: m.Who.User(), State: state})
	}
	p.dirty.clear()
	var frame []byte
	for m := range s.members.all {
		if !m.present {
			continue
		}
		if m.stale {
			m.stale = !m.Sink.Offer(wire.Encode(p.all(s, m)))
			continue
		}
		if frame == nil {
			frame = wire.Encode(msg)
		}
		m.stale = !m.Sink.Offer(frame)
	}
}

// Cast sends a message of a member's to the others; those whose sink is full
// miss it.
func (s *Space) Cast(from *Member, c *wire.Cast) error {
	if err := s.notOpen(from); err != nil {
		return err
	}
	frame := wire.Encode(&wire.CastFrom{Space: string(s.cfg.Path), Session: from.Name, User: from.Who.User(), Topic: c.Topic, Data: c.Data})
	for m := range s.members.all {
		if m.present && m != from {
			m.Sink.Offer(frame)
		}
	}
	return nil
}
