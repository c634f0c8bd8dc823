package host

import "github.com/syncline/syncline/kernel"

// mutators carries out calls with whatever mutators are in force: spaces hold on to it.
type mutators struct{ host *Host }

// held is what an atomic.Pointer can hold of an interface.
type held struct{ caller kernel.Caller }

// Call implements kernel.Caller.
func (m mutators) Call(c *kernel.Call, tx kernel.Tx) error {
	now := m.host.mutators.Load().caller
	if now == nil {
		return kernel.ErrNoMutator
	}
	return now.Call(c, tx)
}

// SetMutators puts other mutators in the place of the present ones; nil: there are none.
func (h *Host) SetMutators(c kernel.Caller) { h.mutators.Store(&held{c}) }
