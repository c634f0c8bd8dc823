package authz

import (
	"errors"

	"github.com/syncline/syncline/authz/constraint"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
)

// pending is what a guard knows of the mutation that it decides on, for constraints.
type pending struct {
	docs   map[space.Key][2]map[string]any // what has been read already: the record before and after
	staged *constraint.Index               // what constraints count with the mutation
}

// remember spares Settle reading records again.
func (p *pending) remember(r *Rules, key space.Key, old, next map[string]any) {
	if !r.kind.constraints.Concerns(key.Collection) {
		return
	}
	if p.docs == nil {
		p.docs = map[space.Key][2]map[string]any{}
	}
	p.docs[key] = [2]map[string]any{old, next}
}

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
		Sees: g.sees,
		Docs: func(key space.Key) (old, next map[string]any, ok bool) {
			docs, ok := g.docs[key]
			return docs[0], docs[1], ok
		},
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
