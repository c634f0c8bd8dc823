package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// connection is what holds for one connection only: nothing of it is stored.
type connection struct {
	asks   int              // OpenMessages that are not answered yet
	denied bool             // an error has come since the last of them, which may have been the answer
	asked  int64            // when the last of them was made, milliseconds since 1970
	open   bool             // opened, and not since asked to be opened anew
	live   bool             // the view has reached the head it had when opened
	halted bool             // no more pushes: the server takes none from this client
	viewID string           // the server's name of the view
	scope  string           // its name of what may be seen
	leases map[string]int64 // how long without contact
	head   space.Cursor     // the space's head when it was opened
	due    bool             // a reset is due: no other diff fits what is held
	forked bool             // a reset is due, and until then cursor belongs to another history: nothing is pushed
	last   space.MutationID // what the server had dealt with when it was opened
	fresh  bool             // open without a cursor: what is held is wrong

	sent    int              // how many of unacked are under way
	sentMax space.MutationID // the highest id pushed on this connection
	hold    time.Time        // push nothing before
	barrier LocalID          // push nothing from here on: these need a new client id
	gaps    int              // mutation_gap without progress
	reopens int              // since anything went well

	seq *sequence // a diff of which parts have come
}

// Connected tells the Core of a new connection: as whom the server knows us, ""
// if it does not say, and its limits. Then OpenMessage is to be sent. Mutations
// that no longer fit the limits are moved to the rejected list. The error is
// ErrUser when the store belongs to somebody else, whose mutations are never sent
// as this user's, or the store's.
func (c *Core) Connected(ctx context.Context, now time.Time, user string, limits wire.Limits) (Effects, error) {
	c.Disconnected()
	if user != "" && c.User != "" && user != c.User {
		return Effects{}, fmt.Errorf("space %s, of %q, connected as %q: %w", c.path, c.User, user, ErrUser)
	}
	c.limits = limits.WithDefaults()
	s := c.begin()
	if user != "" && c.User == "" {
		s.User = user
		s.touch()
	}
	s.unacked = slices.Clone(s.unacked)
	for i := 0; i < len(s.unacked); {
		it := s.unacked[i]
		why := c.tooLarge(it)
		if why == nil {
			i++
			continue
		}
		// No server with these limits can have taken it, nor any that follow it: their
		// ids may move up.
		s.unacked = slices.Delete(s.unacked, i, i+1)
		c.overlay.stale = true
		s.reject(it, space.Outcome{Kind: space.Rejected, Code: why.Code, Path: why.Path, Message: why.Message})
	}
	return c.conclude(ctx, now, s)
}

func (c *Core) tooLarge(it *item) *space.Refusal {
	var err error
	if it.Call != "" {
		_, err = checkCall(it.Call, it.Args, c.limits)
	} else {
		_, _, err = check(it.Ops, it.Reads, c.limits)
	}
	var r *space.Refusal
	if errors.As(err, &r) && r.Code == space.CodeTooLarge {
		return r
	}
	if size := it.size + pushOverhead; size > c.limits.Message {
		return refusal(space.CodeTooLarge, "", "a message of %d bytes; the limit message is %d", size, c.limits.Message)
	}
	return nil
}

// Disconnected tells the Core that the connection is gone. What was under way is
// sent again on the next.
func (c *Core) Disconnected() { c.conn = connection{} }

// OpenMessage is the message that opens the space, or opens it again, on the
// present connection. It is to be sent at the time now.
func (c *Core) OpenMessage(now time.Time) *wire.Open {
	k := &c.conn
	if k.denied {
		k.asks, k.denied = 0, false // had another answer been on its way, it would have come while we waited
	}
	k.asks++
	k.asked = now.UnixMilli()
	k.open, k.live, k.viewID, k.seq = false, false, "", nil
	k.sent, k.barrier, k.forked = 0, 0, false
	m := &wire.Open{Space: string(c.path), Client: c.meta.Client, Acked: uint64(c.Acked), View: c.meta.View, Drops: c.view != nil, Speaks: c.speaks()}
	if m.Cursor = c.from(); m.Cursor != "" {
		m.Scope = c.meta.Scope
		if !sameView(c.HeldOf, c.meta.View) {
			m.Was = c.HeldOf
		}
	}
	return m
}

