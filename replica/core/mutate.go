package core

import (
	"context"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
)

// Mutate checks a mutation as the server would, queues it durably and shows its
// effect. The error is a *space.Refusal, ErrQueueFull, ErrRejectedFull, ErrExpired, ErrNotLoaded, or the
// store's; then nothing was queued.
func (c *Core) Mutate(ctx context.Context, now time.Time, ops []space.Op, reads *space.Reads) (Mutation, Effects, error) {
	if err := c.usable(); err != nil {
		return Mutation{}, Effects{}, err
	}
	ops, reads, err := check(ops, reads, c.limits)
	if reads != nil {
		reads.Scope = c.meta.Scope
	}
	if err != nil {
		return Mutation{}, Effects{}, err
	}
	if err := c.readable(reads); err != nil {
		return Mutation{}, Effects{}, err
	}
	return c.make(ctx, now, Mutation{Ops: ops, Reads: reads})
}

// Readable says whether a serializable mutation may be computed from what shows of a collection: if not, the error is ErrExpired or
// ErrNotLoaded. Before the first diff nothing is held: what is read then is stale for the server if there is anything.
func (c *Core) Readable(collection string) error {
	switch {
	case c.Hides(collection):
		return ErrExpired
	case c.Held && c.view != nil && c.view.Has(collection) && !slices.ContainsFunc(c.HeldOf, func(p space.Part) bool { return p.In == collection }):
		return ErrNotLoaded
	}
	return nil
}

func (c *Core) readable(reads *space.Reads) error {
	for collection := range reads.Collections() {
		if err := c.Readable(collection); err != nil {
			return err
		}
	}
	return nil
}

// Call queues the call of a mutator durably and shows its effect, as far as the
// mutator is known here and finds what it needs. args are JSON, nil for none. What the mutator refuses on what
// is here it may not refuse on what the server has: it is queued all the same. Errors are Mutate's.
func (c *Core) Call(ctx context.Context, now time.Time, name string, args jsontext.Value) (Mutation, Effects, error) {
	if err := c.usable(); err != nil {
		return Mutation{}, Effects{}, err
	}
	args, err := checkCall(name, args, c.limits)
	if err != nil {
		return Mutation{}, Effects{}, err
	}
	return c.make(ctx, now, Mutation{Call: name, Args: args})
}

// make queues a checked mutation and shows its effect.
func (c *Core) make(ctx context.Context, now time.Time, m Mutation) (Mutation, Effects, error) {
	if err := c.ready(ctx); err != nil {
		return Mutation{}, Effects{}, err
	}
	m.V = c.versions(&m)
	s := c.begin()
	it, err := c.enqueue(s, now, m)
	if err != nil {
		return Mutation{}, Effects{}, err
	}
	if err := c.commit(ctx, now, s); err != nil {
		return Mutation{}, Effects{}, err
	}
	err = c.show(ctx, it) // of a call only that tells the keys
	return it.Mutation, Effects{Keys: slices.Clone(it.keys)}, err
}

// versions are those of the collections that a new mutation speaks of, nil if all are 1.
func (c *Core) versions(m *Mutation) (v space.Versions) {
	spoken := space.Mutation{Ops: m.Ops, Reads: m.Reads}
	for collection := range spoken.Collections() {
		if of := c.opt.Versions.Of(collection); of > 1 {
			if v == nil {
				v = space.Versions{}
			}
			v[collection] = of
		}
	}
	return v
}

// foreign reports whether a mutation was made at another version of a collection than the
// program speaks by now: then what it does cannot be shown here. It is sent all the same, and the server
// knows how to read it.
func (c *Core) foreign(it *item) bool {
	for i := range it.Ops {
		if in := it.Ops[i].In; it.V.Of(in) != c.opt.Versions.Of(in) {
			return true
		}
	}
	return false
}

// enqueue puts a mutation at the end of a step's queue.
func (c *Core) enqueue(s *step, now time.Time, m Mutation) (*item, error) {
	m.ID, m.Time, m.Outcome = s.Next, millis(now), space.Outcome{}
	it := &item{Mutation: m}
	if err := it.prepare(); err != nil {
		return nil, refusal(space.CodeInvalid, "ops", "%v", err)
	}
	payload := it.row().encode()
	it.size = len(payload)
	switch {
	case s.queued() >= c.opt.MaxQueue || s.bytes+it.size > c.opt.MaxQueueBytes:
		return nil, ErrQueueFull
	case len(s.rejected) >= c.opt.MaxQueue:
		return nil, ErrRejectedFull
	}
	s.put(queueKey(it.ID), payload)
	s.Next++
	s.bytes += it.size
	s.unacked = append(s.unacked, it)
	return it, nil
}

// show puts the effect of the newest mutation on top of the overlay. The mutation
// is safe already: if the store cannot be read now, the overlay waits.
func (c *Core) show(ctx context.Context, it *item) error {
	c.overlay.add(it)
	if it.Call != "" {
		c.number()
	}
	view, err := c.confirmed(ctx)
	if err == nil {
		defer view.Close()
		err = c.replay(view, it)
	}
	if err != nil {
		c.overlay.stale = true
	}
	return nil
}

// Retry gives a rejected mutation another try: it goes to the end of the queue
// under a new id. What it read counts as read now, or it could only be stale
// again; its ifs stay as they are.
func (c *Core) Retry(ctx context.Context, now time.Time, id LocalID) (Mutation, Effects, error) {
	if err := c.ready(ctx); err != nil {
		return Mutation{}, Effects{}, err
	}
	i := slices.IndexFunc(c.rejected, func(it *item) bool { return it.ID == id })
	if i < 0 {
		return Mutation{}, Effects{}, ErrUnknownMutation
	}
	old := c.rejected[i]
	reads := old.Reads
	if reads != nil {
		again := *reads
		again.At, again.Scope = c.Cursor.Seq, c.meta.Scope
		reads = &again
	}
	s := c.begin()
	s.rejected = slices.Delete(slices.Clone(s.rejected), i, i+1)
	s.del(rejectedKey(id))
	m := old.Mutation
	m.Reads = reads
	it, err := c.enqueue(s, now, m)
	if err != nil {
		return Mutation{}, Effects{}, err
	}
	if err := c.commit(ctx, now, s); err != nil {
		return Mutation{}, Effects{}, err
	}
	c.countRejected(old, -1)
	err = c.show(ctx, it)
	return it.Mutation, Effects{Keys: append(slices.Clone(it.keys), old.keys...)}, err
}

// Discard forgets a rejected mutation.
func (c *Core) Discard(ctx context.Context, now time.Time, id LocalID) (Effects, error) {
	i := slices.IndexFunc(c.rejected, func(it *item) bool { return it.ID == id })
	if i < 0 {
		return Effects{}, ErrUnknownMutation
	}
	old := c.rejected[i]
	s := c.begin()
	s.rejected = slices.Delete(slices.Clone(s.rejected), i, i+1)
	s.del(rejectedKey(id))
	s.touch() // Next must not fall back to the id that is gone
	if err := c.commit(ctx, now, s); err != nil {
		return Effects{}, err
	}
	c.countRejected(old, -1)
	return Effects{Keys: slices.Clone(old.keys)}, nil
}

func (c *Core) countRejected(it *item, by int) {
	for _, key := range it.keys {
		if c.rejectsN[key] += by; c.rejectsN[key] <= 0 {
			delete(c.rejectsN, key)
		}
	}
}
