package core

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

type logSeq = iter.Seq2[*space.Commit, error]

// A Space is one active space. It is used by one goroutine at a time.
type Space struct {
	cfg       Config
	head      space.Cursor
	horizon   space.Cursor
	told      atomic.Pointer[space.Cursor] // head, once its outcomes have been sent; catch-ups read it
	views     set[*liveView]
	byClass   map[string]*liveView // views, by the view's class
	index     index                // of views
	members   set[*Member]
	owners    map[space.ClientID]*Member           // who has a client id open
	known     map[space.ClientID]space.ClientState // of the owners, to spare the store
	queue     []queued
	queued    int           // bytes in queue and lines, about
	lines     map[any]*line // what waits for answers, by what has an order of its own
	held      int           // mutations in lines
	began     uint64        // lines so far
	questions uint64        // of writers without a client id so far
	presence  presence

	relations *authz.Relations // as of head
}

// A liveView is a view that live members share, each of its frames encoded once.
type liveView struct {
	view    *kernel.View
	members set[*Member]
	sent    space.Cursor // where the last frame that all of them got ends
}

// Load reads a space's head and returns it without members.
func Load(ctx context.Context, cfg Config) (*Space, error) {
	s := &Space{
		cfg: cfg, byClass: map[string]*liveView{}, index: index{},
		owners: map[space.ClientID]*Member{}, known: map[space.ClientID]space.ClientState{},
	}
	err := s.reload(ctx)
	s.tell()
	return s, err
}

func (s *Space) reload(ctx context.Context) error {
	if err := s.loadHead(ctx); err != nil {
		return err
	}
	clear(s.known)
	return s.loadRelations(ctx)
}

func (s *Space) loadHead(ctx context.Context) error {
	head, err := s.cfg.Store.Head(ctx, s.cfg.Path)
	if err != nil {
		return err
	}
	s.head, s.horizon = head.Cursor, head.Horizon
	return nil
}

// tell lets catch-ups go as far as the head. The outcomes up to there have been
// sent: so they come before the diffs that contain them.
func (s *Space) tell() {
	head := s.head
	s.told.Store(&head)
}

// Path is the space's path.
func (s *Space) Path() space.Path { return s.cfg.Path }

// Head is the last commit that members may know of.
func (s *Space) Head() space.Cursor { return s.head }

// Members is how many sessions have the space open.
func (s *Space) Members() int { return s.members.len() }

// Has reports whether m has the space open.
func (s *Space) Has(m *Member) bool { return s.members.has(m) }

// notOpen is what a member is told that has not opened the space, or no longer has.
func (s *Space) notOpen(m *Member) error {
	if s.Has(m) {
		return nil
	}
	return &wire.Error{Code: wire.CodeNotOpen, Message: "this session has not opened the space"}
}

// Idle reports whether nobody has the space open and nothing waits.
func (s *Space) Idle() bool { return s.members.len() == 0 && len(s.queue) == 0 && len(s.lines) == 0 }

