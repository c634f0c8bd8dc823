package authz

import (
	"errors"

	"github.com/syncline/syncline/authz/constraint"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
)

// Settle holds the mutation against the constraints. It asks no rule of what
// changes along with it: that is the definition's doing, not the writer's.
func (g *guard) Settle(state kernel.State, p *kernel.Proposal) (more []space.Change, refusal *space.Refusal, err error) {
	g.staged = nil
	if g.rights.rules.kind == nil || !g.rights.rules.kind.constraints.Touched(p.Changes) {
		return nil, nil, nil
	}
	if g.relations == nil || g.relations.facts == nil {
		return nil, nil, errors.New("constraints cannot be checked without what they count")
	}
	g.staged, more, refusal, err = g.relations.facts.Settle(state, p, constraint.Writer{
		Sees: func(key space.Key, v space.Version) (bool, error) { return g.sees(state, key, v) },
		Fits: func(collection string, doc map[string]any) bool {
			c := g.rights.rules.collection(collection)
			if c == nil {
				return true
			}
			_, _, ok := c.fits(doc)
			return ok
		},
	})
	return more, g.known(refusal), err
}

// Applied counts what was settled.
func (g *guard) Applied() {
	if g.staged != nil {
		g.relations.facts.Merge(g.staged)
		g.staged = nil
	}
}
