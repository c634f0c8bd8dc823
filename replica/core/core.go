package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

// A Core is one replica of one space. See the package's documentation for who may
// call it when.
type Core struct {
	store  store.Store
	path   space.Path
	opt    Options
	limits wire.Limits

	head    space.Cursor // of the local log
	trimmed space.Seq    // the local log was last trimmed there
	broken  error

	state
	view     *kernel.View // compiled state.View, nil for the empty one
	overlay  overlay
	lease    clock
	rejectsN map[space.Key]int // how many rejected mutations touch a key
	conn     connection
}

// Open loads the replica of a space from a store, or begins one. The store may
// hold other spaces, but nobody else may write this one while the Core is used.
// The error is ErrUser when the store has another user's mutations; without
// any, what it holds is thrown away and a new replica begun.
func Open(ctx context.Context, st store.Store, opt Options, now time.Time) (*Core, error) {
	if opt.NewClientID == nil || opt.Space == "" {
		return nil, errors.New("core: Options.Space and Options.NewClientID are required")
	}
	opt = opt.withDefaults()
	c := &Core{store: st, path: opt.Space, opt: opt, limits: opt.Limits}
	found, err := c.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("space %s: %w", c.path, err)
	}
	if found && opt.User != "" && c.User != "" && c.User != opt.User {
		if c.queued() > 0 || len(c.rejected) > 0 {
			return nil, fmt.Errorf("space %s, of %q: %w", c.path, c.User, ErrUser)
		}
		if err := st.Drop(ctx, c.path); err != nil {
			return nil, err
		}
		*c = Core{store: st, path: opt.Space, opt: opt, limits: opt.Limits}
		found = false
	}
	if err := c.settleOptions(ctx, now, found); err != nil {
		return nil, err
	}
	c.rejectsN = map[space.Key]int{}
	for _, it := range c.rejected {
		c.countRejected(it, 1)
	}
	c.overlay.stale = true
	if err := c.wake(ctx, now); err != nil {
		return nil, err
	}
	view := opt.View
	if c.opt.KeepView {
		view = c.meta.View // at the versions that the program speaks by now
	}
	if _, err := c.SetView(ctx, now, view); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Core) load(ctx context.Context) (found bool, err error) {
	head, err := c.store.Head(ctx, c.path)
	if err != nil {
		return false, err
	}
	c.head, c.trimmed = head.Cursor, head.Horizon.Seq
	if head.Cursor.IsZero() {
		return false, nil
	}
	view, err := c.store.View(ctx, c.path, head.Cursor.Seq)
	if err != nil {
		return false, err
	}
	defer view.Close()
	c.state, found, err = load(view, !c.opt.Bugs.LostAckOnRestart)
	return found, err
}

// settleOptions writes what the options change about the stored state.
func (c *Core) settleOptions(ctx context.Context, now time.Time, found bool) error {
	s := c.begin()
	if !found {
		if s.Client = c.opt.NewClientID(); s.Client.IsZero() {
			return errors.New("core: NewClientID made the empty id")
		}
		s.Next = 1
		s.touch()
	}
	if c.opt.User != "" && s.User == "" {
		s.User = c.opt.User
		s.touch()
	}
	if err := c.commit(ctx, now, s); err != nil {
		return err
	}
	return c.compile()
}

// setView puts a view into a step. The error is a *wire.Error.
func (c *Core) setView(s *step, view space.View) error {
	view = slices.Clone(view)
	for i := range view {
		view[i].V = c.opt.Versions.Of(view[i].In)
	}
	v, err := kernel.CompileView(view, c.limits)
	if err != nil {
		return err
	}
	if sameView(v.Source(), s.View) {
		return nil
	}
	s.View = v.Source()
	s.touch()
	return nil
}

