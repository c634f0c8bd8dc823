package replica

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// A Replica holds spaces and one connection for all of them. Make one with Open.
type Replica struct {
	opt   Options
	store store.Store
	owned bool // the store is ours to close

	mutators *mutator.Runner

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	done   sync.WaitGroup
	kick   chan struct{} // something may have to be sent or begun

	mu     sync.Mutex
	spaces map[space.Path]*Space
	link   linkState
	online bool
	closed bool
	hangUp context.CancelCauseFunc // ends the present session

	tries atomic.Int32 // connections failed in a row
}

// linkState is what the connection says to every space; Live stands for a session.
type linkState struct {
	state State
	err   error
}

// Open opens the replica in a file, or begins one, and starts connecting. ctx
// bounds Open alone; Close ends the replica.
func Open(ctx context.Context, opt Options) (*Replica, error) {
	opt = opt.withDefaults()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := &Replica{
		opt: opt, store: opt.Store, spaces: map[space.Path]*Space{}, kick: make(chan struct{}, 1),
		online: !opt.Offline, link: linkState{state: Offline},
	}
	var err error
	if r.mutators, err = mutator.New(opt.Mutators, mutator.Options{}); err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	if r.store == nil {
		if opt.Path == "" {
			return nil, errors.New("replica: Options.Path or Store is required")
		}
		st, err := openFile(opt.Path)
		if err != nil {
			return nil, err
		}
		r.store, r.owned = st, true
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.done.Add(1)
	go func() {
		defer r.done.Done()
		defer r.guard("connection")
		r.run()
	}()
	return r, nil
}

// guard is the end of each of the replica's goroutines: a panic stops the replica,
// visibly, and not the program.
func (r *Replica) guard(what string) {
	if p := recover(); p != nil {
		err := fmt.Errorf("replica: panic in its %s goroutine: %v", what, p)
		r.opt.Logger.Error("panic", "goroutine", what, "panic", p, "stack", string(debug.Stack()))
		r.setLink(context.WithoutCancel(r.ctx), Stopped, err)
		r.cancel()
	}
}

// Space opens a space of the replica with a view of it; without parts it keeps the
// view that the file remembers, which is none for a new space: then mutations are
// only pushed. Asking again returns the same Space, with the view changed if parts
// are given. The error is a *space.NameError, a *wire.Error for a bad view,
// ErrUser, ErrClosed or the store's.
func (r *Replica) Space(ctx context.Context, path string, view ...space.Part) (*Space, error) {
	name, err := space.ParsePath(path)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if s := r.spaces[name]; s != nil {
		if len(view) == 0 {
			return s, nil
		}
		return s, s.SetView(ctx, view...)
	}
	c, err := core.Open(ctx, r.store, core.Options{
		Space: name, View: view, KeepView: len(view) == 0, Versions: r.opt.Versions, User: r.opt.User, NewClientID: r.opt.NewClientID,
		Limits: r.opt.Limits, MaxQueue: r.opt.MaxQueue, KeepDone: r.opt.KeepDone, Mutators: r.mutators,
	}, r.now())
	if err != nil {
		return nil, err
	}
	s := &Space{r: r, path: name, core: c, changed: make(chan struct{}), waiters: map[core.LocalID]*Pending{}, wantOpen: true}
	r.spaces[name] = s
	s.plan()
	r.wake()
	return s, nil
}

// GoOnline lets the replica connect, at once if it is waiting to try again, and
// lets spaces that were stopped by an error try anew.
func (r *Replica) GoOnline() {
	for _, s := range r.all() {
		s.resume()
	}
	r.mu.Lock()
	r.online = true
	r.mu.Unlock()
	r.tries.Store(0)
	r.wake()
}

// GoOffline ends the connection and makes no other until GoOnline. Everything that
// is local works on.
func (r *Replica) GoOffline() {
	r.mu.Lock()
	r.online = false
	if r.hangUp != nil {
		r.hangUp(errOffline)
	}
	r.mu.Unlock()
	r.setLink(r.ctx, Offline, nil) // not when the connection has ended: whoever goes online again at once would take the old one for live
	r.wake()
}

// Close ends the connection, the goroutines and the use of the store. What is
// queued stays in the file. Waits under way return ErrClosed, watches end; loops
// over Query must have ended before. The second Close does nothing.
func (r *Replica) Close() error {
	r.mu.Lock()
	was := r.closed
	r.closed = true
	r.mu.Unlock()
	if was {
		return nil
	}
	r.cancel()
	r.done.Wait()
	for _, s := range r.all() {
		s.close()
	}
	if r.owned {
		return r.store.Close()
	}
	return nil
}

// now is the local clock that leases run on.
func (r *Replica) now() time.Time { return r.opt.now() }

func (r *Replica) wake() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// all are the open spaces in the order of their names.
func (r *Replica) all() []*Space {
	r.mu.Lock()
	defer r.mu.Unlock()
	spaces := make([]*Space, 0, len(r.spaces))
	for _, s := range r.spaces {
		spaces = append(spaces, s)
	}
	slices.SortFunc(spaces, func(a, b *Space) int { return strings.Compare(string(a.path), string(b.path)) })
	return spaces
}

func (r *Replica) find(path string) *Space {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spaces[space.Path(path)]
}

func (r *Replica) linkState() linkState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.link
}

// setLink says how the connection stands, unless ctx is over: a session that was told to end
// says nothing more. err stays what it was if nil.
func (r *Replica) setLink(ctx context.Context, state State, err error) {
	r.mu.Lock()
	if ctx.Err() != nil || r.link.state == Stopped && state != Stopped {
		r.mu.Unlock()
		return
	}
	r.link.state = state
	if err != nil {
		r.link.err = err
	}
	r.mu.Unlock()
	for _, s := range r.all() {
		s.mu.Lock()
		s.notify()
		s.mu.Unlock()
	}
}
