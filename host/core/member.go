package core

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

// A Member is one session's place in one space. Its exported fields are set
// before Open and not changed after but by Renew; the others belong to the Space.
type Member struct {
	Sink Sink
	Who  *authz.Session
	Name string // the session's public name
	Born uint64 // sessions that began later have higher ones

	client  space.ClientID
	want    *kernel.View // what it asked for, nil for one that only pushes
	view    *kernel.View // of a live member: what it may see of that
	live    bool
	gone    bool
	away    bool // gone, because it may not have the space open, or not at the versions that it speaks
	says    space.Versions
	cursor  space.Cursor // of a live member: where the last frame that it took ends
	catch   *CatchUp     // of a lagging member
	present bool         // wants presence and casts
	stale   bool         // has missed presence
	waiting int          // mutations queued
	named   string       // the name of its rights that it was told of
	drops   bool         // its replica understands drops
}

// Sees is what a member may see now of what it asked for, nil for one that only pushes.
func (s *Space) Sees(m *Member) *kernel.View {
	if m.want == nil {
		return nil
	}
	return within(m.want, m.rights(s).Speaking(m.want.Versions()).Scope(m.want.Collections(), s.relations))
}

// Speaks is the version of a collection that the client speaks by now, as far as it has said.
func (m *Member) Speaks(collection string) (version uint32, said bool) {
	if m.want != nil && m.want.Has(collection) {
		return m.want.Versions().Of(collection), true
	}
	version, said = m.says[collection]
	return version, said
}

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
//
// What the replica holds is a view as of a cursor, cut down to what its user
// might see then; what it is to hold is the view as of the head, cut down to what
// they may see then. Both follow from the data, as does the difference.
type CatchUp struct {
	cfg    *Config
	told   *atomic.Pointer[space.Cursor] // how far it may go
	want   *kernel.View
	rights atomic.Pointer[authz.Rights]

	from  space.Cursor
	held  *kernel.View  // what the replica holds as of from; nil if that is not known yet, or with reset
	was   *kernel.View  // without held: the view that the replica's cursor was made with
	with  *authz.Rights // under which held was found, or is to be
	named string        // the name of the rights that the replica was told of
	reset bool          // a whole view is sent
	drops bool          // the replica understands drops

	dropped atomic.Bool
}

// renew gives the catch-up other rights. Any goroutine may call it.
func (c *CatchUp) renew(r authz.Rights) { c.rights.Store(&r) }

// outdated reports whether what has been sent so far was decided under other rights than the present ones.
func (c *CatchUp) outdated() bool { return c.with != c.rights.Load() }

// Dropped reports whether the member has no more use for the catch-up: it has
// left or opened the space anew. Whoever sends the frames asks while holding the
// lock under which they are queued, so that none follows the next Opened. Any
// goroutine may call it.
func (c *CatchUp) Dropped() bool { return c.dropped.Load() }

