package sim

import (
	"context"
	"errors"
	"iter"
	"time"

	hostcore "github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

const path = space.Path("sim/one")

var limits = wire.Limits{Queue: 4 << 10, Pushed: 8}.WithDefaults()

// A server is the authority: its store survives crashes, all else is made anew.
type server struct {
	*actor
	w        *world
	store    *memstore.Store
	backup   *memstore.Store
	oracle   *oracle
	space    *hostcore.Space // nil while it is down
	sessions []*session
	turning  bool
	skew     time.Duration // of the server's clock
	down     bool
}

// A session is the server's end of a connection.
type session struct {
	server *server
	conn   *conn
	member *hostcore.Member
	joined bool
	ended  bool
	stop   func() // of the catch-up under way
}

func (s *server) start() {
	s.down = false
	sp, err := hostcore.Load(context.Background(), hostcore.Config{
		Path: path, Store: s.store, Limits: limits, Rules: s.w.rules(), Lagging: s.lagging, Ask: s.ask, PartBytes: s.w.plan.part, EagerDrops: s.w.plan.eager, Mutators: s.w.callers(), Bugs: s.w.bugs.Host,
	})
	if err != nil {
		s.w.fail("the server cannot load the space: %v", err)
		return
	}
	s.space = sp
	s.note("server up at %s", sp.Head())
}

// crash loses everything but the store.
func (s *server) crash() {
	s.note("server crash")
	s.space, s.down, s.turning = nil, true, false
	sessions := s.sessions
	s.sessions = nil
	for _, one := range sessions {
		one.finish()
		one.conn.cut = true
		one.conn.client.lost(one.conn)
	}
	s.after(s.between(time.Millisecond, 500*time.Millisecond), s.start)
}

func (s *server) connect(c *conn) *session {
	one := &session{server: s, conn: c}
	one.member = &hostcore.Member{Sink: sink{one}, Who: s.w.identify(c.client.name), Name: c.client.name}
	s.sessions = append(s.sessions, one)
	return one
}

// end is called when the connection is gone.
func (one *session) end() {
	if one.ended {
		return
	}
	one.finish()
	s := one.server
	for i, other := range s.sessions {
		if other == one {
			s.sessions = append(s.sessions[:i:i], s.sessions[i+1:]...)
			break
		}
	}
	if one.joined && s.space != nil {
		s.space.Leave(one.member)
	}
}

func (one *session) finish() {
	one.ended = true
	if one.stop != nil {
		one.stop()
		one.stop = nil
	}
}

// deliver sends a frame to the client.
func (one *session) deliver(frame []byte) {
	c := one.conn
	c.note("→ %s", frame)
	c.send(toClient, frame, c.client.receive(c))
}

// receive acts on a message, as host.Session does.
func (one *session) receive(data []byte) {
	s := one.server
	if one.ended || s.space == nil {
		return
	}
	one.conn.note("← %s", data)
	m, err := wire.DecodeClient(data, limits)
	if err != nil {
		s.w.fail("the server cannot decode %s: %v", data, err)
		return
	}
	switch m := m.(type) {
	case *wire.Open:
		one.joined = true
		err = s.space.Open(context.Background(), one.member, m)
	case *wire.Push:
		if err = s.space.Push(one.member, m.Mutations); err == nil {
			s.turn()
		}
	}
	if err != nil {
		var e *wire.Error
		if !errors.As(err, &e) {
			s.w.fail("the server failed: %v", err)
			return
		}
		answer := *e
		answer.Space = string(path)
		one.deliver(wire.Encode(&answer))
	}
}

// turn plans a round of the space's loop: plan now, append later, and then tell.
// A crash may come between any two.
func (s *server) turn() {
	if s.turning {
		return
	}
	s.turning = true
	sp := s.space
	s.after(s.between(0, time.Millisecond), func() {
		if s.space != sp {
			return
		}
		turn := sp.Begin(context.Background(), epoch.Add(s.now+s.skew))
		if turn == nil {
			s.turning = false
			return
		}
		s.after(s.between(100*time.Microsecond, 3*time.Millisecond), func() {
			if s.space != sp {
				return // the crash came before the disk
			}
			err := s.append(sp, turn)
			if !s.w.healed && s.chance(s.w.plan.crashInAppend) {
				s.crash() // on disk, but nobody was told
				return
			}
			if err := sp.Finish(context.Background(), turn, err); err != nil {
				s.w.fail("finish: %v", err)
				return
			}
			s.turning = false
			s.turn()
		})
	})
}

func (s *server) append(sp *hostcore.Space, turn *hostcore.Turn) error {
	if turn.Empty() {
		return nil
	}
	batches, err := turn.Batches(path)
	if err != nil {
		s.w.fail("batches: %v", err)
		return err
	}
	if !s.w.healed && s.chance(s.w.plan.full) {
		s.note("disk full")
		return store.ErrFull
	}
	err = s.store.Append(context.Background(), batches...)
	if err != nil {
		s.w.fail("append on %s: %v", sp.Head(), err)
		return err
	}
	s.oracle.add(batches[0].Commits)
	return nil
}

// lagging catches a member up, a frame at a time, as its connection has room.
func (s *server) lagging(m *hostcore.Member) {
	one := m.Sink.(sink).s
	c := m.CatchUp()
	conn := one.conn
	var next func() ([]byte, error, bool)
	var step func()
	begin := func() {
		var stop func()
		next, stop = iter.Pull2(c.Frames(context.Background()))
		one.stop = stop
	}
	step = func() {
		switch {
		case one.ended || s.space == nil || c.Dropped():
			return
		case conn.waiting > s.w.plan.outbox/2:
			conn.after(5*time.Millisecond, step)
			return
		}
		frame, err, ok := next()
		if err != nil {
			s.w.fail("catch-up: %v", err)
			return
		}
		if ok {
			if !c.Dropped() {
				one.deliver(frame)
			}
		} else if s.space.Attach(m, c) {
			return
		} else {
			begin()
		}
		conn.after(conn.between(0, time.Millisecond), step)
	}
	if one.stop != nil {
		one.stop()
	}
	begin()
	conn.after(conn.between(0, time.Millisecond), step)
}

// trim raises the horizon to some commit below the head.
func (s *server) trim() {
	if s.space == nil || s.turning {
		return
	}
	head := s.space.Head().Seq
	if head < 2 {
		return
	}
	horizon := space.Seq(1 + s.rand.Int64N(int64(head)-1))
	s.note("trim to %d", horizon)
	if err := s.space.Trim(context.Background(), horizon); err != nil {
		s.w.fail("trim: %v", err)
	}
}

// restore puts an old backup in the place of the store: history is lost.
func (s *server) restore() {
	if s.backup == nil || s.down {
		return
	}
	s.crash()
	s.store = s.backup.Clone()
	head, err := s.store.Head(context.Background(), path)
	if err != nil {
		s.w.fail("the backup has no head: %v", err)
		return
	}
	s.note("restored to %s", head.Cursor)
	s.oracle.restore(head.Cursor.Seq)
}
