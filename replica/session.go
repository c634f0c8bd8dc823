package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/syncline/syncline/wire"
)

// A session is one connection. One goroutine reads (read, handle), another writes
// (write); what they share is below mu.
type session struct {
	r     *Replica
	conn  Conn
	ended chan struct{} // closed when the reader has returned
	heard chan struct{} // the reader has something for the writer to look at

	mu      sync.Mutex
	err     error         // the first reason to end
	wait    time.Duration // before the next connection
	welcome *wire.Welcome
	last    time.Time   // anything was read
	pinged  time.Time   // a ping waits for its answer since; zero if none does
	asked   []time.Time // when pings were sent that were not answered yet, by the clock of leases
	pongs   int         // to send
	over    bool        // err is set and the writer should stop
}

// fail ends the session with the first reason given.
func (s *session) fail(err error, wait time.Duration) {
	s.mu.Lock()
	if !s.over {
		s.over, s.err, s.wait = true, err, wait
	}
	s.mu.Unlock()
	s.nudge()
}

func (s *session) nudge() {
	select {
	case s.heard <- struct{}{}:
	default:
	}
}

// read handles what the server sends until that ends.
func (s *session) read(ctx context.Context) error {
	for {
		data, err := s.conn.ReadMessage()
		if err != nil {
			return fmt.Errorf("connection lost: %w", err)
		}
		s.mu.Lock()
		s.last, s.pinged = time.Now(), time.Time{}
		over := s.over
		s.mu.Unlock()
		if over {
			return nil
		}
		for line := range bytes.SplitSeq(data, []byte{'\n'}) {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			message, err := wire.DecodeServer(line)
			if err != nil {
				return fmt.Errorf("the server sent what is no message: %w", err)
			}
			if err := s.handle(ctx, message); err != nil {
				return err
			}
		}
		s.nudge()
	}
}

// handle takes one message; nil is one that a newer server sends.
func (s *session) handle(ctx context.Context, message wire.ServerMessage) error {
	path := ""
	switch m := message.(type) {
	case nil:
		return nil
	case *wire.Welcome:
		return s.welcomed(ctx, m)
	case *wire.Ping:
		s.mu.Lock()
		s.pongs++
		s.mu.Unlock()
		return nil
	case *wire.Pong:
		return s.answered()
	case *wire.Error:
		if m.Space == "" || m.Fatal {
			return s.refused(m)
		}
		path = m.Space
	case *wire.Opened:
		path = m.Space
	case *wire.Closed:
		path = m.Space
	case *wire.Ack:
		path = m.Space
	case *wire.Diff:
		path = m.Space
	case *wire.Checked:
		path = m.Space
	case *wire.Present:
		path = m.Space
	case *wire.CastFrom:
		path = m.Space
	}
	s.mu.Lock()
	early := s.welcome == nil
	s.mu.Unlock()
	if early {
		return errors.New("the server began without a welcome")
	}
	space := s.r.find(path)
	if space == nil {
		return nil
	}
	wait, err := space.receive(s.r.ctx, message) // what has come is taken whole, also if the session ends meanwhile
	if err != nil {
		s.fail(err, wait)
		return err
	}
	return nil
}

