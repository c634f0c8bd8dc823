package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/hook"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/webhook"
)

// lazySave is after how many commits without anything to tell a lane's place is
// saved all the same: after a crash as many are read again, for nothing.
const lazySave = 1024

// readAhead is how many commits are read at once.
const readAhead = 256

// A telling is one lane being worked on.
type telling struct {
	o     *Outbox
	place lanePlace
	hook  *authz.Hook
	to    Endpoint
	lane  *lane
	news  <-chan struct{} // more has been committed
	head  bool            // the log holds no more

	saved   space.Cursor // the lane's place in the ledger
	force   bool         // the lane's place is to be saved, however little it has moved
	changed bool         // what the ledger should hold is not only further on
	letters []Row        // to be saved with it
	buried  []*event     // whose letters these are

	answers  chan answered
	underWay int
}

// answered is how an attempt ended.
type answered struct {
	e      *event
	answer webhook.Answer
	err    error
	body   []byte
}

// tell does what a lane has to do now, and saves its place in any case if save is set. It returns how far it has read the log and
// when there will be more to do, zero if only a commit can bring that.
func (o *Outbox) tell(place lanePlace, save bool, news <-chan struct{}) (read space.Seq, wakes time.Time, err error) {
	t := &telling{o: o, place: place, hook: o.hook(place), force: save, news: news}
	if t.hook == nil {
		return 0, time.Time{}, nil // no longer in force: the place is kept
	}
	if t.to, err = o.endpoint(t.hook.To); err != nil {
		return 0, time.Time{}, err
	}
	t.lane = newLane(retry{attempts: t.to.Attempts(), base: o.opts.RetryBase, ceiling: retryCeiling}, o.opts.Bugs)
	text, err := o.opts.Ledger.Get(o.ctx, place.key())
	if err == nil && text != nil {
		err = t.lane.load(text)
	}
	if err != nil {
		return 0, time.Time{}, err
	}
	t.saved = t.lane.at
	t.answers = make(chan answered, t.to.Parallel())
	wakes, err = t.run()
	t.drain() // an error, or the end: what comes too late is sent again
	return t.lane.read.Seq, wakes, err
}

func (t *telling) run() (wakes time.Time, err error) {
	for {
		if err := t.fill(); err != nil {
			return wakes, err
		}
		due, next := t.lane.due(t.o.opts.Now(), t.to.Parallel()-t.underWay)
		for _, e := range due {
			t.send(e)
		}
		if t.o.opts.Bugs.SavedFirst && len(due) > 0 {
			t.changed = true
			if err := t.save(); err != nil {
				return wakes, err
			}
		}
		if t.underWay == 0 {
			if err := t.save(); err != nil {
				return wakes, err
			}
			if t.head || t.lane.full() {
				return next, nil
			}
			continue
		}
		if err := t.wait(next); err != nil {
			return wakes, err
		}
		for more := true; more; { // those that came with it share its commit
			select {
			case a := <-t.answers:
				t.note(a)
			default:
				more = false
			}
		}
		if err := t.save(); err != nil {
			return wakes, err
		}
	}
}

// wait waits for an answer, for more to be committed, or until next.
func (t *telling) wait(next time.Time) error {
	var due <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(next.Sub(t.o.opts.Now()))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case a := <-t.answers:
		t.note(a)
	case <-t.news:
	case <-due:
	case <-t.o.ctx.Done():
		return t.o.ctx.Err()
	}
	return nil
}

// body is what is sent of an event.
func (t *telling) body(ctx context.Context, e *event) ([]byte, error) {
	var versions [2]space.Version
	for i := range versions {
		v, err := t.o.opts.Store.View(ctx, t.place.path, e.seq-1+space.Seq(i))
		if err != nil {
			return nil, err
		}
		versions[i], err = v.Get(e.key)
		_ = v.Close()
		if err == nil {
			versions[i], err = t.o.opts.Rules(t.place.path).Present(e.key, versions[i])
		}
		if err != nil {
			return nil, err
		}
	}
	return hook.EncodeEvent(e.time, hook.Event{
		Space: string(t.place.path), Delivery: t.place.delivery, Seq: e.seq, N: e.n, Author: e.by,
		Change: hook.NewChange(e.key, authz.Op(versions[0], versions[1]), versions[0], versions[1]),
	})
}

func (t *telling) send(e *event) {
	e.sending = true
	t.underWay++
	go func() {
		a := answered{e: e}
		if a.body, a.err = t.body(t.o.ctx, e); a.err == nil {
			t.o.stats.Sent.Add(1)
			a.answer, a.err = t.to.Send(t.o.ctx, e.id, a.body)
		}
		t.answers <- a
	}()
}

// note takes note of how an attempt ended.
func (t *telling) note(a answered) {
	t.underWay--
	switch {
	case a.err != nil && t.o.ctx.Err() != nil:
		a.e.sending = false
		return
	case errors.Is(a.err, store.ErrTrimmed):
		t.o.stats.Lost.Add(1)
		t.o.opts.Logger.Error("a change was not told: its history is gone", "delivery", t.place.delivery, "space", t.place.path, "seq", a.e.seq)
		t.lane.taken(a.e)
		t.changed = true
		return
	case a.err == nil && a.answer.OK():
		t.lane.taken(a.e)
		t.changed = true
		t.o.stats.Delivered.Add(1)
		return
	}
	why := failure(a.answer, a.err)
	t.o.stats.Failed.Add(1)
	dead := t.lane.failed(a.e, t.o.opts.Now(), a.answer.RetryAfter, why)
	t.changed = true
	log := t.o.opts.Logger.Warn
	text := "a change could not be told; it will be tried again"
	if dead {
		log, text = t.o.opts.Logger.Error, "a change could not be told and is a dead letter now"
		t.bury(a.e, a.body, why)
	}
	log(text, "delivery", t.place.delivery, "endpoint", t.hook.To, "space", t.place.path, "message", a.e.id, "attempt", a.e.N, "error", why)
}

// save writes down how far the lane is, if there is anything to say.
func (t *telling) save() error {
	moved := t.lane.at.Seq - t.saved.Seq
	if !t.changed && moved < lazySave && (moved == 0 || !t.force) {
		return nil
	}
	if t.o.opts.Bugs.DeadLost {
		t.letters = nil
	}
	for _, e := range t.buried {
		t.lane.buried(e)
	}
	text, err := t.lane.state()
	if err != nil {
		return err
	}
	if err := t.o.opts.Ledger.Save(append(t.letters, Row{t.place.key(), text})...); err != nil {
		return err
	}
	t.saved, t.changed, t.letters, t.buried = t.lane.at, false, nil, nil
	return nil
}
