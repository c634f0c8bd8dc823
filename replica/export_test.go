package replica

import "time"

// Clocked gives a replica another clock for its leases.
func (o Options) Clocked(now func() time.Time) Options {
	o.now = now
	return o
}