// otherVersions are the collections of which another version is held than is wanted, in order.
func (s *step) otherVersions() (other []string) {
	wanted, held := s.View.Versions(), s.HeldOf.Versions()
	for _, p := range s.HeldOf {
		if wants := slices.ContainsFunc(s.View, func(w space.Part) bool { return w.In == p.In }); wants && wanted.Of(p.In) != held.Of(p.In) && !slices.Contains(other, p.In) {
			other = append(other, p.In)
		}
	}
	return other
}

// compile follows the state's view.
func (c *Core) compile() error {
	c.view = nil
	if len(c.meta.View) == 0 {
		return nil
	}
	v, err := kernel.CompileView(c.meta.View, wire.Limits{Parts: 1 << 20, Selector: 1 << 30})
	if err != nil {
		return fmt.Errorf("%s: %w: %v", metaKey, store.ErrCorrupt, err)
	}
	c.view = v
	return nil
}

func sameView(a, b space.View) bool { return len(a) == len(b) && a.ID() == b.ID() }

// Client is the client id that mutations are pushed with.
func (c *Core) Client() space.ClientID { return c.meta.Client }

// View is the view that is wanted, in canonical form.
func (c *Core) View() space.View { return c.meta.View }

// SetView changes what is held. What is shown stays as it is until the server has
// sent the difference. Send OpenMessage afterwards. The error is a *wire.Error
// for a bad view, or the store's. With the empty view everything confirmed is
// dropped at once, and mutations leave the queue when they are applied.
func (c *Core) SetView(ctx context.Context, now time.Time, view space.View) (Effects, error) {
	s := c.begin()
	if err := c.setView(s, view); err != nil || !s.dirty {
		return Effects{}, err
	}
	if len(s.View) == 0 {
		if err := c.forget(ctx, now, c.Collections); err != nil {
			return Effects{}, err
		}
		s = c.begin()
		s.View = nil
		s.dropHeld()
		s.touch()
		s.leaveAll(c)
	}
	other := s.otherVersions()
	if c.opt.Bugs.OldForm && len(other) > 0 {
		s.HeldOf, other = s.View, nil
	}
	if len(other) > 0 {
		// What is held of these is of a form that the program does not know.
		wanted := s.View
		if err := c.forget(ctx, now, other); err != nil {
			return Effects{}, err
		}
		s = c.begin()
		s.View, s.Stage = wanted, 0
		s.HeldOf = slices.DeleteFunc(slices.Clone(s.HeldOf), func(p space.Part) bool { return slices.Contains(other, p.In) })
		if len(s.HeldOf) == 0 {
			s.Held, s.Cursor, s.Scope = false, space.Cursor{}, ""
		}
		s.touch()
	}
	if err := c.commit(ctx, now, s); err != nil {
		return Effects{}, err
	}
	if err := c.compile(); err != nil {
		return Effects{}, err
	}
	c.conn.seq, c.conn.open, c.conn.live = nil, false, false
	fx := Effects{Action: Reopen}
	if len(other) > 0 {
		fx.All = true
		c.overlay.stale = true
	}
	if c.view == nil {
		fx.All = true
		return fx, c.rebuild(ctx)
	}
	return fx, nil
}

// A Status says where a replica stands.
type Status struct {
	Client   space.ClientID
	Cursor   space.Cursor
	Live     bool      // the view is complete and the server sends what happens
	Synced   time.Time // when it was last complete, zero if never
	Pending  int       // queued mutations
	Unacked  int       // those of them without an outcome
	Rejected int
	Expired  []string // collections of which nothing shows, because their leases have run out; in order
}

// Status is cheap.
func (c *Core) Status() Status {
	s := Status{
		Client: c.meta.Client, Cursor: c.Cursor, Live: c.conn.live,
		Pending: c.queued(), Unacked: len(c.unacked), Rejected: len(c.rejected), Expired: c.expired(),
	}
	if c.Synced != 0 {
		s.Synced = time.UnixMilli(c.Synced).UTC()
	}
	return s
}
