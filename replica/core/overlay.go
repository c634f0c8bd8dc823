package core

import (
	"cmp"
	"context"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/value"
)

// An overlay is what the queue makes of the confirmed entries: for each key that
// a queued mutation has an effect on, how it shows. It is derived from the two
// and kept in memory.
type overlay struct {
	shadows map[space.Key]*shadow
	touch   map[space.Key][]*item // queued mutations by the keys they touch, in order
	calls   int                   // queued mutations by call
	stale   bool                  // to be computed anew before it is used
}

// A shadow hides the confirmed entry of its key. It is immutable but for doc.
type shadow struct {
	live  bool
	value jsontext.Value
	doc   map[string]any // value, once parsed
}

func (o *overlay) reset() {
	o.shadows = map[space.Key]*shadow{}
	o.touch = map[space.Key][]*item{}
	o.calls = 0
}

func (o *overlay) add(it *item) {
	if it.Call != "" {
		o.calls++
		return // what it touches is known when it is replayed
	}
	for _, key := range it.keys {
		o.touch[key] = append(o.touch[key], it)
	}
}

// remove forgets mutations that left the queue.
func (o *overlay) remove(items []*item) {
	for _, gone := range items {
		if gone.Call != "" {
			o.calls--
			continue
		}
		for _, key := range gone.keys {
			left := slices.DeleteFunc(o.touch[key], func(it *item) bool { return it == gone })
			if len(left) == 0 {
				delete(o.touch, key)
			} else {
				o.touch[key] = left
			}
		}
	}
}

// shows reports whether a queued mutation is to be replayed.
func (c *Core) shows(it *item) bool {
	return !it.hidden && (it.presumed == 0 || it.presumed > c.Cursor.Seq) && !c.foreign(it)
}

// rebuild computes the overlay anew.
func (c *Core) rebuild(ctx context.Context) error {
	o := &c.overlay
	o.reset()
	o.stale = true // until all of it is there
	if c.queued() == 0 {
		o.stale = false
		return nil
	}
	view, err := c.confirmed(ctx)
	if err != nil {
		return err
	}
	defer view.Close()
	c.number()
	for _, it := range c.inOrder() {
		o.add(it)
		if err := c.replay(view, it); err != nil {
			return err
		}
	}
	o.stale = false
	return nil
}

// ready makes the overlay usable.
func (c *Core) ready(ctx context.Context) error {
	if !c.overlay.stale {
		return nil
	}
	return c.rebuild(ctx)
}

// inOrder are all queued mutations in the order in which they take effect.
func (s *state) inOrder() []*item {
	items := make([]*item, 0, s.queued())
	for _, w := range s.waiting {
		items = append(items, w.item)
	}
	return append(items, s.unacked...)
}

// replayKeys computes the shadows of some keys anew, and of those that mutations
// link them with, and adds to keys whatever may show otherwise now.
//
// A call may read anything: while any is queued, or has left, all are replayed.
func (c *Core) replayKeys(ctx context.Context, keys map[space.Key]struct{}, left bool) error {
	o := &c.overlay
	if o.stale {
		return c.rebuild(ctx)
	}
	if left || o.calls > 0 && len(keys) > 0 {
		for key := range o.shadows {
			keys[key] = struct{}{}
		}
		err := c.rebuild(ctx)
		for key := range o.shadows {
			keys[key] = struct{}{}
		}
		return err
	}
	// The closure: a mutation takes effect whole or not at all, so one key that
	// changed can change all keys of the mutations that touch it, and so on.
	var items []*item
	seen := map[*item]struct{}{}
	work := make([]space.Key, 0, len(keys))
	for key := range keys {
		work = append(work, key)
	}
	for len(work) > 0 {
		key := work[len(work)-1]
		work = work[:len(work)-1]
		delete(o.shadows, key)
		for _, it := range o.touch[key] {
			if _, dup := seen[it]; dup {
				continue
			}
			seen[it] = struct{}{}
			items = append(items, it)
			for _, other := range it.keys {
				if _, dup := keys[other]; !dup {
					keys[other] = struct{}{}
					work = append(work, other)
				}
			}
		}
	}
	if len(items) == 0 {
		return nil
	}
	slices.SortFunc(items, func(a, b *item) int { return cmp.Compare(a.ID, b.ID) })
	o.stale = true
	view, err := c.confirmed(ctx)
	if err != nil {
		return err
	}
	defer view.Close()
	for _, it := range items {
		if err := c.replay(view, it); err != nil {
			return err
		}
	}
	o.stale = false
	return nil
}

// replay carries out one mutation on what shows, whole or not at all. An error is
// the store's; a mutation that cannot be carried out is none.
func (c *Core) replay(view store.View, it *item) error {
	if !c.shows(it) {
		return nil
	}
	if it.Call != "" {
		return c.replayCall(view, it)
	}
	own := make(map[space.Key]*shadow, len(it.keys))
	for i := range it.Ops {
		ok, err := c.replayOp(view, it, i, own)
		if err != nil || !ok {
			return err
		}
	}
	for key, sh := range own {
		c.overlay.shadows[key] = sh
	}
	return nil
}

func (c *Core) replayOp(view store.View, it *item, i int, own map[space.Key]*shadow) (ok bool, err error) {
	op := &it.Ops[i]
	key := op.Key()
	old := own[key]
	if old == nil {
		old = c.overlay.shadows[key]
	}
	var version space.Seq
	if old != nil {
		// Its version is not known before the server has decided.
		if op.If != nil {
			return false, nil
		}
	} else {
		old = &shadow{}
		if old.live, version, old.value, err = getConfirmed(view, key); err != nil {
			return false, err
		}
		if op.If != nil && *op.If != version {
			return false, nil
		}
	}
	switch op.Op {
	case space.OpPut:
		own[key] = &shadow{live: true, value: op.Value}
	case space.OpPatch:
		next, ok := c.patch(old, it, i)
		if !ok {
			return false, nil
		}
		own[key] = next
	case space.OpDelete:
		if old.live {
			own[key] = &shadow{}
		}
	}
	return true, nil
}

func (c *Core) patch(old *shadow, it *item, i int) (*shadow, bool) {
	next, err := c.update(old, it.updates[i])
	return next, err == nil && next != nil
}

// update applies update operators; nil where there is nothing to apply them to. The error is a *value.Error.
func (c *Core) update(old *shadow, update *selector.Update) (*shadow, error) {
	if !old.live {
		return nil, nil
	}
	if old.doc == nil {
		doc, err := value.Parse(old.value)
		if err != nil {
			return nil, err
		}
		old.doc = doc
	}
	doc, err := update.Apply(old.doc)
	if err != nil {
		return nil, err
	}
	raw, err := value.Canonical(value.Encode(doc), c.limits.Value())
	if err != nil {
		return nil, err // over a limit: the server will refuse it
	}
	return &shadow{live: true, value: raw, doc: doc}, nil
}
