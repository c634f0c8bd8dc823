package core

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// A Member is one session's place in one space. Its exported fields are set
// before Open and not changed after; the others belong to the Space.
type Member struct {
	Sink  Sink
	User  string
	Name  string // the session's public name
	Born  uint64 // sessions that began later have higher ones
	Guard kernel.Guard

	client  space.ClientID
	view    *kernel.View
	live    bool
	gone    bool
	cursor  space.Cursor // of a live member: where the last frame that it took ends
	catch   *CatchUp     // of a lagging member
	present bool         // wants presence and casts
	stale   bool         // has missed presence
	waiting int          // mutations queued
}

// View is what the member holds of the space, nil for one that only pushes.
func (m *Member) View() *kernel.View { return m.view }

func (m *Member) setCatchUp(c *CatchUp) {
	if m.catch != nil {
		m.catch.dropped.Store(true)
	}
	m.catch = c
}

// CatchUp returns what a lagging member must be sent, nil for one that is not
// lagging.
func (m *Member) CatchUp() *CatchUp { return m.catch }

// A CatchUp takes one member from where it is to the head. It belongs to one
// goroutine, which may be another than the Space's: what it reads is history.
type CatchUp struct {
	cfg   *Config
	told  *atomic.Pointer[space.Cursor] // how far it may go
	view  *kernel.View
	was   *kernel.View // with scan: the view that the replica's cursor was made with
	from  space.Cursor
	scan  bool // compare two views, or send a whole one
	reset bool

	dropped atomic.Bool
}

// Dropped reports whether the member has no more use for the catch-up: it has
// left or opened the space anew. Whoever sends the frames asks while holding the
// lock under which they are queued, so that none follows the next Opened. Any
// goroutine may call it.
func (c *CatchUp) Dropped() bool { return c.dropped.Load() }

// Sizes of the pieces in which a replica is caught up.
const (
	partBytes     = 64 << 10
	windowCommits = 1024
	windowKeys    = 1024
)

func (c *Config) partBytes() int {
	if c.PartBytes > 0 {
		return c.PartBytes
	}
	return partBytes
}

// Frames yields the frames that take the replica to what was the head when it
// looked, and then returns. Each may be sent once the one before has been. If
// the history it needs is trimmed meanwhile it starts over with a reset.
func (c *CatchUp) Frames(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for {
			told := *c.told.Load()
			head, err := c.cfg.Store.Head(ctx, c.cfg.Path)
			if err != nil {
				yield(nil, err)
				return
			}
			if c.from.Seq < head.Horizon.Seq && !c.reset {
				c.scan, c.reset, c.was = true, true, nil
			}
			if !c.scan && c.from == told || c.from.Seq > told.Seq {
				return
			}
			if c.scan {
				err = c.scanTo(ctx, told, yield)
			} else {
				err = c.window(ctx, told, yield)
			}
			if errors.Is(err, space.ErrTrimmed) && !(c.reset && told == *c.told.Load()) {
				// The views are opened before anything is sent, so no diff is cut short.
				c.scan, c.reset, c.was = true, true, nil
				continue
			}
			if err != nil {
				if err != errStopped {
					yield(nil, err)
				}
				return
			}
		}
	}
}

var errStopped = errors.New("the receiver has stopped")

// window sends one stretch of the log as a diff, up to told at most.
func (c *CatchUp) window(ctx context.Context, told space.Cursor, yield func([]byte, error) bool) error {
	w, err := kernel.ReadWindow(upTo(told, c.cfg.Store.Log(ctx, c.cfg.Path, c.from.Seq)), c.from, windowCommits, windowKeys)
	if err != nil {
		return err
	}
	after, err := c.cfg.Store.View(ctx, c.cfg.Path, w.To.Seq)
	if err != nil {
		return err
	}
	defer after.Close()
	before, err := c.cfg.Store.View(ctx, c.cfg.Path, w.From.Seq)
	if err != nil {
		return err
	}
	defer before.Close()
	out := newParts(c, w.To, yield)
	for _, key := range w.Keys {
		if !c.view.Has(key.Collection) {
			continue
		}
		now, err := after.Get(key)
		if err != nil {
			return err
		}
		delta := kernel.NewDelta(key, now, func() (space.Version, error) { return before.Get(key) })
		action, err := c.view.Step(delta)
		if err != nil {
			return err
		}
		if err := out.add(kernel.Step{Action: action, Entry: space.Entry{Key: key, Version: now}}); err != nil {
			return err
		}
	}
	return out.end()
}