// speaks are the versions of collections that are not in the view.
func (c *Core) speaks() space.Versions {
	var out space.Versions
	for collection, v := range c.opt.Versions {
		if v > 1 && (c.view == nil || !c.view.Has(collection)) {
			if out == nil {
				out = space.Versions{}
			}
			out[collection] = v
		}
	}
	return out
}

// from is the cursor to open with, "" if nothing is held that could be built upon.
func (c *Core) from() string {
	if !c.Held || c.conn.fresh || c.view == nil {
		return ""
	}
	return c.Cursor.String()
}

// pushOverhead is more than a push adds around its mutations, the path included.
const pushOverhead = 512

// Push returns the next mutations to send, at most max if that is above 0, or nil
// if there is nothing to send now: call it until then, and again after every step.
// When Hold is in the future, also then.
func (c *Core) Push(now time.Time, max int) *wire.Push {
	k := &c.conn
	if !k.open || k.forked || k.halted || c.broken != nil || now.Before(k.hold) {
		return nil
	}
	room := c.limits.Pushed - k.sent
	if max > 0 && max < room {
		room = max
	}
	var muts []space.Mutation
	bytes := pushOverhead
	for i := k.sent; i < len(c.unacked) && len(muts) < room; i++ {
		it := c.unacked[i]
		if k.barrier != 0 && it.ID >= k.barrier {
			break
		}
		if bytes += it.size + 32; bytes > c.limits.Message && len(muts) > 0 {
			break
		}
		v := it.V
		if c.opt.Bugs.Respelled {
			v = c.versions(&it.Mutation)
		}
		muts = append(muts, space.Mutation{ID: c.idOf(i), Ops: it.Ops, Call: it.Call, Args: it.Args, Reads: it.Reads, V: v})
	}
	if len(muts) == 0 {
		return nil
	}
	k.sent += len(muts)
	k.sentMax = muts[len(muts)-1].ID
	if c.opt.Bugs.LostAckOnRestart {
		c.forgetSent(now, k.sent)
	}
	return &wire.Push{Space: string(c.path), Mutations: muts}
}

// idOf is the id on the wire of unacked[i].
func (c *Core) idOf(i int) space.MutationID { return c.Acked + 1 + space.MutationID(i) }

// Hold is the time before which Push returns nothing, zero if there is none.
func (c *Core) Hold() time.Time { return c.conn.hold }

// forgetSent is a planted bug.
func (c *Core) forgetSent(now time.Time, n int) {
	rows := map[space.Key][]byte{}
	for _, it := range c.unacked[:n] {
		rows[queueKey(it.ID)] = nil
	}
	_ = c.append(context.Background(), now, rows)
}

// rekey takes a new client id: the mutations without outcome are numbered from 1,
// by their places. The caller must see to another connection, so that no answer
// to the old ids can be taken for one to the new.
func (c *Core) rekey(s *step) {
	s.Client = c.opt.NewClientID()
	s.Acked = 0
	s.touch()
}

// rekeyed commits a step that rekeys and shows again what was presumed applied.
func (c *Core) rekeyed(ctx context.Context, now time.Time, s *step, why error) (Effects, error) {
	fx, err := c.conclude(ctx, now, s)
	if err != nil {
		return fx, err
	}
	c.conn.open, c.conn.asks, c.conn.seq = false, 0, nil
	for _, it := range c.unacked {
		it.presumed = 0
	}
	c.overlay.stale = true
	fx.All, fx.Action, fx.Err = true, Reconnect, why
	return fx, c.ready(ctx)
}
