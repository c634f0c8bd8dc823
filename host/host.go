// Package host runs the spaces of a node: one loop for each active space around
// a core.Space, the sessions that transports bring, and what passes between
// them. What a message means is decided in host/core and kernel; how bytes reach
// a session is package transport's business.
//
// Goroutines: whoever holds loop.turns owns its core.Space, which is the loop's
// goroutine or one in Do that found the loop at rest; a session's Receive is called
// by one goroutine at a time, its Take by another; a lagging member has a
// goroutine that catches it up. Locks, in the order in which they may be taken:
// loop.turns, Host.mu, loop.mu, Session.mu. Only loop.turns is held during I/O.
package host

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

// Options are what a Host is made with. Store and Authority must be set.
type Options struct {
	Store     store.Store
	Authority authz.Authority
	Limits    wire.Limits
	// Logger gets what an operator should know; nil discards it.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// IdleAfter is how long a space that nobody uses stays loaded; 0 is a minute.
	IdleAfter time.Duration
	// Retain is how long history is kept; 0 is 30 days, negative for ever. Clients
	// that were away for longer get a snapshot instead of what changed.
	Retain time.Duration

	// Mutators carries out calls; nil: there are none. SetMutators changes it.
	Mutators kernel.Caller
	// Ask asks those outside who have to agree to a mutation (core.Ask), and returns
	// before ctx ends or soon after. nil: what would have to be asked about is refused.
	Ask func(ctx context.Context, path space.Path, ask *core.Ask) core.Verdict
	// Hold says above which commit somebody still needs the history of a space, if
	// anybody does. It is kept longer than Retain then, but not by more than HoldFor,
	// 30 days if 0. nil: nobody does.
	Hold    func(ctx context.Context, path space.Path) (above space.Seq, held bool, err error)
	HoldFor time.Duration

	bugs core.Bugs // planted by tests
}

// A Host is the spaces of a node. All methods may be called from any goroutine.
type Host struct {
	opts   Options
	stats  Stats
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // loops and catch-ups
	asking chan struct{}  // holds a token for each question under way

	switching sync.RWMutex  // held while rules and mutators are put in the place of others; see inForce
	mutators  kernel.Caller // guarded by switching

	mu       sync.Mutex
	loops    map[space.Path]*loop
	sessions map[*Session]struct{}
	born     uint64 // sessions so far
	closed   bool
	failure  error
	failed   chan struct{}
}

// New returns a Host; nothing is loaded until somebody asks.
func New(opts Options) *Host {
	opts.Limits = opts.Limits.WithDefaults()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.IdleAfter == 0 {
		opts.IdleAfter = time.Minute
	}
	if opts.Retain == 0 {
		opts.Retain = 30 * 24 * time.Hour
	}
	if opts.HoldFor == 0 {
		opts.HoldFor = 30 * 24 * time.Hour
	}
	h := &Host{opts: opts, mutators: opts.Mutators, asking: make(chan struct{}, maxAsking), loops: map[space.Path]*loop{}, sessions: map[*Session]struct{}{}, failed: make(chan struct{})}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// Limits are the limits in force.
func (h *Host) Limits() wire.Limits { return h.opts.Limits }

// Authority is who accepts or refuses credentials.
func (h *Host) Authority() authz.Authority { return h.opts.Authority }

// Failed is closed when storage has failed and the node must be restarted; Err
// then says how.
func (h *Host) Failed() <-chan struct{} { return h.failed }

// Err is why Failed was closed.
func (h *Host) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failure
}

// fail notes that storage cannot be relied upon any more. Everybody is sent away:
// what they see must not run ahead of what is on disk.
func (h *Host) fail(err error) {
	h.mu.Lock()
	first := h.failure == nil
	if first {
		h.failure = err
		close(h.failed)
	}
	h.mu.Unlock()
	if first {
		h.opts.Logger.Error("storage has failed; the server must be restarted", "error", err)
		h.endSessions(&wire.Error{Code: wire.CodeInternal, Message: "the server's storage has failed", RetryMS: 5000, Fatal: true})
	}
}

// Close commits what waits, sends the outcomes, and sends all sessions away. The store stays open; it is the caller's.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	loops := make([]*loop, 0, len(h.loops))
	for _, l := range h.loops {
		loops = append(loops, l)
	}
	h.mu.Unlock()
	for _, l := range loops {
		l.stop()
	}
	for _, l := range loops {
		select {
		case <-l.dead:
		case <-ctx.Done():
		}
	}
	h.endSessions(&wire.Error{Code: wire.CodeShuttingDown, Message: "the server is restarting", RetryMS: 1000, Fatal: true})
	done := make(chan struct{})
	go func() { h.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		h.cancel()
		<-done
	}
	h.cancel()
	return ctx.Err()
}

// EndUser ends the sessions of a user, who has to be identified again.
func (h *Host) EndUser(user string) {
	h.mu.Lock()
	var hit []*Session
	for s := range h.sessions {
		if who := s.known.Load(); who != nil && who.User() == user {
			hit = append(hit, s)
		}
	}
	h.mu.Unlock()
	for _, s := range hit {
		s.end(&wire.Error{Code: wire.CodeUnauthorized, Message: "the server has ended the session", Fatal: true})
	}
}

func (h *Host) endSessions(reason *wire.Error) {
	h.mu.Lock()
	sessions := make([]*Session, 0, len(h.sessions))
	for s := range h.sessions {
		sessions = append(sessions, s)
	}
	h.mu.Unlock()
	for _, s := range sessions {
		s.end(reason)
	}
}

// acquire returns the loop of a space, started if need be. release must follow.
func (h *Host) acquire(path space.Path) (*loop, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.failure != nil:
		return nil, &wire.Error{Code: wire.CodeInternal, Message: "the server's storage has failed", RetryMS: 5000}
	case h.closed:
		return nil, &wire.Error{Code: wire.CodeShuttingDown, Message: "the server is restarting", RetryMS: 1000}
	}
	l := h.loops[path]
	if l == nil {
		l = newLoop(h, path)
		h.loops[path] = l
		h.wg.Add(1)
		go l.run()
	}
	l.refs++
	return l, nil
}

// release gives up a hold. A loop that nobody holds finds that out by itself, when
// it has been idle for long enough.
func (h *Host) release(l *loop) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.refs--
}

// retire removes a loop that nobody holds, and says whether it did.
func (h *Host) retire(l *loop) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.refs > 0 {
		return false
	}
	if h.loops[l.path] == l {
		delete(h.loops, l.path)
	}
	return true
}

// discard removes a loop that has broken down.
func (h *Host) discard(l *loop) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.loops[l.path] == l {
		delete(h.loops, l.path)
	}
}

func newName(bytes int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b := make([]byte, bytes)
	rand.Read(b) // never fails
	for i := range b {
		b[i] = alphabet[b[i]&63]
	}
	return string(b)
}
