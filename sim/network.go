package sim

import (
	"bytes"
	"time"

	hostcore "github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/wire"
)

// A conn is one connection. Each direction delivers in order, unless chaos has
// it otherwise; a cut loses what is under way.
type conn struct {
	*actor
	w       *world
	client  *client
	server  *session
	cut     bool
	silent  bool // half open: nothing arrives any more, and nobody has noticed
	lossy   bool // something has vanished on it
	last    [2]time.Duration
	waiting int // bytes under way to the client: the outbox
}

const (
	toServer = iota
	toClient
)

// send plans the delivery of a message.
func (c *conn) send(direction int, data []byte, deliver func([]byte)) {
	if c.cut {
		return
	}
	chaos := &c.w.plan
	if !c.w.healed && direction == toClient && c.chance(chaos.vanish) && whole(data) {
		// No carrier should do this; the next diff shows that one is missing.
		c.note("vanished")
		c.lossy = true
		return
	}
	at := max(c.now+c.between(chaos.minDelay, chaos.maxDelay), c.last[direction])
	healthy := c.w.healed
	if !healthy && c.chance(chaos.reorder) && direction == toServer {
		// Overtaken by what follows: as when two requests race.
		at += chaos.maxDelay
	} else {
		c.last[direction] = at
	}
	if direction == toClient {
		c.waiting += len(data)
	}
	arrive := func() {
		if direction == toClient {
			c.waiting -= len(data)
		}
		if !c.cut && !c.silent {
			deliver(data)
		}
	}
	c.after(at-c.now, arrive)
	if healthy {
		return
	}
	if c.chance(chaos.duplicate) {
		again := at + c.between(0, chaos.maxDelay)
		if direction == toClient {
			c.waiting += len(data)
			again = at // in place: the stream to the client is never out of order
		}
		c.after(again-c.now, arrive)
	}
	if c.chance(chaos.drop) {
		// What is lost takes the connection with it, sooner or later.
		c.silent = true
		c.after(c.between(0, 2*time.Second), c.lose)
	}
}

// whole reports whether a message is a diff in one part of which the next one
// tells. One that brings another scope or another view may end where it began: then it does not.
func whole(data []byte) bool {
	if !bytes.HasPrefix(data, []byte(`{"t":"diff"`)) || bytes.Contains(data, []byte(`"more":true`)) || bytes.Contains(data, []byte(`"reset":true`)) || bytes.Contains(data, []byte(`"scope":"`)) {
		return false
	}
	m, err := wire.DecodeServer(data)
	d, ok := m.(*wire.Diff)
	return err == nil && ok && d.From != d.To
}

// lose ends a connection for both sides.
func (c *conn) lose() {
	if c.cut {
		return
	}
	c.cut = true
	c.note("cut")
	c.server.end()
	c.client.lost(c)
}

// A sink is the outbox of a session, as host has it: bounded for diffs.
type sink struct{ s *session }

func (k sink) Send(frame []byte) { k.s.deliver(frame) }

func (k sink) Offer(frame []byte) bool {
	c := k.s.conn
	if c.waiting > 0 && c.waiting+len(frame) > c.w.plan.outbox {
		return false
	}
	k.s.deliver(frame)
	return true
}

var _ hostcore.Sink = sink{}
