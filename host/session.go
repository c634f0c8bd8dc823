package host

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// A Session is one client's connection, over whatever carrier. The carrier calls
// Receive with each message from one goroutine at a time, takes frames with Take
// from another, and calls Close when the connection is gone.
type Session struct {
	host *Host
	id   string // secret: names the session in requests
	name string // public: names it to other sessions
	born uint64
	out  outbox

	// Only the goroutine that calls Receive touches these.
	who    *authz.Session
	strike int // malformed messages in a row
	rate   bucket
	expiry *time.Timer // ends the session; nil: never

	mu     sync.Mutex
	spaces map[space.Path]*place
	closed bool

	known atomic.Pointer[authz.Session] // who, for others to see

	checking chan struct{} // holds a token while a check is under way
}

// maxStrikes is how many malformed messages in a row end a session.
const maxStrikes = 3

// helloWithin is how long a session may go without saying who it is. Until then it holds
// memory for somebody whom nobody knows. It may take a third of that to fetch the key of a token.
const helloWithin = 30 * time.Second

// NewSession begins a session, which has to say hello within thirty seconds. wake is called with it, from any goroutine and
// perhaps before NewSession returns, when frames wait and the carrier is not
// taking any; it must not block. The carrier then calls Take until it returns none.
func (h *Host) NewSession(wake func(*Session)) (*Session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.failure != nil {
		return nil, &wire.Error{Code: wire.CodeShuttingDown, RetryMS: 1000, Message: "the server is restarting", Fatal: true}
	}
	h.born++
	s := &Session{host: h, id: newName(32), name: newName(10), born: h.born, checking: make(chan struct{}, 1)}
	s.out = outbox{limit: h.opts.Limits.Queue, wake: func() { wake(s) }, stats: &h.stats}
	h.sessions[s] = struct{}{}
	h.stats.Sessions.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expiry = time.AfterFunc(helloWithin, func() {
		s.end(&wire.Error{Code: wire.CodeMalformed, Message: "a session begins with hello, which has not come within 30 s", Fatal: true})
	})
	return s, nil
}

// ID is the secret that names the session.
func (s *Session) ID() string { return s.id }

// Take returns frames that wait, about max bytes of them. It returns none when
// the carrier can rest until wake is called. Once open is false and there are
// none, the connection is to be closed.
func (s *Session) Take(max int) (frames [][]byte, open bool) { return s.out.take(max) }

// Close forgets the session. It may be called more than once, from any goroutine.
func (s *Session) Close() {
	s.out.end(nil)
	s.mu.Lock()
	again := s.closed
	places := s.spaces
	s.closed, s.spaces = true, nil
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.mu.Unlock()
	if again {
		return
	}
	s.host.mu.Lock()
	delete(s.host.sessions, s)
	s.host.mu.Unlock()
	s.host.stats.Sessions.Add(-1)
	for _, p := range places {
		p.loop.leave(func(sp *core.Space) { sp.Leave(p.member) })
		s.host.release(p.loop)
	}
}

// end sends a last word; the carrier closes once it is taken.
func (s *Session) end(reason *wire.Error) {
	s.out.end(wire.Encode(reason))
}

// Receive acts on one message. What is wrong with it is answered in the session;
// a session that must end is ended there too.
func (s *Session) Receive(ctx context.Context, data []byte) {
	if s.out.over() {
		return // the client has been told that the session has ended
	}
	s.host.stats.Received.Add(1)
	m, err := wire.DecodeClient(data, s.host.opts.Limits)
	if err != nil {
		s.strike++
		s.refuse(err, s.who == nil || s.strike >= maxStrikes)
		return
	}
	s.strike = 0
	if hello, ok := m.(*wire.Hello); ok || s.who == nil {
		s.greet(ctx, hello)
		return
	}
	if err := s.act(m, len(data)); err != nil {
		s.refuse(err, false)
	}
}

func (s *Session) refuse(err error, fatal bool) {
	s.host.stats.Refused.Add(1)
	e := *asWire(err)
	e.Fatal = e.Fatal || fatal
	if e.Fatal {
		s.end(&e)
		return
	}
	s.out.Send(wire.Encode(&e))
}

func (s *Session) greet(ctx context.Context, hello *wire.Hello) {
	switch {
	case hello == nil:
		s.refuse(&wire.Error{Code: wire.CodeMalformed, Message: "a session begins with hello"}, true)
		return
	case !slices.Contains(hello.V, wire.Version):
		s.refuse(&wire.Error{
			Code: wire.CodeUnsupportedVersion, Versions: []int{wire.Version},
			Message: fmt.Sprintf("this server speaks version %d of the protocol", wire.Version),
		}, true)
		return
	}
	who, err := s.host.opts.Authority.Identify(ctx, authz.Credentials{Token: hello.Token, User: hello.User})
	if err != nil {
		s.refuse(err, true)
		return
	}
	now := s.host.opts.Now()
	if s.who == nil {
		s.rate = newBucket(s.host.opts.Limits.Rate, now)
	} else if who.User() != s.who.User() {
		s.refuse(&wire.Error{Code: wire.CodeUnauthorized, Message: "a session belongs to one user"}, true)
		return
	}
	again := s.who != nil
	if !s.admit(who, now) {
		return // it has ended meanwhile
	}
	welcome := &wire.Welcome{V: wire.Version, Session: s.id, User: who.User(), Time: now.UnixMilli(), Limits: s.host.opts.Limits.Map()}
	if at := who.Expires(); !at.IsZero() {
		welcome.Expires = at.UnixMilli()
	}
	s.out.Send(wire.Encode(welcome))
	if again {
		s.renew(who)
	}
}

// admit notes who the session is, from now on and until that expires. False if
// the session has ended.
func (s *Session) admit(who *authz.Session, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.who = who
	s.known.Store(who)
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	if at := who.Expires(); !at.IsZero() {
		s.expiry = time.AfterFunc(at.Sub(now), func() {
			s.end(&wire.Error{Code: wire.CodeUnauthorized, Message: "the token has expired", Fatal: true})
		})
	}
	return true
}

// renew gives the session's places the rights of a newer token.
func (s *Session) renew(who *authz.Session) {
	s.mu.Lock()
	places := slices.Collect(maps.Values(s.spaces))
	s.mu.Unlock()
	for _, p := range places {
		p.loop.leave(func(sp *core.Space) { sp.Renew(p.member, who) })
	}
}

func (s *Session) act(m wire.ClientMessage, bytes int) error {
	switch m := m.(type) {
	case *wire.Push:
		return s.push(m, bytes)
	case *wire.Open:
		return s.open(m)
	case *wire.Close:
		return s.leave(m)
	case *wire.Presence:
		return s.presence(m)
	case *wire.Cast:
		return s.cast(m)
	case *wire.Check:
		return s.check(m)
	case *wire.Ping:
		s.out.Send(wire.Encode(&wire.Pong{}))
	}
	return nil
}
