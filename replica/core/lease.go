package core

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"
)

// Leases. A server may say how long what is held of a collection may be shown
// without contact. Contact is an answer: it counts from when the question was
// asked, by the local clock, so that nothing that lay in a buffer while the
// device slept can be taken for one. Once the lease has run out the collection
// shows nothing until the server has answered again and the view is up to date.

// ErrExpired refuses a serializable mutation that has read what was hidden: nobody
// knows what it should have read.
var ErrExpired = errors.New("a lease of what was read has run out: it may be read when the server was heard of again")

// A term is the clock that leases run on: a clock set back does not stop it. It is in the meta row;
// without leases it is not kept. Milliseconds since 1970.
type term struct {
	Leases map[string]int64 `json:"leases,omitzero"` // by collection, milliseconds
	Seen   int64            `json:"seen,omitzero"`   // when the last question was asked that the server has answered
	High   int64            `json:"high,omitzero"`   // the latest time there has been
}

// clock is what is known of the term in memory only.
type clock struct {
	skew   int64 // how far the local clock is behind High
	asked  int64 // as term.Seen, also without leases; 0: nothing was answered yet
	stored int64 // High, as it was last written
	hidden map[string]bool
}

// Contact is to be told when the server has answered a question, such as a ping, that
// was asked at the time asked on the present connection. If the view is up to
// date, what was hidden shows again.
func (c *Core) Contact(ctx context.Context, now, asked time.Time) (Effects, error) {
	if !c.conn.live {
		return Effects{}, nil
	}
	c.lease.asked = asked.UnixMilli()
	return c.lapse(ctx, now, true)
}

// Tick lets time pass: what may not be shown any longer is hidden from then on. It
// is to be called before anything is read, and again when Due says so. The error
// is the store's; what is to be hidden is, all the same.
func (c *Core) Tick(ctx context.Context, now time.Time) (Effects, error) {
	return c.lapse(ctx, now, false)
}

// Due is how long after a Tick the next one should come, and whether the server is
// to be asked for a sign of life before; 0: nothing has a lease.
func (c *Core) Due() (after time.Duration, ask bool) {
	if len(c.Leases) == 0 {
		return 0, false
	}
	quarter := c.shortest() / 4
	return min(time.Second, time.Duration(quarter)*time.Millisecond), c.conn.live && c.High-c.Seen >= min(quarter, maxSilence)
}

const (
	maxSilence = 25_000 // milliseconds, after which the server is asked
	maxUnkept  = 60_000 // milliseconds of the term that a crash may forget; that something has run out it does not
)

// shortest is the shortest of the leases; there must be one. It is asked for with every read.
func (c *Core) shortest() int64 {
	least := int64(math.MaxInt64)
	for _, lease := range c.Leases {
		least = min(least, lease)
	}
	return least
}

// lapse brings the term up to date and hides, or shows again, what follows from it.
func (c *Core) lapse(ctx context.Context, now time.Time, contact bool) (fx Effects, err error) {
	k := &c.lease
	if len(c.Leases) == 0 {
		c.term = term{}
		if len(k.hidden) == 0 {
			return Effects{}, nil
		}
	} else {
		ms := now.UnixMilli()
		if contact || c.Seen == 0 {
			c.Seen, k.skew, c.High = k.asked, 0, k.asked // a clock that was wrong is forgiven
		}
		if ms+k.skew < c.High && !c.opt.Bugs.TurnedBack {
			k.skew = c.High - ms
		}
		c.High = ms + k.skew
	}
	var hidden map[string]bool
	for collection, lease := range c.Leases {
		if c.High-c.Seen > lease && !c.opt.Bugs.EndlessLease {
			if hidden == nil {
				hidden = map[string]bool{}
			}
			hidden[collection] = true
		}
	}
	changed := !maps.Equal(hidden, k.hidden)
	if changed {
		k.hidden, fx.All = hidden, true
		if c.overlay.calls > 0 {
			c.overlay.stale = true // a call may have read what is hidden now
		}
	}
	if len(c.Leases) > 0 && (changed || c.High < k.stored || c.High-k.stored >= min(maxUnkept, c.shortest()/16)) {
		s := c.begin()
		s.touch()
		if err = c.commit(ctx, now, s); err == nil {
			k.stored = c.High
		}
	}
	return fx, err
}

// wake starts the term of a replica that was loaded.
func (c *Core) wake(ctx context.Context, now time.Time) error {
	c.lease.stored, c.lease.asked = c.High, c.Seen
	_, err := c.lapse(ctx, now, false)
	return err
}

// upToDate notes that the view is up to date, as of a question that was asked before.
func (c *Core) upToDate(ctx context.Context, now time.Time, fx Effects) (Effects, error) {
	first := !c.conn.live
	if c.conn.live = true; first {
		c.lease.asked = c.conn.asked
	}
	more, err := c.lapse(ctx, now, first)
	fx.All = fx.All || more.All
	return fx, err
}

// Hides reports whether a collection shows nothing because its lease has run out.
func (c *Core) Hides(collection string) bool { return c.lease.hidden[collection] }

// expired lists the collections that are hidden, in order.
func (c *Core) expired() []string {
	if len(c.lease.hidden) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(c.lease.hidden))
}
