package host

import (
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"
	"time"

	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

type logSeq = iter.Seq2[*space.Commit, error]

// Times and bounds of a loop.
const (
	maxInbox     = 16384                 // requests that wait for the loop
	maxBytes     = 8 << 20               // their bytes
	tellEvery    = 25 * time.Millisecond // presence is merged over this long
	advanceEvery = 15 * time.Second      // see core.Space.Advance
	trimEvery    = time.Minute
	trimCommits  = 4096 // trimmed at once, so that writers do not wait long
)

// A loop runs one active space: it takes requests, commits the mutations that
// wait, and sends what follows. Requests run in the order in which they came.
type loop struct {
	host *Host
	path space.Path
	refs int // holders; guarded by Host.mu
	wake chan struct{}
	dead chan struct{} // closed when the loop has ended

	mu      sync.Mutex
	inbox   []func(*core.Space)
	bytes   int // of the messages in inbox, about
	stopped bool

	space    *core.Space
	advanced space.Cursor // head when members last were told how far the log has got
	upkept   time.Time    // when that was
	trimmed  time.Time    // when history was last trimmed, by the host's clock
}

func newLoop(h *Host, path space.Path) *loop {
	return &loop{host: h, path: path, wake: make(chan struct{}, 1), dead: make(chan struct{})}
}

// post hands a request to the loop. The error is a *wire.Error: the loop has more
// than it can take, or has ended.
func (l *loop) post(request func(*core.Space)) error { return l.put(request, 0, maxInbox) }

// postBytes is post for a request that holds a message of some size.
func (l *loop) postBytes(bytes int, request func(*core.Space)) error {
	return l.put(request, bytes, maxInbox)
}

// leave posts a request that makes room and is therefore never refused.
func (l *loop) leave(request func(*core.Space)) { _ = l.put(request, 0, 1<<30) }

func (l *loop) put(request func(*core.Space), bytes, limit int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return &wire.Error{Code: wire.CodeShuttingDown, Space: string(l.path), RetryMS: 1000, Message: "the space is being closed"}
	}
	if len(l.inbox) >= limit || bytes > 0 && l.bytes > 0 && l.bytes+bytes > maxBytes {
		return &wire.Error{Code: wire.CodeOverloaded, Space: string(l.path), RetryMS: 1000, Message: "too many requests wait for this space"}
	}
	l.inbox = append(l.inbox, request)
	l.bytes += bytes
	if len(l.inbox) == 1 {
		l.nudge()
	}
	return nil
}

func (l *loop) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// stop lets the loop finish what it has and end.
func (l *loop) stop() {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.nudge()
}

func (l *loop) take() (requests []func(*core.Space), stopped bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	requests, l.inbox, l.bytes = l.inbox, nil, 0
	return requests, l.stopped
}

func (l *loop) run() {
	defer l.host.wg.Done()
	defer close(l.dead)
	defer l.host.discard(l)
	defer l.host.stats.Spaces.Add(-1)
	l.host.stats.Spaces.Add(1)
	if err := l.serve(); err != nil {
		l.mu.Lock()
		l.stopped = true
		l.mu.Unlock()
		l.host.discard(l) // whoever comes back finds a new one
		l.host.opts.Logger.Error("a space broke down", "space", l.path, "error", err)
		l.host.endMembers(l, &wire.Error{Code: wire.CodeInternal, Message: "the space broke down", RetryMS: 1000, Fatal: true})
	}
}

// serve runs until the loop is stopped, idle or broken.
func (l *loop) serve() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	l.space, err = core.Load(l.host.ctx, core.Config{
		Path: l.path, Store: l.host.opts.Store, Limits: l.host.opts.Limits, Lagging: l.host.catchUp(l), Bugs: l.host.opts.bugs,
	})
	if err != nil {
		return err
	}
	l.advanced, l.upkept = l.space.Head(), time.Now()
	var (
		alarm   = time.NewTimer(l.host.opts.IdleAfter)
		told    time.Time
		idle    time.Time
		stopped bool
		inbox   []func(*core.Space)
	)
	defer alarm.Stop()
	for {
		inbox, stopped = l.take()
		for _, request := range inbox {
			request(l.space)
		}
		if err := l.commit(); err != nil {
			if l.host.ctx.Err() == nil { // Close has not run out of time
				l.host.fail(err)
			}
			return err
		}
		now := time.Now()
		if l.space.Untold() && now.Sub(told) >= tellEvery {
			l.space.Tell()
			told = now
		}
		if stopped {
			return nil
		}
		l.upkeep(now)

		wait := advanceEvery
		switch {
		case l.space.Untold():
			wait = tellEvery - now.Sub(told)
		case l.space.Idle():
			if idle.IsZero() {
				idle = now
			}
			wait = l.host.opts.IdleAfter - now.Sub(idle)
			if wait <= 0 && l.host.retire(l) {
				// Whoever found the loop before it was retired held it; nobody does.
				return nil
			}
			wait = max(wait, time.Second)
		case l.space.Head() == l.advanced:
			wait = trimEvery
		}
		if !l.space.Idle() {
			idle = time.Time{}
		}
		alarm.Reset(wait)
		select {
		case <-l.wake:
		case <-alarm.C:
		}
	}
}

// upkeep does what is to be done now and then, however busy the space is.
func (l *loop) upkeep(now time.Time) {
	if now.Sub(l.upkept) >= advanceEvery && l.space.Head() != l.advanced {
		l.space.Advance()
		l.advanced, l.upkept = l.space.Head(), now
	}
	// First when the space has been loaded: some never stay for longer.
	if now := l.host.opts.Now(); now.Sub(l.trimmed) >= trimEvery {
		l.trimmed = now
		if err := l.trim(now); err != nil {
			l.host.opts.Logger.Error("history could not be trimmed", "space", l.path, "error", err)
		}
	}
}

// commit appends what waits, turn by turn.
func (l *loop) commit() error {
	for {
		turn := l.space.Begin(l.host.ctx, l.host.opts.Now())
		if turn == nil {
			return nil
		}
		var err error
		if !turn.Empty() {
			begun := time.Now()
			batch := turn.Batch(l.path)
			err = l.host.opts.Store.Append(l.host.ctx, batch)
			l.host.stats.appended(len(batch.Commits), time.Since(begun), err)
		}
		if err := l.space.Finish(l.host.ctx, turn, err); err != nil {
			return err
		}
	}
}

// trim raises the horizon over commits older than Retain.
func (l *loop) trim(now time.Time) error {
	if l.host.opts.Retain < 0 {
		return nil
	}
	head, err := l.host.opts.Store.Head(l.host.ctx, l.path)
	if err != nil {
		return err
	}
	limit := now.Add(-l.host.opts.Retain)
	horizon := head.Horizon.Seq
	for c, err := range l.host.opts.Store.Log(l.host.ctx, l.path, horizon) {
		if err != nil {
			return err
		}
		// The head itself is kept: its digest must be findable.
		if !c.Time.Before(limit) || c.Seq == head.Cursor.Seq || c.Seq-head.Horizon.Seq > trimCommits {
			break
		}
		horizon = c.Seq
	}
	if horizon == head.Horizon.Seq {
		return nil
	}
	return l.space.Trim(l.host.ctx, horizon)
}

// asWire makes any error one that can be sent to a client.
func asWire(err error) *wire.Error {
	var e *wire.Error
	if errors.As(err, &e) {
		return e
	}
	return &wire.Error{Code: wire.CodeInternal, RetryMS: 1000, Message: "the server could not do this; its log says why"}
}
