package host

import (
	"fmt"

	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// A place is a session's hold on a space.
type place struct {
	loop    *loop
	member  *core.Member
	opening int // opens that the loop has not answered yet; guarded by Session.mu
}

func (s *Session) open(m *wire.Open) error {
	path, err := space.ParsePath(m.Space)
	if err != nil {
		return &wire.Error{Code: wire.CodeBadName, Message: err.Error()}
	}
	if m.Client != "" {
		if _, err := space.ParseClientID(string(m.Client)); err != nil {
			return &wire.Error{Code: wire.CodeBadName, Space: m.Space, Message: err.Error()}
		}
	}
	if !s.who.In(s.host.opts.Authority.Rules(path)).Possible() {
		return core.Forbidden(path)
	}
	p, fresh, err := s.hold(path)
	if err != nil {
		return err
	}
	err = p.loop.post(func(sp *core.Space) {
		if err := sp.Open(s.host.ctx, p.member, m); err != nil {
			s.failed(path, err) // before anything that is refused for its sake
		}
		s.opened(path, p, sp.Has(p.member))
	})
	if err != nil {
		s.opened(path, p, !fresh)
	}
	return err
}

// opened notes that an open has been answered. A session that has not got into
// the space gives its place up.
func (s *Session) opened(path space.Path, p *place, member bool) {
	s.mu.Lock()
	p.opening--
	leave := !member && p.opening == 0 && s.spaces[path] == p
	if leave {
		delete(s.spaces, path)
	}
	s.mu.Unlock()
	if leave {
		s.host.release(p.loop)
	}
}

// hold returns the session's place in a space, a new one if it has none, for an
// open that is on its way (see opened).
func (s *Session) hold(path space.Path) (p *place, fresh bool, err error) {
	s.mu.Lock()
	if p := s.spaces[path]; p != nil {
		p.opening++
		s.mu.Unlock()
		return p, false, nil
	}
	s.mu.Unlock()
	l, err := s.host.acquire(path)
	if err != nil {
		return nil, false, err
	}
	p = &place{l, &core.Member{Sink: &s.out, Who: s.who, Name: s.name, Born: s.born}, 1}
	if err := s.note(path, p); err != nil {
		s.host.release(l)
		return nil, false, err
	}
	return p, true, nil
}

func (s *Session) note(path space.Path, p *place) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &wire.Error{Code: wire.CodeUnknownSession, Message: "the session has ended", Fatal: true}
	}
	if limit := s.host.opts.Limits.Spaces; len(s.spaces) >= limit {
		return &wire.Error{Code: wire.CodeTooMany, Space: string(path), Limit: "spaces", Message: fmt.Sprintf("a session may have %d spaces open", limit)}
	}
	if s.spaces == nil {
		s.spaces = make(map[space.Path]*place, 1)
	}
	s.spaces[path] = p
	return nil
}

func (s *Session) find(path space.Path) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spaces[path]
}

// failed answers a request that a loop could not carry out.
func (s *Session) failed(path space.Path, err error) {
	e := *asWire(err)
	e.Space = string(path)
	if e.Code == wire.CodeInternal {
		s.host.opts.Logger.Error("a request failed", "space", path, "error", err)
	}
	s.out.Send(wire.Encode(&e))
}

func (s *Session) place(name string) (*place, error) {
	if p := s.find(space.Path(name)); p != nil {
		return p, nil
	}
	if _, err := space.ParsePath(name); err != nil {
		return nil, &wire.Error{Code: wire.CodeBadName, Message: err.Error()}
	}
	return nil, &wire.Error{Code: wire.CodeNotOpen, Space: name, Message: "this session has not opened the space"}
}

func (s *Session) leave(m *wire.Close) error {
	p, err := s.place(m.Space)
	if err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.spaces, p.loop.path)
	s.mu.Unlock()
	p.loop.leave(func(sp *core.Space) {
		sp.Leave(p.member)
		s.out.Send(wire.Encode(&wire.Closed{Space: m.Space}))
	})
	s.host.release(p.loop)
	return nil
}