// Open answers a member's request to open the space, for the first time or with
// another view. A member that got no error and has a view is lagging until
// Attach. The error is a *wire.Error for the client or the store's; everything is
// then as it was. A member that has left cannot come back.
func (s *Space) Open(ctx context.Context, m *Member, req *wire.Open) error {
	switch {
	case m.away:
		// The session gives its place up with this, and gets another one; who is not let in learns it then.
		return &wire.Error{Code: wire.CodeOverloaded, RetryMS: retryMS, Message: "this session was sent away: open the space again"}
	case m.gone:
		return nil // its session ended while the request waited
	}
	want, err := compile(req.View, s.cfg.Limits)
	if err != nil {
		return err
	}
	was, err := compile(req.Was, s.cfg.Limits)
	if err != nil {
		return err
	}
	r := &reader{ctx: ctx, s: s, at: s.head.Seq}
	defer r.close()
	rights := m.rights(s)
	var collections []string
	if want != nil {
		collections = want.Collections()
		rights = rights.Speaking(want.Versions())
	}
	scope := rights.Scope(collections, s.relations)
	if !scope.Open() {
		return Forbidden(s.cfg.Path)
	}
	if err := s.spoken(want); err != nil {
		return err
	}
	w := kernel.Writer{User: m.Who.User(), Client: req.Client}
	plan := s.plan(r, time.Time{})
	known, err := plan.Client(w)
	if err != nil {
		return err
	}
	opened := &wire.Opened{Space: string(s.cfg.Path), From: req.Cursor, Head: s.head, Last: known.Last, Self: m.Name, Scope: rights.Name(), Leases: rights.Leases(collections)}
	if opened.Outcomes, err = plan.Outcomes(w, space.MutationID(req.Acked), s.cfg.Limits.Pushed); err != nil {
		return err
	}
	var catch *CatchUp
	if want != nil {
		opened.View = want.ID()
		if catch, err = s.resume(ctx, req, s.catchUp(want, rights), was, opened); err != nil {
			return err
		}
		catch.named, catch.drops = opened.Scope, req.Drops
	}

	// The open of a connection that has broken may be read after that of the
	// connection which the client made next. That one must not lose to it.
	former := s.owners[req.Client]
	if former != nil && former.Born > m.Born {
		return &wire.Error{Code: wire.CodeDisplaced, Message: "a later session has opened the space with this client id"}
	}

	// Nothing can fail from here on.
	s.leaveView(m)
	s.disown(m)
	m.client, m.want, m.view, m.named, m.drops, m.says = req.Client, want, nil, opened.Scope, req.Drops, req.Speaks
	m.setCatchUp(catch)
	s.members.add(m)
	if !m.client.IsZero() {
		if former != nil && former != m {
			former.client = ""
			former.Sink.Send(wire.Encode(&wire.Error{
				Code: wire.CodeDisplaced, Space: string(s.cfg.Path),
				Message: "another session has opened the space with this client id",
			}))
		}
		s.owners[m.client], s.known[m.client] = m, known
	}
	m.Sink.Send(wire.Encode(opened))
	s.presence.join(s, m, req.Presence)
	if catch != nil && opened.Resume == wire.ResumeCurrent {
		m.view = within(want, scope)
		s.attach(m)
	} else if catch != nil {
		s.cfg.Lagging(m)
	}
	return nil
}

func compile(source space.View, limits wire.Limits) (*kernel.View, error) {
	if len(source) == 0 {
		return nil, nil
	}
	return kernel.CompileView(source, limits)
}

// resume decides how a replica's view is brought up to date.
func (s *Space) resume(ctx context.Context, req *wire.Open, c *CatchUp, was *kernel.View, opened *wire.Opened) (*CatchUp, error) {
	if was == nil {
		was = c.want
	}
	reset := func(reason string) (*CatchUp, error) {
		opened.Resume, opened.Reason = wire.ResumeReset, reason
		c.reset = true
		return c, nil
	}
	if req.Cursor == "" {
		return reset(wire.ResetNew)
	}
	cursor, err := space.ParseCursor(req.Cursor)
	if err != nil {
		return nil, &wire.Error{Code: wire.CodeBadCursor, Message: err.Error()}
	}
	state, err := s.locate(ctx, cursor)
	if err != nil {
		return nil, err
	}
	if state != "" {
		if state == wire.ResetForked {
			fork := min(s.head.Seq, cursor.Seq-1)
			opened.Fork = &fork
		}
		return reset(state)
	}
	if !s.cfg.Rules.Reaches(was.Collections(), was.Versions()) || req.Scope != opened.Scope && !s.cfg.Bugs.AnyScope {
		return reset(wire.ResetScope)
	}
	c.from, c.was, c.with = cursor, was, c.rights.Load()
	opened.Resume = wire.ResumeDiff
	if cursor == s.head && was.ID() == c.want.ID() {
		opened.Resume = wire.ResumeCurrent
	}
	return c, nil
}

func (s *Space) catchUp(want *kernel.View, rights authz.Rights) *CatchUp {
	c := &CatchUp{cfg: &s.cfg, told: &s.told, want: want}
	c.rights.Store(&rights)
	return c
}

