package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/hook"
	"github.com/syncline/syncline/kernel"
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
	t := &telling{o: o, place: place, force: save, news: news}
	for _, h := range o.opts.Rules(place.path).Deliveries() {
		if h.Name == place.delivery {
			t.hook = h
		}
	}
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
	for ; t.underWay > 0; t.underWay-- {
		<-t.answers // an error, or the end: what comes too late is sent again
	}
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

// fill reads the log on, as far as the lane has room.
func (t *telling) fill() error {
	if t.lane.full() {
		t.head = false
		return nil
	}
	before := t.lane.read
	n := 0
	t.head = true
	for c, err := range t.o.opts.Store.Log(t.o.ctx, t.place.path, before.Seq) {
		if errors.Is(err, store.ErrTrimmed) {
			return t.gone()
		}
		if err != nil {
			return err
		}
		if !c.Follows(t.lane.read) {
			return t.replaced()
		}
		events, err := t.events(c)
		if errors.Is(err, store.ErrTrimmed) {
			return t.gone()
		}
		if err != nil {
			return err
		}
		t.lane.add(c.Cursor(), events)
		if n++; n >= readAhead || t.lane.full() {
			t.head = false
			return nil
		}
	}
	if n == 0 && before.Seq > 0 {
		head, err := t.o.opts.Store.Head(t.o.ctx, t.place.path)
		if err != nil {
			return err
		}
		if head.Cursor.Seq < before.Seq || head.Cursor.Seq == before.Seq && head.Cursor != before {
			return t.replaced()
		}
	}
	return nil
}

// gone goes on where history begins: what was above the lane's place is lost.
func (t *telling) gone() error {
	head, err := t.o.opts.Store.Head(t.o.ctx, t.place.path)
	if err != nil {
		return err
	}
	t.o.stats.Lost.Add(int64(head.Horizon.Seq - t.lane.at.Seq))
	t.o.opts.Logger.Error("changes were not told: their history is gone", "delivery", t.place.delivery, "space", t.place.path,
		"after", t.lane.at.Seq, "upTo", head.Horizon.Seq)
	return t.jump(head.Horizon)
}

// replaced begins anew: the space is another one than the one that the lane knew,
// dropped and made again, or restored from a backup.
func (t *telling) replaced() error {
	head, err := t.o.opts.Store.Head(t.o.ctx, t.place.path)
	if err != nil {
		return err
	}
	t.o.opts.Logger.Warn("a space is not the one that was told of: it is told of anew", "delivery", t.place.delivery, "space", t.place.path)
	return t.jump(head.Horizon)
}

func (t *telling) jump(to space.Cursor) error {
	t.drain()
	t.buried = nil // their letters stay
	t.lane.skip(to)
	t.changed, t.head = true, false
	return t.save()
}

// drain waits for what is under way, whatever becomes of it.
func (t *telling) drain() {
	for ; t.underWay > 0; t.underWay-- {
		<-t.answers
	}
}

// events lists what of a commit is to be told.
func (t *telling) events(c *space.Commit) (events []*event, err error) {
	var old, next store.View
	defer func() {
		for _, v := range []store.View{old, next} {
			if v != nil {
				_ = v.Close()
			}
		}
	}()
	rules := t.o.opts.Rules(t.place.path)
	for n := range c.Changes {
		key := c.Changes[n].Key
		if !t.hook.Concerns(key.Collection) {
			continue
		}
		if old == nil {
			if old, err = t.o.opts.Store.View(t.o.ctx, t.place.path, c.Seq-1); err != nil {
				return nil, err
			}
			if next, err = t.o.opts.Store.View(t.o.ctx, t.place.path, c.Seq); err != nil {
				return nil, err
			}
		}
		now, err := next.Get(key)
		if err != nil {
			return nil, err
		}
		if wants, err := rules.Wants(t.hook, kernel.NewDelta(key, now, func() (space.Version, error) { return old.Get(key) }), c.Time); err != nil || !wants {
			continue // a rule without an answer tells nothing
		}
		events = append(events, &event{ref: ref{c.Seq, n}, key: key, time: c.Time, by: c.Author, id: t.id(c, n)})
	}
	return events, nil
}

// id names an event: the same each time that it is sent, and no other's.
func (t *telling) id(c *space.Commit, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%d", t.place.delivery, t.place.path, c.Cursor(), n))
	return "msg_" + base64.RawURLEncoding.EncodeToString(sum[:18])
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
	why := fmt.Sprintf("status %d", a.answer.Status)
	if a.err != nil {
		why = webhook.Plain(a.err.Error(), 200)
	}
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
