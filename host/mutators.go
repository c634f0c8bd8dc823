package host

import (
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/kernel"
)

// held is what an atomic.Pointer can hold of an interface.
type held struct{ caller kernel.Caller }

// SetMutators puts other mutators in the place of the present ones; nil: there are none. An active
// space has them from its next turn on.
func (h *Host) SetMutators(c kernel.Caller) {
	h.mutators.Store(&held{c})
	for _, l := range h.active() {
		l.leave(h.takeMutators)
	}
}

// takeMutators gives a space those that are in force when its loop gets to it.
func (h *Host) takeMutators(s *core.Space) { s.SetMutators(h.mutators.Load().caller) }
