package mutator

import (
	"errors"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
)

// A gate is a kernel.Tx for another goroutine than the one that owns the real one, which waits meanwhile: what is
// read and written needs no change of goroutines. Once the gate is shut nothing reaches the real one any more.
type gate struct {
	mu   sync.Mutex // held by whoever is inside
	tx   kernel.Tx  // nil: shut
	fell any        // with what the real one panicked, if it did
}

var errLate = errors.New("the mutator's time is up")

// shut waits until nobody is inside, lets nobody in any more, and passes on a panic of the real one
// to whom it belongs.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tx = nil
	if fell := g.fell; fell != nil {
		g.fell = nil
		panic(fell)
	}
}

func (g *gate) do(work func(kernel.Tx)) (err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tx == nil {
		return errLate
	}
	defer func() {
		if p := recover(); p != nil {
			g.tx, g.fell, err = nil, p, errLate
		}
	}()
	work(g.tx)
	return nil
}

func (g *gate) Get(collection, id string) (raw jsontext.Value, err error) {
	if late := g.do(func(tx kernel.Tx) { raw, err = tx.Get(collection, id) }); late != nil {
		return nil, late
	}
	return raw, err
}

func (g *gate) Find(collection string, q *selector.Query) (found []kernel.Found, err error) {
	if late := g.do(func(tx kernel.Tx) { found, err = tx.Find(collection, q) }); late != nil {
		return nil, late
	}
	return found, err
}

func (g *gate) Write(op *space.Op) (err error) {
	if late := g.do(func(tx kernel.Tx) { err = tx.Write(op) }); late != nil {
		return late
	}
	return err
}
