package host

import (
	"context"
	"fmt"

	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/space"
)

// Quarantined lists the mutations that were set aside because their mutators broke
// down, of a space or of all if path is "", oldest first in each. It is for whoever runs the server.
func (h *Host) Quarantined(ctx context.Context, path space.Path) ([]core.Quarantined, error) {
	return core.ListQuarantined(ctx, h.opts.Store, path)
}

// Replay runs one of them again, on the state that it ran on; see core.Replay.
func (h *Host) Replay(ctx context.Context, path space.Path, seq space.Seq) (core.Replayed, error) {
	all, err := h.Quarantined(ctx, path)
	if err != nil {
		return core.Replayed{}, err
	}
	for i := range all {
		if all[i].Seq == seq {
			rules, mutators := h.inForce(path)
			return core.Replay(ctx, core.Config{Path: path, Store: h.opts.Store, Limits: h.opts.Limits, Rules: rules, Mutators: mutators}, &all[i])
		}
	}
	return core.Replayed{}, fmt.Errorf("space %q has no quarantined mutation %d", path, seq)
}
