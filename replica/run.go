package replica

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/syncline/syncline/wire"
)

// run keeps a connection while there is a use for one, until the replica closes.
func (r *Replica) run() {
	defer r.setLink(context.WithoutCancel(r.ctx), Stopped, nil)
	for r.ctx.Err() == nil {
		if !r.useful() {
			r.setLink(r.ctx, Offline, nil)
			select {
			case <-r.kick:
			case <-r.ctx.Done():
			}
			continue
		}
		r.setLink(r.ctx, Connecting, nil)
		began := time.Now()
		again, err := r.session()
		if time.Since(began) >= backoffMax {
			// It was of use. One that ends soon counts as failed, lest a server that
			// welcomes and hangs up be called without end.
			r.tries.Store(0)
		}
		for _, s := range r.all() {
			s.disconnected()
		}
		if r.ctx.Err() != nil {
			return
		}
		r.opt.Logger.Info("disconnected", "err", err, "wait", again)
		if errors.Is(err, errOffline) {
			continue
		}
		r.setLink(r.ctx, Offline, err)
		r.pause(again)
	}
}

// useful reports whether a connection is wanted.
func (r *Replica) useful() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.online && len(r.spaces) > 0
}

// pause waits before the next connection: a random part of a delay that doubles
// with every failure, and atLeast that long. GoOnline cuts it short.
func (r *Replica) pause(atLeast time.Duration) {
	delay := backoffMax
	if tries := r.tries.Add(1) - 1; tries < 7 {
		delay = min(backoffMax, backoffMin<<tries)
	}
	wait := atLeast + rand.N(delay)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-r.ctx.Done():
			return
		case <-r.kick:
			if r.tries.Load() == 0 || !r.useful() {
				return
			}
		}
	}
}

// session is one connection from the dial to its end. It returns why it ended and
// how long to wait at least before the next.
func (r *Replica) session() (wait time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(r.ctx)
	defer cancel(nil)
	r.mu.Lock()
	r.hangUp = cancel
	online := r.online
	r.mu.Unlock()
	if !online {
		return 0, errOffline
	}
	hello := &wire.Hello{V: []int{wire.Version}, User: r.opt.User, Agent: r.opt.Agent}
	if r.opt.Token != nil {
		// Without a time limit: the user may have to sign in first.
		if hello.Token, err = r.opt.Token(ctx); err != nil {
			return 0, cmp.Or(context.Cause(ctx), err)
		}
	}
	dial, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	conn, err := r.opt.Dial(dial, r.opt.URL)
	if err != nil {
		return 0, cmp.Or(context.Cause(ctx), err)
	}
	s := &session{r: r, conn: conn, ended: make(chan struct{}), heard: make(chan struct{}, 1)}
	// Close ends a read and a write under way, whoever is in one.
	unwatch := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer unwatch()
	r.done.Add(1)
	go func() {
		defer r.done.Done()
		defer close(s.ended)
		defer r.guard("reading")
		s.fail(s.read(ctx), 0)
	}()
	s.fail(s.write(ctx, hello), 0)
	_ = conn.Close()
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	if context.Cause(ctx) == errOffline {
		return 0, errOffline
	}
	return s.wait, s.err
}

var (
	errOffline = errors.New("the replica was told to go offline")
	errSilent  = errors.New("the server does not answer")
	errHello   = errors.New("the server did not say welcome in time")
)
