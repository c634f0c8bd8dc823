package kernel

import (
	"errors"
	"fmt"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// remembered is the outcome of a mutation that the log no longer holds.
func remembered(known space.ClientState, id space.MutationID) space.Outcome {
	if known.Rejected.Has(id) {
		return space.Outcome{
			ID: id, Kind: space.Rejected, Code: space.CodeForgotten,
			Message: "the mutation was rejected; the reason is no longer in the server's history",
		}
	}
	return space.Outcome{ID: id, Kind: space.Duplicate}
}

// Recall returns the outcome of a mutation that was dealt with. If the log does
// not reach back to it, that is duplicate or a rejection without its reason. With content, a mutation of other content under
// the same id is a *wire.Error.
func (p *Plan) Recall(w Writer, id space.MutationID, content *uint64) (space.Outcome, error) {
	known, err := p.client(w)
	if err != nil {
		return space.Outcome{}, err
	}
	forgotten := remembered(known, id)
	seq := known.Seq
	if known.Last >= space.RecentMutations && id <= known.Last-space.RecentMutations {
		return forgotten, nil
	}
	for range space.RecentMutations {
		if seq == 0 {
			return forgotten, nil
		}
		c, err := p.commit(seq)
		if err != nil || c == nil {
			return forgotten, err
		}
		if c.Mutation == id {
			if content != nil && c.Content != *content {
				return forgotten, &wire.Error{
					Code:    wire.CodeClientForked,
					Message: fmt.Sprintf("mutation %d was another one the first time: two stores use this client id", id),
				}
			}
			return c.Outcome(), nil
		}
		seq = c.Previous
	}
	return forgotten, nil
}

// Outcomes returns the outcomes of a client's mutations above acked, oldest
// first, as far as the log reaches and at most limit of the newest.
func (p *Plan) Outcomes(w Writer, acked space.MutationID, limit int) ([]space.Outcome, error) {
	known, err := p.client(w)
	if err != nil || known.Last <= acked {
		return nil, err
	}
	n := int(min(known.Last-acked, space.MutationID(limit)))
	outcomes := make([]space.Outcome, n)
	seq := known.Seq
	for i := n - 1; i >= 0; i-- {
		id := known.Last - space.MutationID(n-1-i)
		outcomes[i] = remembered(known, id)
		if seq == 0 {
			continue
		}
		c, err := p.commit(seq)
		if err != nil {
			return nil, err
		}
		if c == nil {
			seq = 0
			continue
		}
		outcomes[i], seq = c.Outcome(), c.Previous
	}
	return outcomes, nil
}

// commit returns the commit seq, nil if it has been trimmed. Each is read once: a
// client that sends a thousand mutations again has the same thousand looked up
// for every one of them.
func (p *Plan) commit(seq space.Seq) (*space.Commit, error) {
	if seq > p.base.Seq {
		return p.commits[seq-p.base.Seq-1], nil
	}
	if c, ok := p.recalled[seq]; ok {
		return c, nil
	}
	for c, err := range p.reader.Log(seq - 1) {
		if err != nil && !errors.Is(err, ErrTrimmed) {
			return nil, err
		}
		if p.recalled == nil {
			p.recalled = map[space.Seq]*space.Commit{}
		}
		p.recalled[seq] = c
		return c, nil
	}
	return nil, nil
}

// ErrTrimmed is what a Reader's Log returns, wrapped or not, when it does not
// reach back far enough.
var ErrTrimmed = space.ErrTrimmed
