// Package hints delivers "this space has new commits" to watchers, off the
// path of those who append. Engines share it so that Watch means the same
// everywhere.
//
// Lock order: Hub.mu is a leaf; no hint function is called under it.
package hints

import (
	"sync"
	"sync/atomic"

	"github.com/syncline/syncline/space"
)

// A Hub merges notifications and calls the watchers from one goroutine, which
// exists only while there is a watcher. The zero Hub is ready.
type Hub struct {
	watched atomic.Bool // whether Notify has anybody to tell

	mu       sync.Mutex
	watchers map[*watcher]struct{}
	pending  []space.Path // in the order of their first notification
	queued   map[space.Path]struct{}
	wake     chan struct{}
	done     chan struct{} // closed when the goroutine has ended
	closed   bool
}

type watcher struct{ hint func(space.Path) }

// Notify lets the watchers know, soon, that a space has new commits.
func (h *Hub) Notify(path space.Path) {
	if !h.watched.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watchers) == 0 {
		return
	}
	if _, ok := h.queued[path]; ok {
		return
	}
	h.queued[path] = struct{}{}
	h.pending = append(h.pending, path)
	h.signal()
}

// Watch adds a watcher. After stop has returned no further call to hint begins.
func (h *Hub) Watch(hint func(space.Path)) (stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return func() {}
	}
	if len(h.watchers) == 0 {
		h.start()
	}
	w := &watcher{hint}
	h.watchers[w] = struct{}{}
	h.watched.Store(true)
	return func() { h.remove(w) }
}

// Close removes all watchers and waits for the goroutine. It must not be called
// by a hint function.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	clear(h.watchers)
	h.watched.Store(false)
	h.signal()
	done := h.done
	h.mu.Unlock()
	if done != nil {
		<-done
	}
}

func (h *Hub) remove(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
	if len(h.watchers) == 0 {
		h.watched.Store(false)
		h.signal()
	}
}

// start begins a goroutine. One that is about to end keeps its own channels,
// and finds that it has been replaced.
func (h *Hub) start() {
	previous := h.done
	h.watchers = make(map[*watcher]struct{})
	h.queued = make(map[space.Path]struct{})
	h.pending = nil
	h.wake, h.done = make(chan struct{}, 1), make(chan struct{})
	go h.run(previous, h.wake, h.done)
}

func (h *Hub) signal() {
	if h.wake == nil {
		return
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *Hub) run(previous <-chan struct{}, wake <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	if previous != nil {
		<-previous // hints come from one goroutine at a time
	}
	for range wake {
		for {
			path, watchers, state := h.next(wake)
			if state == ended {
				return
			}
			if state == idle {
				break
			}
			for _, w := range watchers {
				if h.still(w) {
					w.hint(path)
				}
			}
		}
	}
}

type state int

const (
	busy state = iota
	idle
	ended
)

func (h *Hub) next(wake <-chan struct{}) (space.Path, []*watcher, state) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wake != nil && (<-chan struct{})(h.wake) != wake || len(h.watchers) == 0 {
		return "", nil, ended
	}
	if len(h.pending) == 0 {
		return "", nil, idle
	}
	path := h.pending[0]
	h.pending = h.pending[1:]
	delete(h.queued, path)
	watchers := make([]*watcher, 0, len(h.watchers))
	for w := range h.watchers {
		watchers = append(watchers, w)
	}
	return path, watchers, busy
}

func (h *Hub) still(w *watcher) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.watchers[w]
	return ok
}
