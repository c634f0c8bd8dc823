package ruletest

import (
	"slices"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/mutator"
	"github.com/syncline/syncline/space"
)

// callTime is how long a mutator may run in a test: longer than in a server, so that no test fails
// because the machine had something else to do.
const callTime = 10 * time.Second

// calls carries out those of a test.
type calls struct {
	path   space.Path
	runner *mutator.Runner // nil: there are no mutators
	wrote  []space.Key     // by the last call, in order
}

func newCalls(path space.Path, set mutator.Set) (*calls, error) {
	c := &calls{path: path}
	if set == nil {
		return c, nil
	}
	var err error
	c.runner, err = mutator.New(set, mutator.Options{Time: callTime})
	return c, err
}

// serve lets a plan call mutators for somebody.
func (c *calls) serve(plan *kernel.Plan, who *authz.Session) {
	if c.runner != nil {
		plan.Mutators = served{c, who}
	}
}

type served struct {
	*calls
	who *authz.Session
}

// Call implements kernel.Caller.
func (s served) Call(call *kernel.Call, tx kernel.Tx) error {
	call.Space, call.Claims, call.User = s.path, s.who.Claims(), s.who.User()
	s.calls.wrote = nil
	return s.runner.Call(call, &noted{tx, s.calls})
}

// noted remembers what is written, in order.
type noted struct {
	kernel.Tx
	calls *calls
}

// Write implements kernel.Tx.
func (n *noted) Write(op *space.Op) error {
	err := n.Tx.Write(op)
	if key := (space.Key{Collection: op.In, ID: op.ID}); err == nil && !slices.Contains(n.calls.wrote, key) {
		n.calls.wrote = append(n.calls.wrote, key)
	}
	return err
}
