package replica

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// A Space is one replicated space. It is made by Replica.Space and ends with the
// replica: then methods return ErrClosed and loops end.
type Space struct {
	r    *Replica
	path space.Path

	mu      sync.Mutex
	core    *core.Core
	changed chan struct{} // closed and made anew whenever anything has changed
	waiters map[core.LocalID]*Pending
	lives   []*live
	err     error
	closed  bool

	// Of the present session.
	session   *session // which the core was told of
	wantOpen  bool     // the open message is to be sent
	openAt    time.Time
	wantCheck bool
	halted    bool        // by err, until resume
	leases    *time.Timer // looks what has run out; nil while nothing has a lease
	heard     time.Time   // when the server last sent anything for it while live

	presence presence
}

// Path is the space's path.
func (s *Space) Path() string { return string(s.path) }

// notify wakes whoever waits for a change; the caller holds mu.
func (s *Space) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// lock takes the space's lock, or refuses because it is closed. What may not be
// shown any longer is hidden from whoever has it.
func (s *Space) lock() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.pass()
	return nil
}

// SetView changes what is held of the space. What is held stays as it is until the
// server has sent the difference. The error is a *wire.Error or the store's.
func (s *Space) SetView(ctx context.Context, view ...space.Part) error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	fx, err := s.core.SetView(ctx, s.r.now(), view)
	if err != nil {
		return err
	}
	if fx.Action == core.Reopen {
		s.halted, s.err = false, nil
	}
	return s.effects(ctx, fx)
}

// Check asks the server, once the space is live, for the check sum of what is held.
// If it differs, everything is fetched anew, and Status says so.
func (s *Space) Check() error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.wantCheck = true
	s.r.wake()
	return nil
}

// next returns the message that the space has to send next, or when it may have
// one. Only the writer of a session calls it.
func (s *Space) next(ctx context.Context, now time.Time, sess *session, welcome *wire.Welcome) (message any, at time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.halted {
		return nil, at, nil
	}
	clock := s.r.now()
	if s.session != sess {
		fx, err := s.core.Connected(ctx, clock, welcome.User, limitsOf(welcome))
		if errors.Is(err, ErrUser) {
			s.halt(err)
			return nil, at, nil
		}
		if err != nil {
			return nil, at, s.broken(err)
		}
		s.session, s.wantOpen, s.openAt = sess, true, time.Time{}
		if err := s.effects(ctx, fx); err != nil {
			return nil, at, err
		}
	}
	if s.wantOpen {
		if now.Before(s.openAt) {
			return nil, s.openAt, nil
		}
		s.wantOpen = false
		m := s.core.OpenMessage(clock)
		m.Presence = s.presence.wanted
		s.presence.opened()
		s.notify()
		return m, at, nil
	}
	if p := s.core.Push(clock, 0); p != nil {
		return p, at, nil
	}
	if s.wantCheck && s.core.Status().Live {
		s.wantCheck = false
		return &wire.Check{Space: string(s.path)}, at, nil
	}
	if m := s.presence.next(s.path); m != nil {
		return m, at, nil
	}
	if hold := s.core.Hold(); hold.After(clock) {
		at = now.Add(hold.Sub(clock))
	}
	return nil, at, nil
}

// receive takes a message of the server's. An error ends the session, and the next
// one waits as told.
func (s *Space) receive(ctx context.Context, message wire.ServerMessage) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.session == nil {
		return 0, nil
	}
	now := s.r.now()
	switch m := message.(type) {
	case *wire.Present:
		s.presence.take(m)
		s.notify()
		return 0, nil
	case *wire.CastFrom:
		s.presence.cast(m)
		return 0, nil
	}
	fx, err := s.core.Receive(ctx, now, message)
	if err != nil {
		return 0, s.broken(err)
	}
	if fx.Err != nil {
		s.r.opt.Logger.Warn("space", "space", s.path, "err", fx.Err, "then", fx.Action)
	}
	if s.core.Status().Live && fx.Action == core.Continue {
		s.heard = now
		if fx.Err == nil {
			s.err = nil
		}
	}
	err = s.effects(ctx, fx)
	if err != nil {
		return fx.Wait, err
	}
	return 0, nil
}

// effects passes on what a step of the core has changed; the caller holds mu. An
// error asks for another connection.
func (s *Space) effects(ctx context.Context, fx core.Effects) error {
	for _, f := range fx.Finished {
		if p := s.waiters[f.ID]; p != nil {
			delete(s.waiters, f.ID)
			p.finish(f.Outcome, nil)
		}
	}
	for _, l := range s.lives {
		l.apply(ctx, s, fx)
	}
	if fx.Err != nil {
		s.err = fx.Err
	}
	var err error
	switch fx.Action {
	case core.Reopen:
		s.wantOpen = true
		if fx.Wait > 0 {
			s.openAt = time.Now().Add(fx.Wait)
		}
	case core.Reconnect:
		if err = fx.Err; err == nil {
			err = errors.New("the space needs another connection")
		}
	case core.Halt:
		s.halted = true
	}
	s.notify()
	s.r.wake()
	s.plan()
	return err
}

// broken notes an error of the store; the caller holds mu.
func (s *Space) broken(err error) error {
	s.err = err
	if errors.Is(err, core.ErrBroken) {
		s.halted = true
	}
	s.notify()
	return err
}

func (s *Space) halt(err error) {
	s.err, s.halted = err, true
	s.notify()
}

// resume lets a space that was halted try again.
func (s *Space) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted && !errors.Is(s.err, core.ErrBroken) {
		s.halted, s.session, s.err = false, nil, nil
		s.notify()
	}
}

func (s *Space) disconnected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = nil
	s.core.Disconnected()
	s.presence.lost()
	s.notify()
}

func (s *Space) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.leases != nil {
		s.leases.Stop()
	}
	for id, p := range s.waiters {
		delete(s.waiters, id)
		p.finish(space.Outcome{}, ErrClosed)
	}
	s.notify()
}
