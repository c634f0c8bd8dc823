package core

import (
	"errors"
	"fmt"
)

// Errors of a Core; test with errors.Is. A mutation that the server would refuse
// on sight is a *space.Refusal; what the store says is passed on as it is.
var (
	// ErrQueueFull: Options.MaxQueue or MaxQueueBytes. Nothing was queued.
	ErrQueueFull = errors.New("the queue of unsent mutations is full")

	// ErrRejectedFull: as many rejected mutations as may be kept wait to be retried
	// or discarded. Nothing was queued.
	ErrRejectedFull = errors.New("too many rejected mutations are kept: retry or discard some")

	// ErrUser: the store holds another user's data and mutations.
	ErrUser = errors.New("the store belongs to another user")

	// ErrUnknownMutation: no rejected mutation has this id.
	ErrUnknownMutation = errors.New("no rejected mutation has this id")

	// ErrNotLoaded: a serializable mutation has read of a collection that is wanted and has yet to come from the
	// server, since the view, or the version that the program speaks, is another one now. Nobody knows what it should have read.
	ErrNotLoaded = errors.New("a collection that was read has not come from the server yet: wait until the space is live")

	// ErrBroken is wrapped by every error after an append whose outcome is not
	// known: the Core must be thrown away and opened again from the store.
	ErrBroken = errors.New("the replica's store failed")

	// ErrDisplaced: another session uses this client id now.
	ErrDisplaced = errors.New("another replica has taken over this client id")

	// ErrUpgradeRequired: the server no longer speaks the version of a collection that
	// this client does. What is held and the queue are kept.
	ErrUpgradeRequired = errors.New("this client is too old for the data")

	// ErrServerOutdated: the server does not know the version of a collection yet that
	// this client speaks. It is asked again; until then what is held and the queue are kept.
	ErrServerOutdated = errors.New("this client is ahead of the server")
)

// A NonsenseError says what a server sent that cannot be. Nothing of the message
// was carried out.
type NonsenseError struct{ Reason string }

func (e *NonsenseError) Error() string { return "the server's message cannot be: " + e.Reason }

func nonsense(format string, args ...any) *NonsenseError {
	return &NonsenseError{fmt.Sprintf(format, args...)}
}
