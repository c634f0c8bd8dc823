package mutator

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// Options bound what mutators may take.
type Options struct {
	// Time is how long one run may take; 0 is 250 ms. Below 0 there is no bound, and
	// mutators run on the goroutine of whoever calls: for simulators and tests.
	Time time.Duration
}

const defaultTime = 250 * time.Millisecond

// maxStuck is how many runs may go on that nobody waits for any more. Go cannot stop a
// goroutine; each of these holds a processor.
const maxStuck = 4

// A Runner carries out calls. It is a kernel.Caller. Its method may be called from any goroutine.
type Runner struct {
	kinds kinds
	time  time.Duration
	crew  *crew
	stuck atomic.Int32
}

// New returns a Runner. The error says which pattern or name of the set cannot be one.
func New(set Set, opt Options) (*Runner, error) {
	all, err := set.kinds()
	if err != nil {
		return nil, err
	}
	if opt.Time == 0 {
		opt.Time = defaultTime
	}
	return &Runner{kinds: all, time: opt.Time, crew: newCrew()}, nil
}

// Call implements kernel.Caller. The mutator runs on a goroutine of its own while the caller waits, and
// reads and writes through a gate that the caller shuts, so that one which outlives its time touches nothing.
func (r *Runner) Call(c *kernel.Call, tx kernel.Tx) error {
	f := r.kinds.find(c.Space, c.Name)
	if f == nil {
		return kernel.ErrNoMutator
	}
	if r.time < 0 {
		return run(f, &Tx{call: c, tx: tx, ctx: context.Background()})
	}
	if r.stuck.Load() >= maxStuck {
		return &wire.Error{Code: wire.CodeOverloaded, RetryMS: 1000, Message: "mutators that do not end keep the server busy"}
	}
	return r.bounded(f, c, tx)
}

func (r *Runner) bounded(f Func, c *kernel.Call, tx kernel.Tx) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	through := &gate{tx: tx}
	ended := make(chan error, 1)
	copied := *c // one that outlives its time may still look at it
	r.crew.do(func() { ended <- run(f, &Tx{call: &copied, tx: through, ctx: ctx}) })
	timer := time.NewTimer(r.time)
	defer timer.Stop()
	select {
	case err := <-ended:
		through.shut()
		return err
	case <-timer.C:
	}
	cancel()
	through.shut()
	late := &kernel.Fault{Reason: "time", Detail: fmt.Sprintf("it did not end within %v", r.time)}
	timer.Reset(r.time)
	select {
	case err := <-ended:
		var fault *kernel.Fault
		if errors.As(err, &fault) {
			late.Version = fault.Version
		}
	case <-timer.C:
		r.stuck.Add(1)
		go func() { <-ended; r.stuck.Add(-1) }()
		late.Detail += ", nor when it was told to"
	}
	return late
}

// maxDetail bounds what is kept of a panic, in bytes.
const maxDetail = 4 << 10

// run lets a panic be the mutator's fault.
func run(f Func, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			detail := fmt.Sprintf("%v\n%s", p, debug.Stack())
			err = &kernel.Fault{Reason: "panic", Detail: detail[:min(len(detail), maxDetail)]}
		}
	}()
	if err = f(tx, tx.call.Args); err != nil {
		var refusal *space.Refusal
		var fault *kernel.Fault
		if !errors.As(err, &refusal) && !errors.As(err, &fault) {
			err = &kernel.Fault{Reason: "error", Detail: err.Error()}
		}
	}
	return err
}
