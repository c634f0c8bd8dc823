package mutator

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
)

// remote is a kernel.Tx for another goroutine than the one that owns the real one.
// Once its context has ended nothing reaches the real one any more.
type remote struct {
	ctx  context.Context
	work chan func(kernel.Tx)
	done chan struct{}
}

var errLate = errors.New("the mutator's time is up")

func (r *remote) do(work func(kernel.Tx)) error {
	select {
	case r.work <- func(tx kernel.Tx) { work(tx); r.done <- struct{}{} }:
		<-r.done // whoever took it does it
		return nil
	case <-r.ctx.Done():
		return errLate
	}
}

func (r *remote) Get(collection, id string) (raw jsontext.Value, err error) {
	if late := r.do(func(tx kernel.Tx) { raw, err = tx.Get(collection, id) }); late != nil {
		return nil, late
	}
	return raw, err
}

func (r *remote) Find(collection string, q *selector.Query) (found []kernel.Found, err error) {
	if late := r.do(func(tx kernel.Tx) { found, err = tx.Find(collection, q) }); late != nil {
		return nil, late
	}
	return found, err
}

func (r *remote) Write(op *space.Op) (err error) {
	if late := r.do(func(tx kernel.Tx) { err = tx.Write(op) }); late != nil {
		return late
	}
	return err
}
