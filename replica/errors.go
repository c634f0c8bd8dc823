package replica

import (
	"errors"
	"fmt"

	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/space"
)

// Errors; test with errors.Is. Those of core are given again so that its package
// need not be imported.
var (
	ErrClosed          = errors.New("the replica is closed")
	ErrQueueFull       = core.ErrQueueFull
	ErrRejectedFull    = core.ErrRejectedFull
	ErrUser            = core.ErrUser
	ErrUnknownMutation = core.ErrUnknownMutation
	ErrDisplaced       = core.ErrDisplaced
	ErrExpired         = core.ErrExpired
	ErrNotLoaded       = core.ErrNotLoaded
	ErrUpgradeRequired = core.ErrUpgradeRequired
	ErrServerOutdated  = core.ErrServerOutdated
)

// A RejectedError is the end of a mutation that the server refused. The mutation
// is kept: see Space.Rejected, Retry and Discard.
type RejectedError struct {
	ID      core.LocalID
	Outcome space.Outcome // Rejected or Quarantined; says why
}

func (e *RejectedError) Error() string {
	o := e.Outcome
	if o.Code == "" {
		return fmt.Sprintf("mutation %s was %s: %s", e.ID, o.Kind, o.Message)
	}
	at := ""
	if o.Path != "" {
		at = " at " + o.Path
	}
	return fmt.Sprintf("mutation %s was %s: %s%s: %s", e.ID, o.Kind, o.Code, at, o.Message)
}