// CatchUpFrom returns what takes a replica of view, of somebody who is no member,
// from a cursor to the head of cfg's space, or the whole view if cursor is nil;
// reset says why it cannot be told from there.
func CatchUpFrom(ctx context.Context, cfg Config, view *kernel.View, who *authz.Session, cursor *space.Cursor) (c *CatchUp, reset string, err error) {
	if err := cfg.Rules.Spoken(view.Collections(), view.Versions()); err != nil {
		return nil, "", err
	}
	s := &Space{cfg: cfg} // without the relations: its scope is read from the data
	if err := s.loadHead(ctx); err != nil {
		return nil, "", err
	}
	s.tell()
	c = s.catchUp(view, who.In(cfg.Rules))
	if cursor == nil {
		c.reset = true
		return c, "", nil
	}
	c.from, c.was, c.with = *cursor, view, c.rights.Load()
	reset, err = s.locate(ctx, *cursor)
	return c, reset, err
}

// locate says whether the log has the cursor: "" if it does, or the reason for
// a reset.
func (s *Space) locate(ctx context.Context, c space.Cursor) (reason string, err error) {
	if s.cfg.Bugs.AnyDigest {
		return "", nil
	}
	if c == s.head {
		return "", nil
	}
	switch {
	case c.Seq >= s.head.Seq:
		return wire.ResetForked, nil
	case c == s.horizon:
		return "", nil
	case c.Seq < s.horizon.Seq:
		return wire.ResetTrimmed, nil
	case c.Seq == s.horizon.Seq:
		return wire.ResetForked, nil
	}
	for commit, err := range s.cfg.Store.Log(ctx, s.cfg.Path, c.Seq-1) {
		if errors.Is(err, space.ErrTrimmed) {
			return wire.ResetTrimmed, nil
		}
		if err != nil {
			return "", err
		}
		if commit.Digest != c.Digest {
			return wire.ResetForked, nil
		}
		return "", nil
	}
	return "", fmt.Errorf("space %s: the log ends before its head %s", s.cfg.Path, s.head)
}

// Leave forgets a member, whose session has ended or closed the space.
func (s *Space) Leave(m *Member) {
	s.leaveView(m)
	s.disown(m)
	s.presence.leave(s, m)
	s.members.remove(m)
	m.setCatchUp(nil)
	m.gone = true
}

func (s *Space) disown(m *Member) {
	if s.owners[m.client] == m {
		delete(s.owners, m.client)
		delete(s.known, m.client)
	}
}

func (s *Space) leaveView(m *Member) {
	if !m.live {
		return
	}
	m.live = false
	lv := s.byClass[m.view.Class()]
	lv.members.remove(m)
	if lv.members.len() == 0 {
		delete(s.byClass, m.view.Class())
		s.views.remove(lv)
		s.index.remove(lv)
	}
}

// Attach makes a member live whose catch-up has got to at, and says whether it
// is: if more has been committed since, it is not, and catches up further. A
// catch-up of a view that the member has since replaced ends here, too.
func (s *Space) Attach(m *Member, c *CatchUp) (done bool) {
	if m.gone || m.catch != c {
		return true
	}
	if c.from != s.head || c.outdated() {
		return false
	}
	m.view, m.named = c.held, c.named
	s.attach(m)
	return true
}

func (s *Space) attach(m *Member) {
	if scope, ok := m.view.Filter().(*authz.Scope); ok && !scope.Open() {
		s.expel(m)
		return
	}
	lv := s.byClass[m.view.Class()]
	if lv == nil {
		lv = &liveView{view: m.view, sent: s.head}
		s.byClass[m.view.Class()] = lv
		s.views.add(lv)
		s.index.add(lv)
	}
	lv.members.add(m)
	m.view = lv.view // equal views share one compiled form
	m.live, m.catch, m.cursor = true, nil, s.head
}

// Trim raises the horizon.
func (s *Space) Trim(ctx context.Context, horizon space.Seq) error {
	if err := s.cfg.Store.Trim(ctx, s.cfg.Path, horizon); err != nil {
		return err
	}
	head, err := s.cfg.Store.Head(ctx, s.cfg.Path)
	if err == nil {
		s.horizon = head.Horizon
	}
	return err
}
