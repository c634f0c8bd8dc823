package core

import (
	"context"
	"fmt"
	"time"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// Receive takes a message of the server's that concerns this space. What a server
// must not send changes nothing: the effects then ask for a new beginning. The
// error is the store's; the connection must be given up, as the message is lost.
func (c *Core) Receive(ctx context.Context, now time.Time, message wire.ServerMessage) (Effects, error) {
	if err := c.usable(); err != nil {
		return Effects{}, err
	}
	if err := c.ready(ctx); err != nil {
		return Effects{}, err
	}
	fx, err := c.receive(ctx, now, message)
	if err != nil {
		// Whatever was half done in memory is computed anew.
		c.conn.seq, c.conn.open, c.overlay.stale = nil, false, true
	}
	return fx, err
}

func (c *Core) receive(ctx context.Context, now time.Time, message wire.ServerMessage) (Effects, error) {
	switch m := message.(type) {
	case *wire.Opened:
		return c.opened(ctx, now, m)
	case *wire.Ack:
		return c.ack(ctx, now, m)
	case *wire.Diff:
		return c.diff(ctx, now, m)
	case *wire.Checked:
		return c.checked(ctx, m)
	case *wire.Error:
		return c.refused(ctx, now, m)
	case *wire.Closed:
		c.conn.open, c.conn.live, c.conn.seq = false, false, nil
	}
	return Effects{}, nil
}

const (
	defaultRetry = time.Second
	maxRetry     = 10 * time.Minute // no server may silence a client for longer
	maxGaps      = 8
)

func retryAfter(ms int) time.Duration {
	if ms <= 0 {
		return defaultRetry
	}
	if ms > int(maxRetry/time.Millisecond) {
		return maxRetry
	}
	return time.Duration(ms) * time.Millisecond
}

// holdBack lets nothing be pushed for a while, and then again from unacked[from].
func (c *Core) holdBack(now time.Time, from int, ms int) Effects {
	c.conn.sent = min(c.conn.sent, max(from, 0))
	wait := retryAfter(ms)
	c.conn.hold = now.Add(wait)
	return Effects{Wait: wait}
}

func (c *Core) ack(ctx context.Context, now time.Time, m *wire.Ack) (Effects, error) {
	if !c.conn.open {
		return Effects{}, nil // from before it was opened anew: it will be told again
	}
	s := c.begin()
	after := Effects{}
	var bad error
	for _, o := range m.Outcomes {
		if bad != nil || after.Action != Continue {
			break
		}
		first := s.Acked + 1
		switch {
		case o.Kind == space.RetryAfter:
			if o.ID >= first {
				// sent still counts those that this step settles.
				after = c.holdBack(now, int(o.ID-c.Acked-1), o.RetryMS)
				if o.Code == wire.CodeServerOutdated {
					after.Err = fmt.Errorf("%w: %s", ErrServerOutdated, o.Message)
				}
			}
		case o.Kind == space.UpgradeRequired:
			c.conn.halted = true
			after.Err = fmt.Errorf("%w: %s", ErrUpgradeRequired, o.Message)
		case !o.Final():
			bad = nonsense("an outcome %.20q", o.Kind)
		case o.ID < first:
			// Told again.
		case o.ID != first || o.ID > c.conn.sentMax || len(s.unacked) == 0:
			bad = nonsense("an outcome of mutation %d; %d is due and %d was pushed", o.ID, first, c.conn.sentMax)
		case o.Seq > space.MaxSeq:
			bad = nonsense("commit %d", o.Seq)
		default:
			c.settleFirst(s, o)
		}
	}
	fx, err := c.conclude(ctx, now, s)
	if err != nil {
		return fx, err
	}
	if bad != nil {
		after = c.refuse(bad)
	}
	fx.Action, fx.Wait, fx.Err = after.Action, after.Wait, after.Err
	if c.conn.barrier != 0 && (len(c.unacked) == 0 || c.unacked[0].ID >= c.conn.barrier) {
		return c.leaveClient(ctx, now, fx)
	}
	return fx, nil
}

// leaveClient takes a new client id once everything that the old one may have
// sent has its outcome.
func (c *Core) leaveClient(ctx context.Context, now time.Time, fx Effects) (Effects, error) {
	s := c.begin()
	c.rekey(s)
	more, err := c.rekeyed(ctx, now, s, errCopied)
	more.Finished = fx.Finished
	return more, err
}

var errCopied = fmt.Errorf("the server knows more mutations of this client than we do: the store was copied or restored; taking a new client id")

// refused handles an error that concerns this space.
func (c *Core) refused(ctx context.Context, now time.Time, e *wire.Error) (Effects, error) {
	k := &c.conn
	switch e.Code {
	case wire.CodeMutationGap:
		if !k.open {
			return Effects{}, nil
		}
		at := int64(e.Expected) - int64(c.Acked) - 1
		if k.gaps++; at < 0 || at > int64(k.sent) || k.gaps > maxGaps {
			return c.refuse(e), nil
		}
		k.sent = int(at)
		return Effects{}, nil
	case wire.CodeClientForked, wire.CodeClientMismatch:
		if e.Code == wire.CodeClientForked && !k.open {
			return Effects{}, nil // of a push from before it was opened anew, whose acks were passed over, too
		}
		s := c.begin()
		c.rekey(s)
		return c.rekeyed(ctx, now, s, e)
	case wire.CodeUpgradeRequired:
		k.open, k.live = false, false
		return Effects{Action: Halt, Err: fmt.Errorf("%w: %w", ErrUpgradeRequired, e)}, nil
	case wire.CodeRateLimited, wire.CodeOverloaded, wire.CodeUnavailable, wire.CodeServerOutdated:
		fx := c.holdBack(now, 0, e.RetryMS)
		fx.Err = e
		if e.Code == wire.CodeServerOutdated {
			k.open, k.live = false, false
			fx.Err = fmt.Errorf("%w: %w", ErrServerOutdated, e)
		}
		if !k.open {
			fx.Action, k.denied = Reopen, k.asks > 0
		}
		return fx, nil
	case wire.CodeNotOpen:
		return c.refuse(e), nil
	case wire.CodeBadCursor:
		k.fresh, k.denied = true, k.asks > 0
		return c.refuse(e), nil
	case wire.CodeForbidden:
		return c.purge(ctx, now, e)
	case wire.CodeDisplaced:
		k.open, k.live = false, false
		return Effects{Action: Halt, Err: fmt.Errorf("%w: %w", ErrDisplaced, e)}, nil
	}
	k.open, k.live = false, false
	if wire.ClassOf(e.Code) == wire.Retry {
		return Effects{Action: Reconnect, Wait: retryAfter(e.RetryMS), Err: e}, nil
	}
	return Effects{Action: Halt, Err: e}, nil
}

// purge drops all that is confirmed: it may not be seen any more. What is queued
// is the user's own and stays, for the server to decide on when the space can be opened again.
func (c *Core) purge(ctx context.Context, now time.Time, why error) (Effects, error) {
	if err := c.forget(ctx, now, c.Collections); err != nil {
		return Effects{}, err
	}
	s := c.begin()
	s.dropHeld()
	s.touch()
	s.leaveAll(c)
	if err := c.commit(ctx, now, s); err != nil {
		return Effects{}, err
	}
	c.conn.seq, c.conn.open, c.conn.live = nil, false, false
	return Effects{Action: Halt, Err: why, All: true}, c.rebuild(ctx)
}
