package host

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/syncline/syncline/host/core"
)

// maxAsking bounds the questions that a node has under way. Each is over within core.AskFor.
const maxAsking = 512

// ask returns what a loop's space calls with a mutation that needs somebody's
// agreement. The loop goes on; the answer comes as a request of its own.
func (h *Host) ask(l *loop) func(*core.Ask) {
	if h.opts.Ask == nil {
		return nil
	}
	return func(ask *core.Ask) {
		answer := func(v core.Verdict) {
			l.leave(func(s *core.Space) { s.Answer(ask, v) })
		}
		select {
		case h.asking <- struct{}{}:
		default:
			answer(core.Verdict{Busy: true})
			return
		}
		h.stats.Asking.Add(1)
		h.work(func() {
			v := h.put(l, ask)
			h.stats.Asking.Add(-1)
			<-h.asking
			answer(v)
		})
	}
}

// put asks. One who panics has not answered.
func (h *Host) put(l *loop, ask *core.Ask) (v core.Verdict) {
	ctx, cancel := context.WithTimeout(h.ctx, ask.Deadline.Sub(h.opts.Now()))
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-l.dead: // nobody is there to take the answer
			cancel()
		case <-done:
		}
	}()
	defer func() {
		if r := recover(); r != nil {
			h.opts.Logger.Error("asking another system panicked", "space", l.path, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			v = core.Verdict{}
		}
	}()
	return h.opts.Ask(ctx, l.path, ask)
}
