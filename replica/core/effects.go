package core

import (
	"time"

	"github.com/syncline/syncline/space"
)

// An Action is what the caller must do next about the connection.
type Action uint8

// The actions, from the mildest on.
const (
	Continue  Action = iota
	Reopen           // send OpenMessage again, on this connection
	Reconnect        // give this connection up and open on another
	Halt             // stop: the same would happen again until Effects.Err is seen to
)

func (a Action) String() string {
	return [...]string{"continue", "reopen", "reconnect", "halt"}[a]
}

// Effects are what a step changed, as far as others must know.
type Effects struct {
	// Keys are those whose visible value or state may have changed; with All it
	// may be any.
	Keys []space.Key
	All  bool

	// Finished are mutations that got their outcome, in order. An applied one stays
	// in the queue until its effect is confirmed.
	Finished []Finished

	// Action is what to do, Wait for how long to wait before it, and Err why.
	Action Action
	Wait   time.Duration
	Err    error
}

// Finished is a mutation with its outcome.
type Finished struct {
	ID      LocalID
	Outcome space.Outcome
}

// refuse asks for a new beginning because of err; when that has been asked for
// several times without any progress, on another connection.
func (c *Core) refuse(err error) Effects {
	c.conn.seq = nil
	c.conn.open = false
	c.conn.reopens++
	if c.conn.reopens > maxReopens {
		return Effects{Action: Reconnect, Err: err}
	}
	return Effects{Action: Reopen, Err: err}
}

const maxReopens = 3
