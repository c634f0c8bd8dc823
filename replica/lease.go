package replica

import (
	"context"
	"time"
)

// pass lets time pass for what has a lease, and plans when to look again. The
// caller holds mu, and is about to read, or to wait.
func (s *Space) pass() {
	fx, err := s.core.Tick(s.r.ctx, s.r.now())
	if err != nil && s.r.ctx.Err() == nil {
		_ = s.broken(err)
	}
	if fx.All {
		_ = s.effects(s.r.ctx, fx) // it asks for nothing
	}
	if _, ask := s.core.Due(); ask {
		s.r.wake()
	}
	s.plan()
}

// plan sees to it that somebody looks again, as long as anything has a lease.
func (s *Space) plan() {
	if after, _ := s.core.Due(); after > 0 && s.leases == nil {
		s.leases = time.AfterFunc(after, s.look)
	}
}

// look is called by the timer. The device may have slept, and its clock may be
// another one: so it does not wait for the end of a lease, but looks often.
func (s *Space) look() {
	defer s.r.guard("lease")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leases = nil
	if !s.closed {
		s.pass()
	}
}

// asks reports whether a space wants to hear from the server.
func (s *Space) asks() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ask := s.core.Due()
	return ask && !s.closed && s.session != nil
}

// answered notes that the server has answered a question that was asked on a session at the time asked.
func (s *Space) answered(ctx context.Context, sess *session, asked time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.session != sess {
		return nil
	}
	fx, err := s.core.Contact(ctx, s.r.now(), asked)
	if err != nil {
		return s.broken(err)
	}
	if fx.All {
		return s.effects(ctx, fx)
	}
	return nil
}

// asks reports whether any space does.
func (r *Replica) asks() bool {
	for _, s := range r.all() {
		if s.asks() {
			return true
		}
	}
	return false
}
