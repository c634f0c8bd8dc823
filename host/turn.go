package host

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

// perform is post for a caller that waits for the answer anyway: where the loop
// rests, the caller takes a turn in its place, which spares two wake-ups. What
// else waits in the inbox is carried out along with it, in order.
func (l *loop) perform(bytes int, request func(*core.Space)) error {
	if _, err := l.add(request, bytes, maxInbox); err != nil {
		return err
	}
	if !l.turns.TryLock() {
		// Whoever takes the present turn may have emptied the inbox before.
		l.nudge()
		return nil
	}
	defer l.turns.Unlock()
	if l.space == nil { // not loaded yet
		l.nudge()
		return nil
	}
	l.turn()
	if l.broken != nil || !l.space.Idle() {
		l.nudge() // the loop ends, or has members to look after
	}
	return nil
}

// turn carries out what is in the inbox and commits what comes of it. The caller
// holds l.turns. stopped tells that there will be nothing more in the inbox.
func (l *loop) turn() (stopped bool) {
	if l.broken != nil {
		return false
	}
	defer l.guard()
	inbox, stopped := l.take()
	for _, request := range inbox {
		request(l.space)
	}
	if stopped {
		// An answer could not be posted any more.
		l.space.Dismiss(&wire.Error{Code: wire.CodeShuttingDown, RetryMS: 1000, Message: "the server is restarting"})
	}
	if err := l.commit(); err != nil {
		if l.host.ctx.Err() == nil { // Close has not run out of time
			l.host.fail(err)
		}
		l.broken = err
		return false
	}
	if len(inbox) > 0 || !l.space.Idle() {
		l.used = time.Now()
	}
	return stopped
}

// guard lets a panic break the loop, whoever takes the turn: deferred, with l.turns held.
func (l *loop) guard() {
	if r := recover(); r != nil {
		l.broken = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
	}
}

// load reads the space from the store; only then others take turns.
func (l *loop) load() error {
	l.turns.Lock()
	defer l.turns.Unlock()
	l.read()
	return l.broken
}

func (l *loop) read() {
	defer l.guard()
	rules, mutators := l.host.inForce(l.path)
	s, err := core.Load(l.host.ctx, core.Config{
		Rules: rules, Mutators: mutators,
		Path: l.path, Store: l.host.opts.Store, Limits: l.host.opts.Limits, Lagging: l.host.catchUp(l), Ask: l.host.ask(l),
		Bugs: l.host.opts.bugs,
	})
	if err != nil {
		l.broken = err
		return
	}
	l.used = time.Now()
	l.space, l.advanced, l.upkept = s, s.Head(), l.used
}

// commit appends what waits, batch by batch.
func (l *loop) commit() error {
	for {
		turn := l.space.Begin(l.host.ctx, l.host.opts.Now())
		if turn == nil {
			return nil
		}
		var err error
		if !turn.Empty() {
			begun := time.Now()
			var batches []store.Batch
			if batches, err = turn.Batches(l.path); err == nil {
				err = l.host.opts.Store.Append(l.host.ctx, batches...)
			}
			l.host.stats.appended(len(batches[0].Commits), time.Since(begun), err)
		}
		appended := err
		if err := l.space.Finish(l.host.ctx, turn, appended); err != nil {
			return err
		}
		if q := turn.Aside(); q != nil && appended == nil { // what broke in it is for the quarantine, which is no log file
			l.host.opts.Logger.Error("a mutation broke down and was set aside", "space", q.Space, "number", q.Seq, "user", q.User, "reason", q.Reason)
		}
	}
}
