package host

import (
	"fmt"
	"runtime/debug"

	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/wire"
)

// work runs f in a goroutine of the host's, which Close waits for. A panic in it
// is logged.
func (h *Host) work(f func()) {
	h.wg.Add(1)
	go func() {
		defer h.wg.Done()
		defer func() {
			if r := recover(); r != nil {
				h.opts.Logger.Error("a background task panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			}
		}()
		f()
	}()
}

// catchUp returns what a loop's space calls when a member lags.
func (h *Host) catchUp(l *loop) func(*core.Member) {
	return func(m *core.Member) {
		c, out := m.CatchUp(), m.Sink.(*outbox)
		h.stats.Lagging.Add(1)
		h.work(func() {
			defer h.stats.Lagging.Add(-1)
			if err := h.runCatchUp(l, m, c, out); err != nil {
				h.opts.Logger.Error("a session could not be caught up", "space", l.path, "error", err)
				out.end(wire.Encode(&wire.Error{Code: wire.CodeInternal, Space: string(l.path), RetryMS: 1000, Fatal: true, Message: "the server could not read its storage"}))
			}
		})
	}
}

// runCatchUp sends what a member misses, at the pace at which its session takes
// it, until it has reached the head and the loop has made it live.
func (h *Host) runCatchUp(l *loop, m *core.Member, c *core.CatchUp, out *outbox) error {
	for {
		if !out.ready() {
			return nil
		}
		for frame, err := range c.Frames(h.ctx) {
			if err != nil {
				return err
			}
			if !out.offerCatchUp(c, frame) {
				return nil
			}
		}
		if c.Dropped() {
			return nil
		}
		attached := make(chan bool, 1)
		if err := l.post(func(s *core.Space) { attached <- s.Attach(m, c) }); err != nil {
			out.end(wire.Encode(asWire(err)))
			return nil
		}
		select {
		case done := <-attached:
			if done {
				return nil
			}
		case <-l.dead:
			return nil
		}
	}
}

// ready waits for room and reports whether the session still takes frames.
func (o *outbox) ready() bool {
	for {
		room, open := o.wait()
		if room == nil {
			return open
		}
		<-room
	}
}

// endMembers ends the sessions that hold a loop which has broken down.
func (h *Host) endMembers(l *loop, reason *wire.Error) {
	h.mu.Lock()
	var hit []*Session
	for s := range h.sessions {
		if p := s.find(l.path); p != nil && p.loop == l {
			hit = append(hit, s)
		}
	}
	h.mu.Unlock()
	for _, s := range hit {
		s.end(reason)
	}
}
