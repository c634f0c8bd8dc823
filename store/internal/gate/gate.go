// Package gate lets an engine's Close wait for the calls under way. It differs
// from a sync.RWMutex in that a call made within a call (a loop body of Log that
// reads the store) cannot deadlock with a Close in between: it is refused.
package gate

import (
	"sync"

	"github.com/syncline/syncline/store"
)

// A Gate is open until Close. The zero Gate is open.
type Gate struct {
	mu     sync.Mutex
	inside int
	closed bool
	empty  chan struct{} // made by Close, closed by the last to leave
}

// Enter admits a call, which must Leave, or refuses it with store.ErrClosed.
func (g *Gate) Enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return store.ErrClosed
	}
	g.inside++
	return nil
}

// Leave ends what Enter began.
func (g *Gate) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.closed {
		close(g.empty)
	}
}

// Close shuts the gate and returns when nobody is inside. The second Close
// returns store.ErrClosed.
func (g *Gate) Close() error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return store.ErrClosed
	}
	g.closed, g.empty = true, make(chan struct{})
	if g.inside == 0 {
		close(g.empty)
	}
	g.mu.Unlock()
	<-g.empty
	return nil
}