// answered tells the spaces of an answer to the oldest ping that has none.
func (s *session) answered() error {
	s.mu.Lock()
	if len(s.asked) == 0 {
		s.mu.Unlock()
		return nil
	}
	asked := s.asked[0]
	s.asked = s.asked[1:]
	s.mu.Unlock()
	for _, space := range s.r.all() {
		if err := space.answered(s.r.ctx, s, asked); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) welcomed(ctx context.Context, m *wire.Welcome) error {
	if m.V != wire.Version {
		return fmt.Errorf("the server speaks version %d of the protocol, which was not offered", m.V)
	}
	if user := s.r.opt.User; user != "" && m.User != "" && user != m.User {
		return fmt.Errorf("the server knows us as %q: %w", m.User, ErrUser)
	}
	s.mu.Lock()
	s.welcome = m
	s.mu.Unlock()
	s.r.setLink(ctx, Live, nil)
	return nil
}

// refused ends the session for an error that concerns all of it.
func (s *session) refused(e *wire.Error) error {
	if !e.Fatal && wire.ClassOf(e.Code) == wire.Retry {
		s.r.opt.Logger.Warn("the server refused a message", "err", e)
		return nil
	}
	// Of an error without a space nobody knows which message it answers: only a new
	// session is sure to leave nothing waiting for ever.
	wait := time.Duration(max(0, min(e.RetryMS, 600_000))) * time.Millisecond
	if e.Code == wire.CodeUnauthorized && s.r.opt.Token == nil {
		wait = backoffMax // nobody can change anything about it
	}
	s.fail(e, wait)
	return e
}

// limitsOf reads the limits that a welcome tells; what it leaves out is the
// default's.
func limitsOf(m *wire.Welcome) wire.Limits {
	l := wire.Limits{
		Message: m.Limits["message"], Entry: m.Limits["entry"], Mutation: m.Limits["mutation"], Ops: m.Limits["ops"],
		Pushed: m.Limits["pushed"], Depth: m.Limits["depth"], Spaces: m.Limits["spaces"], Parts: m.Limits["parts"],
		Selector: m.Limits["selector"], Presence: m.Limits["presence"], Rate: m.Limits["rate"], Queue: m.Limits["queue"],
	}
	return l.WithDefaults()
}

// write says hello and then sends whatever the spaces have to send, pings, and
// gives up on a server that is silent. It is the only writer.
func (s *session) write(ctx context.Context, hello *wire.Hello) error {
	start := time.Now()
	s.mu.Lock()
	s.last = start
	s.mu.Unlock()
	if err := s.send(hello); err != nil {
		return err
	}
	timer := time.NewTimer(dialTimeout)
	defer timer.Stop()
	for {
		s.mu.Lock()
		over, err, welcome, pongs, last, pinged, waits := s.over, s.err, s.welcome, s.pongs, s.last, s.pinged, len(s.asked) > 0
		s.pongs = 0
		s.mu.Unlock()
		now := time.Now()
		next := start.Add(dialTimeout)
		switch {
		case over:
			return err
		case !s.r.useful():
			return errOffline
		case welcome == nil && !now.Before(next):
			return errHello
		case welcome != nil:
			if next, err = s.sendSpaces(now, welcome); err != nil {
				return err
			}
		}
		for ; pongs > 0; pongs-- {
			if err := s.send(&wire.Pong{}); err != nil {
				return err
			}
		}
		switch {
		case !pinged.IsZero() && !now.Before(pinged.Add(giveUpAfter)):
			return errSilent
		case !pinged.IsZero():
			next = earlier(next, pinged.Add(giveUpAfter))
		case !now.Before(last.Add(pingAfter)), welcome != nil && !waits && s.r.asks():
			s.mu.Lock()
			s.pinged, s.asked = now, append(s.asked, s.r.now())
			s.mu.Unlock()
			if err := s.send(&wire.Ping{}); err != nil {
				return err
			}
			next = earlier(next, now.Add(giveUpAfter))
		default:
			next = earlier(next, last.Add(pingAfter))
		}
		timer.Reset(time.Until(next))
		select {
		case <-timer.C:
		case <-s.heard:
		case <-s.r.kick:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// earlier is the earlier of two times, of which a zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// sendSpaces sends what each space has to send and returns when one of them has
// more, zero if none says.
func (s *session) sendSpaces(now time.Time, welcome *wire.Welcome) (next time.Time, err error) {
	for _, space := range s.r.all() {
		for {
			message, at, err := space.next(s.r.ctx, now, s, welcome)
			if err != nil {
				return next, err
			}
			if message == nil {
				next = earlier(next, at)
				break
			}
			if err := s.send(message); err != nil {
				return next, err
			}
		}
	}
	return next, nil
}

func (s *session) send(message any) error {
	if err := s.conn.WriteMessage(wire.Encode(message)); err != nil {
		return fmt.Errorf("connection lost: %w", err)
	}
	return nil
}
