package host

import (
	"errors"
	"iter"
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

	turns  sync.Mutex  // held by whoever takes a turn; guards what follows
	space  *core.Space // nil until it is loaded, by the loop's goroutine
	broken error       // why no more turns are taken
	used   time.Time   // when a request was last carried out

	// Only the loop's goroutine touches these.
	advanced space.Cursor // head when members last were told how far the log has got
	upkept   time.Time    // when that was
	told     time.Time    // when presence was last told
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
	first, err := l.add(request, bytes, limit)
	if first {
		l.nudge()
	}
	return err
}

// add puts a request into the inbox and says whether it is the first there.
func (l *loop) add(request func(*core.Space), bytes, limit int) (first bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false, &wire.Error{Code: wire.CodeShuttingDown, Space: string(l.path), RetryMS: 1000, Message: "the space is being closed"}
	}
	if len(l.inbox) >= limit || bytes > 0 && l.bytes > 0 && l.bytes+bytes > maxBytes {
		return false, &wire.Error{Code: wire.CodeOverloaded, Space: string(l.path), RetryMS: 1000, Message: "too many requests wait for this space"}
	}
	l.inbox = append(l.inbox, request)
	l.bytes += bytes
	return len(l.inbox) == 1, nil
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
func (l *loop) serve() error {
	if err := l.load(); err != nil {
		return err
	}
	alarm := time.NewTimer(l.host.opts.IdleAfter)
	defer alarm.Stop()
	for {
		wait, err := l.round()
		if err != nil || wait < 0 {
			return err
		}
		alarm.Reset(wait)
		select {
		case <-l.wake:
		case <-alarm.C:
		}
	}
}

// round takes a turn of the loop's own, looks after what time brings, and says
// how long the loop may sleep; below zero it is to end.
func (l *loop) round() (wait time.Duration, err error) {
	l.turns.Lock()
	defer l.turns.Unlock()
	if stopped := l.turn(); l.broken == nil {
		wait = l.lookAfter(stopped)
	}
	return wait, l.broken
}

// lookAfter does what time brings, and says what round does.
func (l *loop) lookAfter(stopped bool) (wait time.Duration) {
	defer l.guard()
	now := time.Now()
	if l.space.Untold() && now.Sub(l.told) >= tellEvery {
		l.space.Tell()
		l.told = now
	}
	if stopped {
		return -1
	}
	l.upkeep(now)
	switch {
	case l.space.Untold():
		return tellEvery - now.Sub(l.told)
	case l.space.Idle():
		wait = l.host.opts.IdleAfter - now.Sub(l.used)
		if wait <= 0 && l.host.retire(l) {
			// Whoever found the loop before it was retired held it; nobody does.
			return -1
		}
		return max(wait, time.Second)
	case l.space.Head() == l.advanced:
		return trimEvery
	default:
		return advanceEvery
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
	needed, held, err := l.needed()
	if err != nil {
		return err
	}
	horizon := head.Horizon.Seq
	for c, err := range l.host.opts.Store.Log(l.host.ctx, l.path, horizon) {
		if err != nil {
			return err
		}
		// The head itself is kept: its digest must be findable.
		if !c.Time.Before(limit) || c.Seq == head.Cursor.Seq || c.Seq-head.Horizon.Seq > trimCommits {
			break
		}
		if held && c.Seq > needed && !c.Time.Before(limit.Add(-l.host.opts.HoldFor)) {
			break
		}
		horizon = c.Seq
	}
	if horizon == head.Horizon.Seq {
		return nil
	}
	return l.space.Trim(l.host.ctx, horizon)
}

// needed says above which commit somebody still needs history.
func (l *loop) needed() (above space.Seq, held bool, err error) {
	if l.host.opts.Hold == nil {
		return 0, false, nil
	}
	return l.host.opts.Hold(l.host.ctx, l.path)
}

// asWire makes any error one that can be sent to a client.
func asWire(err error) *wire.Error {
	var e *wire.Error
	if errors.As(err, &e) {
		return e
	}
	return &wire.Error{Code: wire.CodeInternal, RetryMS: 1000, Message: "the server could not do this; its log says why"}
}