// upTo cuts a log off after a commit.
func upTo(last space.Cursor, log logSeq) logSeq {
	return func(yield func(*space.Commit, error) bool) {
		for c, err := range log {
			if err == nil && c.Seq > last.Seq || !yield(c, err) || err == nil && c.Seq == last.Seq {
				return
			}
		}
	}
}

// scanTo sends the difference of two whole views, or one whole view.
func (c *CatchUp) scanTo(ctx context.Context, head space.Cursor, yield func([]byte, error) bool) error {
	after, err := c.cfg.Store.View(ctx, c.cfg.Path, head.Seq)
	if err != nil {
		return err
	}
	defer after.Close()
	var before kernel.Snapshot
	if c.was != nil {
		v, err := c.cfg.Store.View(ctx, c.cfg.Path, c.from.Seq)
		if err != nil {
			return err
		}
		defer v.Close()
		before = v
	}
	out := newParts(c, head, yield)
	for step, err := range kernel.Diff(c.was, before, c.view, after) {
		if err != nil {
			return err
		}
		if err := out.add(step); err != nil {
			return err
		}
	}
	return out.end()
}

// parts cuts a diff into messages of bearable size.
type parts struct {
	c     *CatchUp
	to    space.Cursor
	yield func([]byte, error) bool
	first bool
	w     *wire.DiffWriter
	sum   wire.Sum
}

func newParts(c *CatchUp, to space.Cursor, yield func([]byte, error) bool) *parts {
	p := &parts{c: c, to: to, yield: yield, first: true}
	p.begin()
	return p
}

func (p *parts) begin() {
	p.w = wire.NewDiffWriter(p.c.cfg.Path, p.c.view.ID(), p.c.from, p.to, p.c.reset && p.first)
	p.first = false
}

func (p *parts) add(step kernel.Step) error {
	switch step.Action {
	case kernel.None:
		return nil
	case kernel.Put:
		p.w.Put(step.Entry.Key, step.Entry.Seq, step.Entry.Payload)
		if p.c.reset {
			p.sum.Add(step.Entry.Key, step.Entry.Seq)
		}
	case kernel.Del:
		if !p.c.cfg.Bugs.DroppedRemove {
			p.w.Del(step.Entry.Key)
		}
	}
	if p.w.Size() < p.c.cfg.partBytes() {
		return nil
	}
	if p.c.Dropped() {
		return errStopped
	}
	more := !p.c.cfg.Bugs.HalfCommit
	if !p.yield(p.w.Finish(more), nil) {
		return errStopped
	}
	p.begin()
	return nil
}

// end sends the last part; from then on the replica is at p.to.
func (p *parts) end() error {
	var frame []byte
	if p.c.reset {
		frame = p.w.FinishReset(p.sum)
	} else {
		frame = p.w.Finish(false)
	}
	p.c.from, p.c.was, p.c.scan, p.c.reset = p.to, nil, false, false
	if !p.yield(frame, nil) {
		return errStopped
	}
	return nil
}

// Whole yields the frames of the whole view at one cursor of the log. It is for
// readers that are no members.
func (c *CatchUp) Whole(ctx context.Context, at space.Cursor) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		whole := &CatchUp{cfg: c.cfg, told: c.told, view: c.view, scan: true, reset: true}
		if err := whole.scanTo(ctx, at, yield); err != nil && err != errStopped {
			yield(nil, err)
		}
	}
}
