package sim

import (
	"context"
	"strings"
	"time"

	"github.com/syncline/syncline/authz"
)

// In some of the schedules with rules a few collections have leases, of which
// those that the two definitions have are others. Devices have clocks that are set
// forth and back, tick, and ask the server for signs of life.

// leasedDefinitions are the definitions of such schedules: the same, as far as reading goes.
var leasedDefinitions = []*authz.Policy{compile(leasedText(0)), compile(leasedText(1))}

func leasedText(i int) string {
	if i == 0 {
		return strings.Replace(definitionText(0, ""), `"cards": {`, `"cards": {"lease": "1s", `, 1)
	}
	return strings.NewReplacer(`"cards": {`, `"cards": {"lease": "2s", `, `"register": {`, `"register": {"lease": "1s", `).Replace(definitionText(1, ""))
}

// The leases of cards.
const (
	shortestLease = time.Second
	longestLease  = 2 * time.Second
)

// terms is what is known of a client's contact with the server, by its clock.
type terms struct {
	skew   time.Duration // of its clock
	turns  int           // how often that was turned
	opened question      // when it asked to open the space
	seen   question      // when it asked what was answered last; zero: nothing was
	hidden int64         // the lease under which cards were, since then; a longer one may show them again
}

// A question is when something was asked, by a clock that may have been turned since.
type question struct {
	at    time.Time
	turns int
}

func (c *client) question() question { return question{c.time(), c.terms.turns} }

// lease plans what happens to clocks and connections. It ends, lest schedules go on for ever.
func (w *world) lease() {
	for _, c := range w.clients {
		a := w.newActor(w.seed, 200+c.id)
		var beat func()
		beat = func() {
			if a.now > w.plan.length+8*time.Second {
				return
			}
			if !w.healed && a.chance(12) {
				c.terms.skew += a.between(-4*time.Second, 3*time.Second)
				c.terms.turns++
			}
			if !w.healed && a.chance(40) && c.conn != nil {
				c.conn.lose()
				c.away = a.now + a.between(0, 3*time.Second)
			}
			c.look()
			c.ask(a)
			a.after(a.between(20*time.Millisecond, 120*time.Millisecond), beat)
		}
		a.after(0, beat)
	}
}

// look lets a client see what time it is, and checks what shows then.
func (c *client) look() {
	if c.core == nil || !c.w.plan.leased || c.w.err != nil {
		return
	}
	fx, err := c.core.Tick(context.Background(), c.time())
	if !c.ok(err) {
		return
	}
	c.effects(fx)
	c.w.checkLease(c)
}

// ask sends a ping, if the client wants to. It comes and is answered as messages are.
func (c *client) ask(a *actor) {
	if c.core == nil || c.conn == nil {
		return
	}
	if _, ask := c.core.Due(); !ask {
		return
	}
	conn, asked := c.conn, c.question()
	delay := func() time.Duration { return a.between(c.w.plan.minDelay, c.w.plan.maxDelay) }
	a.after(delay(), func() {
		if conn.cut || conn.silent || conn.server.ended || c.w.server.space == nil {
			return
		}
		a.after(delay(), func() {
			if conn.cut || conn.silent || c.conn != conn || c.core == nil {
				return
			}
			if c.core.Status().Live {
				c.contact(asked)
			}
			fx, err := c.core.Contact(context.Background(), c.time(), asked.at)
			if c.ok(err) {
				c.effects(fx)
				c.look()
			}
		})
	})
}

// contact notes that the server has answered what it was asked then.
func (c *client) contact(asked question) {
	c.terms.seen, c.terms.hidden = asked, 0
}

// checkLease checks that cards are hidden when they must be, and only then.
func (w *world) checkLease(c *client) {
	shows := 0
	for _, err := range c.core.Scan(context.Background(), "cards") {
		if err != nil {
			w.fail("%s: %v", c.name, err)
			return
		}
		shows++
	}
	status := c.core.Status()
	hidden := false
	for _, collection := range status.Expired {
		hidden = hidden || collection == "cards"
	}
	k, since, lease := &c.terms, c.time().Sub(c.terms.seen.at), c.core.Leases["cards"]
	switch {
	case hidden && shows > 0:
		w.fail("%s shows %d cards, and says that they are hidden", c.name, shows)
	case !hidden && !status.Cursor.IsZero() && !k.seen.at.IsZero() && since > longestLease+time.Millisecond: // which is what a replica counts in
		w.fail("%s hides no cards %v after it heard from the server", c.name, since)
	case !hidden && lease > 0 && lease <= k.hidden && !status.Cursor.IsZero():
		w.fail("%s shows cards again, and has not heard from the server", c.name)
	case hidden && status.Live && k.turns == k.seen.turns && since <= shortestLease:
		w.fail("%s hides cards %v after it heard from the server", c.name, since)
	}
	if hidden {
		k.hidden = lease
		w.counts.hidden++
	}
}
