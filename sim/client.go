package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store/memstore"
	"github.com/syncline/syncline/wire"
)

// A client is a replica and its device: the store survives crashes.
type client struct {
	*actor
	w       *world
	name    string
	view    space.View
	store   *memstore.Store
	core    *core.Core // nil while it is down
	conn    *conn
	ids     int
	cursor  space.Cursor // the last seen, for monotonic reads
	made    []*intent    // what this client wanted, in order
	retry   bool         // a connection is planned
	pushing bool         // a tick is planned
	terms   terms
	next    uint32        // the version of cards that it speaks from its next start on, if not 0
	away    time.Duration // it makes no connection before
	tap     tap           // nil but where a corpus is recorded
}

// A tap is told of all that goes into a replica and comes out of it.
type tap interface {
	crashed()
	connected()
	lost()
	received(frame []byte)
	stepped(fx core.Effects) // the core has done what it was told
	sent(message any)
}

func (c *client) time() time.Time { return epoch.Add(c.now + c.terms.skew) }

func (c *client) start() {
	if c.next != 0 {
		c.speak(c.next)
		c.next = 0
		c.note("%s speaks %d", c.name, c.speaks())
	}
	opts := core.Options{
		Space: path, View: c.view, User: c.name, Limits: limits, Chunk: c.w.plan.chunk, Mutators: c.w.callers(), Versions: c.view.Versions(), Bugs: c.w.bugs.Replica,
		NewClientID: func() space.ClientID {
			c.ids++
			return space.ClientID(fmt.Sprintf("client-%s-%010d", c.name, c.ids))
		},
	}
	r, err := core.Open(context.Background(), c.store, opts, c.time())
	if err != nil {
		c.w.fail("%s cannot open its store: %v", c.name, err)
		return
	}
	c.core = r
	c.look()
	c.note("%s up at %s", c.name, r.Status().Cursor)
	c.connectIn(0)
}

// crash loses everything but the store.
func (c *client) crash() {
	if c.core == nil {
		return
	}
	c.note("%s crash", c.name)
	if c.tap != nil {
		c.tap.crashed()
	}
	c.core = nil
	if conn := c.conn; conn != nil {
		c.conn = nil
		conn.cut = true
		// The server notices later, or when the client opens anew.
		conn.after(conn.between(0, time.Second), conn.server.end)
	}
	c.after(c.between(time.Millisecond, 300*time.Millisecond), c.start)
}

func (c *client) connectIn(d time.Duration) {
	if c.retry {
		return
	}
	c.retry = true
	c.after(d, func() {
		c.retry = false
		c.connect()
	})
}

func (c *client) connect() {
	if c.core == nil || c.conn != nil {
		return
	}
	if !c.w.healed && c.now < c.away {
		c.connectIn(c.away - c.now)
		return
	}
	if c.w.server.down || !c.w.healed && c.chance(c.w.plan.unreachable) {
		c.connectIn(c.between(20*time.Millisecond, 400*time.Millisecond))
		return
	}
	c.w.conns++
	conn := &conn{actor: c.newActor(c.w.seed, 1000+c.w.conns), w: c.w, client: c}
	conn.server = c.w.server.connect(conn)
	c.conn = conn
	if c.tap != nil {
		c.tap.connected()
	}
	fx, err := c.core.Connected(context.Background(), c.time(), c.name, limits)
	if !c.ok(err) {
		return
	}
	c.effects(fx)
	c.send(c.core.OpenMessage(c.time()))
}

// lost is called when the connection is gone.
func (c *client) lost(conn *conn) {
	if c.conn != conn {
		return
	}
	c.conn = nil
	if c.core != nil {
		c.core.Disconnected()
		if c.tap != nil {
			c.tap.lost()
		}
		c.connectIn(c.between(0, 200*time.Millisecond))
	}
}

func (c *client) send(m any) {
	conn := c.conn
	if open, ok := m.(*wire.Open); ok {
		c.terms.opened = c.question()
		open.Drops = open.Drops && c.w.plan.drops
	}
	if c.tap != nil {
		c.tap.sent(m)
	}
	conn.send(toServer, wire.Encode(m), conn.server.receive)
}

func (c *client) receive(conn *conn) func([]byte) {
	return func(data []byte) {
		if c.conn != conn || c.core == nil {
			return
		}
		m, err := wire.DecodeServer(data)
		if err != nil || m == nil {
			c.w.fail("%s cannot decode %s: %v", c.name, data, err)
			return
		}
		if d, ok := m.(*wire.Diff); ok && len(d.Drop) > 0 {
			c.w.counts.dropped++
		}
		if c.tap != nil {
			c.tap.received(data)
		}
		if e, ok := m.(*wire.Error); ok && e.Fatal {
			conn.lose()
			return
		}
		live := c.core.Status().Live
		fx, err := c.core.Receive(context.Background(), c.time(), m)
		if !c.ok(err) {
			return
		}
		if !live && c.core.Status().Live {
			c.contact(c.terms.opened)
		}
		c.effects(fx)
		c.push()
		c.w.checkClient(c)
	}
}

func (c *client) ok(err error) bool {
	if err != nil {
		c.w.fail("%s: %v", c.name, err)
	}
	return err == nil
}

// effects does what a step asks for.
func (c *client) effects(fx core.Effects) {
	if c.tap != nil {
		c.tap.stepped(fx)
	}
	for _, f := range fx.Finished {
		c.note("%s: %d is %s at %d", c.name, f.ID, f.Outcome.Kind, f.Outcome.Seq)
		c.w.finished(c, f)
	}
	switch fx.Action {
	case core.Reopen:
		if fx.Err != nil {
			c.w.counts.reopened++
		}
		if c.conn != nil {
			conn := c.conn
			c.after(fx.Wait, func() {
				if c.conn == conn && c.core != nil {
					c.send(c.core.OpenMessage(c.time()))
				}
			})
		}
	case core.Reconnect:
		c.w.counts.reconnected++
		if conn := c.conn; conn != nil {
			conn.lose()
		}
	case core.Halt:
		if c.w.plan.strict {
			c.w.fail("%s was told to stop: %v", c.name, fx.Err)
		}
		if conn := c.conn; conn != nil {
			conn.lose()
		}
	}
}

// push sends what may be sent, and plans to do so again when it may not yet.
func (c *client) push() {
	if c.core == nil || c.conn == nil {
		return
	}
	for m := c.core.Push(c.time(), 0); m != nil; m = c.core.Push(c.time(), 0) {
		c.send(m)
	}
	if hold := c.core.Hold(); hold.After(c.time()) && !c.pushing {
		c.pushing = true
		c.after(hold.Sub(c.time()), func() {
			c.pushing = false
			c.push()
		})
	}
}
