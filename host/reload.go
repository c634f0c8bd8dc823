package host

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/host/core"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
)

// A Switch says where in a space's order other rules came into force: the commits above
// Seq were made under them.
type Switch struct {
	Space space.Path `json:"space"`
	Seq   space.Seq  `json:"seq"`
}

// Reload has each active space take the rules that the authority has after put (if that is not nil), which may put
// others in the place of those it has, and, if they are not nil, other mutators: both at once, between two commits.
// What a replica may no longer see leaves it; what it may see from now on is sent. It returns where the spaces switched, by path; one of
// which there is nothing when ctx ends switches later. A space that is not active switches when it is loaded, before anything else.
func (h *Host) Reload(ctx context.Context, mutators kernel.Caller, put func()) []Switch {
	h.switching.Lock()
	if put != nil {
		put()
	}
	if mutators != nil {
		h.mutators = mutators
	}
	h.switching.Unlock()
	loops := h.active()
	answers := make([]chan space.Seq, len(loops))
	for i, l := range loops {
		answer := make(chan space.Seq, 1)
		answers[i] = answer
		l.leave(func(s *core.Space) {
			rules, mutators := h.inForce(l.path)
			s.SetMutators(mutators)
			if err := s.SetRules(h.ctx, rules); err != nil {
				h.opts.Logger.Error("a space could not take new rules; it is closed", "space", l.path, "error", err)
				panic(err) // rather no space than one under rules that are not in force
			}
			answer <- s.Head().Seq
		})
	}
	var out []Switch
	for i, l := range loops {
		select {
		case seq := <-answers[i]:
			out = append(out, Switch{l.path, seq})
			continue
		case <-l.dead: // it has been unloaded: unless it was its last turn
		case <-ctx.Done():
		}
		select {
		case seq := <-answers[i]:
			out = append(out, Switch{l.path, seq})
		default:
		}
	}
	slices.SortFunc(out, func(a, b Switch) int { return cmp.Compare(a.Space, b.Space) })
	return out
}

// SetMutators puts other mutators in the place of the present ones; nil: there are none. An active
// space has them from its next turn on.
func (h *Host) SetMutators(c kernel.Caller) {
	h.switching.Lock()
	h.mutators = c
	h.switching.Unlock()
	for _, l := range h.active() {
		l.leave(func(s *core.Space) {
			_, mutators := h.inForce(l.path)
			s.SetMutators(mutators)
		})
	}
}

// inForce are the rules of a space and the mutators: of one definition, also while another one is put in its place.
func (h *Host) inForce(path space.Path) (*authz.Rules, kernel.Caller) {
	h.switching.RLock()
	defer h.switching.RUnlock()
	return h.opts.Authority.Rules(path), h.mutators
}

// active are the loops of all spaces that are loaded or being so.
func (h *Host) active() []*loop {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Values(h.loops))
}

// Present tells who has which spaces open, in no order and once for each session. It stops no space.
func (h *Host) Present() map[space.Path][]*authz.Session {
	h.mu.Lock()
	sessions := slices.Collect(maps.Keys(h.sessions))
	h.mu.Unlock()
	out := map[space.Path][]*authz.Session{}
	for _, s := range sessions {
		who := s.known.Load()
		if who == nil {
			continue
		}
		s.mu.Lock()
		for path := range s.spaces {
			out[path] = append(out[path], who)
		}
		s.mu.Unlock()
	}
	return out
}
