package outbox

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

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
			old = rules.Lifted(old)
			if next, err = t.o.opts.Store.View(t.o.ctx, t.place.path, c.Seq); err != nil {
				return nil, err
			}
			next = rules.Lifted(next)
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
