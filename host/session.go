package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/kernel"
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

	mu     sync.Mutex
	spaces map[space.Path]*place
	closed bool

	checking chan struct{} // holds a token while a check is under way
}

// A place is a session's hold on a space.
type place struct {
	loop    *loop
	member  *core.Member
	opening int // opens that the loop has not answered yet; guarded by Session.mu
}

// maxStrikes is how many malformed messages in a row end a session.
const maxStrikes = 3

// NewSession begins a session. wake is called with it, from any goroutine and
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
	case hello == nil || s.who != nil:
		s.refuse(&wire.Error{Code: wire.CodeMalformed, Message: "a session begins with one hello"}, true)
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
	s.who = who
	s.rate = newBucket(s.host.opts.Limits.Rate, s.host.opts.Now())
	s.out.Send(wire.Encode(&wire.Welcome{
		V: wire.Version, Session: s.id, User: who.User(), Time: s.host.opts.Now().UnixMilli(), Limits: s.host.opts.Limits.Map(),
	}))
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
	if !s.who.Open(path) {
		return forbidden(path)
	}
	p, fresh, err := s.hold(path)
	if err != nil {
		return err
	}
	err = p.loop.post(func(sp *core.Space) {
		err := sp.Open(s.host.ctx, p.member, m)
		s.opened(path, p, sp.Has(p.member))
		if err != nil {
			s.failed(path, err)
		}
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
	p = &place{l, &core.Member{Sink: &s.out, User: s.who.User(), Name: s.name, Born: s.born, Guard: s.who.Guard(path)}, 1}
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

func (s *Session) push(m *wire.Push, bytes int) error {
	p, err := s.place(m.Space)
	if err != nil {
		return err
	}
	if len(m.Mutations) == 0 {
		return nil
	}
	if wait := s.rate.take(len(m.Mutations), s.host.opts.Now()); wait > 0 {
		ack := []space.Outcome{{ID: m.Mutations[0].ID, Kind: space.RetryAfter, RetryMS: int(wait.Milliseconds()) + 1}}
		s.out.Send(wire.AppendAck(nil, p.loop.path, ack))
		return nil
	}
	return p.loop.postBytes(bytes, func(sp *core.Space) {
		if err := sp.Push(p.member, m.Mutations); err != nil {
			s.failed(p.loop.path, err)
		}
	})
}

func (s *Session) presence(m *wire.Presence) error {
	p, err := s.place(m.Space)
	if err != nil {
		return err
	}
	if err := s.light(m.Space, len(m.State)); err != nil {
		return err
	}
	return p.loop.postBytes(len(m.State), func(sp *core.Space) {
		if err := sp.SetPresence(p.member, m.State); err != nil {
			s.failed(p.loop.path, err)
		}
	})
}

// maxTopic bounds the topic of a cast, in bytes.
const maxTopic = 128

func (s *Session) cast(m *wire.Cast) error {
	p, err := s.place(m.Space)
	if err != nil {
		return err
	}
	if len(m.Topic) > maxTopic {
		return &wire.Error{Code: wire.CodeBadName, Space: m.Space, Message: fmt.Sprintf("a topic may have %d bytes", maxTopic)}
	}
	if err := s.light(m.Space, len(m.Data)); err != nil {
		return err
	}
	return p.loop.postBytes(len(m.Data), func(sp *core.Space) {
		if err := sp.Cast(p.member, m); err != nil {
			s.failed(p.loop.path, err)
		}
	})
}

// light checks what never touches the disk against its limits.
func (s *Session) light(name string, bytes int) error {
	if limit := s.host.opts.Limits.Presence; bytes > limit {
		return &wire.Error{
			Code: wire.CodeMessageTooLarge, Space: name, Limit: "presence",
			Message: fmt.Sprintf("%d bytes; the limit is %d", bytes, limit),
		}
	}
	if wait := s.rate.take(1, s.host.opts.Now()); wait > 0 {
		return &wire.Error{
			Code: wire.CodeRateLimited, Space: name, Limit: "rate", RetryMS: int(wait.Milliseconds()) + 1,
			Message: "more messages a second than the limit",
		}
	}
	return nil
}

// check sums up the member's view, one check at a time.
func (s *Session) check(m *wire.Check) error {
	p, err := s.place(m.Space)
	if err != nil {
		return err
	}
	select {
	case s.checking <- struct{}{}:
	default:
		return &wire.Error{Code: wire.CodeRateLimited, Space: m.Space, RetryMS: 1000, Message: "a check is under way"}
	}
	err = p.loop.post(func(sp *core.Space) {
		view, at := p.member.View(), sp.Head()
		if view == nil || !sp.Has(p.member) {
			<-s.checking
			s.failed(p.loop.path, &wire.Error{Code: wire.CodeNotOpen, Message: "this session has not opened the space with a view"})
			return
		}
		s.host.work(func() {
			sum, err := s.sum(p.loop.path, view, at)
			if err != nil {
				s.failed(p.loop.path, err)
				return
			}
			s.out.Send(wire.Encode(&wire.Checked{Space: m.Space, View: view.ID(), At: at, Count: sum.Count, Sum: sum.String()}))
		})
	})
	if err != nil {
		<-s.checking
	}
	return err
}

// sum is the host's, and makes room for the next check before this one is answered.
func (s *Session) sum(path space.Path, view *kernel.View, at space.Cursor) (wire.Sum, error) {
	defer func() { <-s.checking }()
	return s.host.sum(path, view, at)
}

func (h *Host) sum(path space.Path, view *kernel.View, at space.Cursor) (wire.Sum, error) {
	var sum wire.Sum
	v, err := h.opts.Store.View(h.ctx, path, at.Seq)
	if errors.Is(err, space.ErrTrimmed) {
		return sum, &wire.Error{Code: wire.CodeOverloaded, RetryMS: 1000, Message: "history was trimmed meanwhile"}
	}
	if err != nil {
		return sum, err
	}
	defer v.Close()
	for step, err := range kernel.Diff(nil, nil, view, v) {
		if err != nil {
			return sum, err
		}
		sum.Add(step.Entry.Key, step.Entry.Seq)
	}
	return sum, nil
}

// A bucket is a token bucket: rate tokens a second, as many at once.
type bucket struct {
	rate, tokens float64
	last         time.Time
}

func newBucket(rate int, now time.Time) bucket {
	return bucket{float64(rate), float64(rate), now}
}

// take takes n tokens, or says how long to wait for them.
func (b *bucket) take(n int, now time.Time) time.Duration {
	if passed := now.Sub(b.last).Seconds(); passed > 0 {
		b.tokens = min(b.rate, b.tokens+passed*b.rate)
	}
	b.last = now
	need := min(float64(n), b.rate) // a burst larger than the bucket takes all of it
	if b.tokens < need {
		return time.Duration((need - b.tokens) / b.rate * float64(time.Second))
	}
	b.tokens -= need
	return 0
}