// Head is how far the catch-up may go now.
func (c *CatchUp) Head() space.Cursor { return *c.told.Load() }

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
			if c.from.Seq < head.Horizon.Seq {
				c.restart()
			}
			if !c.reset && c.from == told && c.held != nil && c.held.ID() == c.want.ID() && !c.outdated() || c.from.Seq > told.Seq {
				return
			}
			err = c.piece(ctx, told, yield)
			if errors.Is(err, space.ErrTrimmed) && !(c.reset && told == *c.told.Load()) {
				// The views are opened before anything is sent, so no diff is cut short.
				c.restart()
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

// restart begins anew with a whole view.
func (c *CatchUp) restart() { c.reset, c.held, c.was = true, nil, nil }

// scope cuts a view down to what may be seen of it as of a snapshot.
func scope(v *kernel.View, rights *authz.Rights, at kernel.Snapshot) (*kernel.View, error) {
	s, err := rights.Speaking(v.Versions()).ScopeAt(v.Collections(), at)
	if err != nil {
		return nil, err
	}
	return within(v, s), nil
}

// Lifted is a view of the space's data as a view that was cut down to a scope is to look at it.
func Lifted(v *kernel.View, data store.View) store.View {
	if s, ok := v.Filter().(*authz.Scope); ok {
		return s.Lifted(data)
	}
	return data
}

func within(v *kernel.View, s *authz.Scope) *kernel.View {
	return v.Within(s.Filter())
}

// piece sends one stretch of the log as a diff, up to told at most; or, where
// what may be seen is another view after it than before, the difference of both.
func (c *CatchUp) piece(ctx context.Context, told space.Cursor, yield func([]byte, error) bool) error {
	rights := c.rights.Load()
	w := kernel.Window{From: c.from, To: told}
	if !c.reset {
		var err error
		if w, err = kernel.ReadWindow(upTo(told, c.cfg.Store.Log(ctx, c.cfg.Path, c.from.Seq)), c.from, windowCommits, windowKeys); err != nil {
			return err
		}
	}
	after, err := c.cfg.Store.View(ctx, c.cfg.Path, w.To.Seq)
	if err != nil {
		return err
	}
	after = rights.Lifted(after)
	defer after.Close()
	var before store.View
	if !c.reset {
		if before, err = c.cfg.Store.View(ctx, c.cfg.Path, w.From.Seq); err != nil {
			return err
		}
		defer before.Close()
		if c.held != nil {
			before = Lifted(c.held, before)
		} else {
			before = c.with.Lifted(before)
			at := before
			if c.cfg.Bugs.TodaysScope {
				at = after
			}
			if c.held, err = scope(c.was, c.with, at); err != nil {
				return err
			}
		}
	}
	next := c.held
	if c.reset || c.with != rights || c.held.ID() != c.want.ID() || slices.ContainsFunc(w.Keys, func(k space.Key) bool { return rights.Concern(k.Collection) }) {
		if next, err = scope(c.want, rights, after); err != nil {
			return err
		}
	}
	out := newParts(c, w.To, yield)
	if name := rights.Name(); name != c.named {
		out.scope, c.named = name, name
		out.leases = rights.Leases(c.want.Collections())
	}
	if c.held != nil && next.Class() == c.held.Class() {
		err = c.changes(w.Keys, before, after, out)
	} else {
		err = c.difference(next, before, after, out)
	}
	if err != nil {
		return err
	}
	// Noted before the last part is sent: then the replica is there.
	c.from, c.held, c.was, c.with, c.reset = w.To, next, nil, rights, false
	return out.end()
}

// changes adds what the changes of some keys mean for what is held.
func (c *CatchUp) changes(keys []space.Key, before, after store.View, out *parts) error {
	for _, key := range keys {
		if !c.held.Has(key.Collection) {
			continue
		}
		now, err := after.Get(key)
		if err != nil {
			return err
		}
		delta := kernel.NewDelta(key, now, func() (space.Version, error) { return before.Get(key) })
		step, err := c.held.Step(delta)
		if err != nil {
			return err
		}
		if err := out.add(step); err != nil {
			return err
		}
	}
	return nil
}

// difference adds the difference of two whole views, or one whole view.
func (c *CatchUp) difference(next *kernel.View, before, after kernel.Snapshot, out *parts) error {
	gone, few, whole, err := c.lost(next, before, after)
	if err != nil {
		return err
	}
	if whole {
		for _, step := range few {
			if err := out.add(step); err != nil {
				return err
			}
		}
		return nil
	}
	out.w.Drop(gone.parts())
	for step, err := range kernel.Compare(c.held, before, next, after, kernel.Collections(c.held, next)) {
		if err != nil {
			return err
		}
		if step, err = gone.amend(step, c.cfg.Bugs.BlindDrops); err != nil {
			return err
		}
		if err := out.add(step); err != nil {
			return err
		}
	}
	return nil
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

// parts cuts a diff into messages of bearable size.
type parts struct {
	c      *CatchUp
	from   space.Cursor
	to     space.Cursor
	reset  bool
	scope  string // to be told with the last part, with
	leases map[string]int64
	other  bool // the view is another one than is held: its first diff is waited for, whatever is in it
	yield  func([]byte, error) bool
	first  bool
	w      *wire.DiffWriter
	sum    wire.Sum
}

func newParts(c *CatchUp, to space.Cursor, yield func([]byte, error) bool) *parts {
	p := &parts{c: c, from: c.from, to: to, reset: c.reset, yield: yield, first: true, other: c.held != nil && c.held.ID() != c.want.ID()}
	p.begin()
	return p
}

func (p *parts) begin() {
	p.w = wire.NewDiffWriter(p.c.cfg.Path, p.c.want.ID(), p.from, p.to, p.reset && p.first)
	p.first = false
}

func (p *parts) add(step kernel.Step) error {
	switch step.Action {
	case kernel.None:
		return nil
	case kernel.Put:
		p.w.Put(step.Entry.Key, step.Entry.Seq, step.Entry.Payload)
		if p.reset {
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
	p.w.Scope, p.w.Leases = p.scope, p.leases
	switch {
	case p.reset:
		frame = p.w.FinishReset(p.sum)
	case p.from == p.to && p.w.Empty() && p.scope == "" && !p.other:
		return nil // other rights, and the same view
	default:
		frame = p.w.Finish(false)
	}
	if !p.yield(frame, nil) {
		return errStopped
	}
	return nil
}

// Whole yields the frames of the whole view at one cursor of the log, as much of
// it as may be seen now. It is for readers that are no members.
func (c *CatchUp) Whole(ctx context.Context, at space.Cursor) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := c.whole(ctx, at, yield); err != nil && err != errStopped {
			yield(nil, err)
		}
	}
}

func (c *CatchUp) whole(ctx context.Context, at space.Cursor, yield func([]byte, error) bool) error {
	now, err := c.cfg.Store.View(ctx, c.cfg.Path, c.told.Load().Seq)
	if err != nil {
		return err
	}
	rights := c.rights.Load()
	now = rights.Lifted(now)
	next, err := scope(c.want, rights, now)
	_ = now.Close()
	if err != nil {
		return err
	}
	then, err := c.cfg.Store.View(ctx, c.cfg.Path, at.Seq)
	if err != nil {
		return err
	}
	then = Lifted(next, then)
	defer then.Close()
	whole := &CatchUp{cfg: c.cfg, want: c.want, reset: true}
	out := newParts(whole, at, yield)
	if err := whole.difference(next, nil, then, out); err != nil {
		return err
	}
	return out.end()
}
