package core

import (
	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
)

// caller carries out the calls of one principal in a space.
type caller struct {
	s   *Space
	who *authz.Session
}

// Call implements kernel.Caller.
func (c caller) Call(call *kernel.Call, tx kernel.Tx) error {
	call.Space, call.Claims = c.s.cfg.Path, c.who.Claims()
	return c.s.cfg.Mutators.Call(call, tx)
}

// SetMutators puts other mutators in the place of the present ones; nil: there are none.
func (s *Space) SetMutators(c kernel.Caller) { s.cfg.Mutators = c }
