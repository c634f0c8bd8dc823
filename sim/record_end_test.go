package sim

import (
	"strings"

	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// A recording ends where replicas may take different ways that are all allowed:
// what the server says from there on answers only this one. What is said of
// outcomes is remembered for that, as far as it is of one client id.
type outcomes struct {
	client  space.ClientID
	refused map[space.MutationID]bool
	told    space.MutationID          // the highest of which opened told an outcome
	again   map[space.MutationID]bool // those of which it did
}

// outcomes are those of the present client id.
func (r *recording) outcomes() *outcomes {
	if id := r.client.core.Client(); r.known.client != id {
		r.known = outcomes{client: id, refused: map[space.MutationID]bool{}, again: map[space.MutationID]bool{}}
	}
	return &r.known
}

func (o *outcomes) take(outcome space.Outcome) {
	if outcome.Kind == space.Rejected || outcome.Kind == space.Quarantined {
		o.refused[outcome.ID] = true
	}
}

// end says why nothing more is recorded.
func (r *recording) end(why string) {
	if r.ended == "" {
		r.ended = why
	}
}

// drop ends the recording before the last event.
func (r *recording) drop(why string) {
	if r.ended == "" {
		r.events = r.events[:len(r.events)-1]
		r.end(why)
	}
}

// opened looks at an answer before the replica does.
func (r *recording) opened(m *wire.Opened) {
	known, core := r.outcomes(), r.client.core
	r.unanswered = max(0, r.unanswered-1)
	if m.Last < max(core.Acked, known.told) {
		r.has["lost history"] = true
		for id := range known.refused {
			if id > m.Last {
				// This one puts something in its place, others may take a new client id.
				r.end("a refusal is lost")
			}
		}
	}
	if unacked := core.Status().Unacked; unacked > 0 && m.Last > core.Acked+space.MutationID(unacked) {
		// This one waits for its answers before it takes a new client id.
		r.end("another store has the client id")
	}
	for _, outcome := range m.Outcomes {
		if r.anothers(outcome.ID) {
			// This one finds that out by pushing its own, others may take it for theirs.
			r.end("another store has used an id")
		}
		r.has["outcomes that were lost"] = true
		if outcome.Seq == 0 && known.again[outcome.ID] {
			// This one no longer knows either that it holds its effect, and shows it again for a while.
			r.end("the server has forgotten a commit")
		}
		known.again[outcome.ID] = true
		known.told = max(known.told, outcome.ID)
		known.take(outcome)
	}
}

// anothers reports whether an id under which a queued mutation waits for an
// outcome is that of another mutation at the server.
func (r *recording) anothers(id space.MutationID) bool {
	c := r.client.core
	pending := c.Pending()
	at := len(pending) - c.Status().Unacked + int(id-c.Acked) - 1
	if id <= c.Acked || at >= len(pending) {
		return false
	}
	mutation := space.Mutation{Ops: pending[at].Ops}
	for _, commit := range r.w.oracle.commits {
		if commit.Client == c.Client() && commit.Mutation == id {
			return commit.Content != mutation.ContentHash()
		}
	}
	return false
}

// ack looks at outcomes before the replica does.
func (r *recording) ack(m *wire.Ack) {
	for _, outcome := range m.Outcomes {
		if outcome.Kind == space.RetryAfter && outcome.ID <= r.outcomes().told {
			// Others may not send it again, and so have nothing to wait for.
			r.end("to wait for what was told")
		}
	}
}

// finished looks at a step that was made.
func (r *recording) finished(fx core.Effects) {
	for _, f := range fx.Finished {
		r.outcomes().take(f.Outcome)
		if f.Outcome.ID == 0 {
			// Those behind it move up, or get ids of another client id.
			r.end("forsaken reads")
		}
	}
	if fx.Action == core.Reopen && fx.Err != nil && r.strict() {
		r.drop("what other replicas may take")
	}
}

// strict reports whether the last message, which this replica has refused, is one
// that others may take.
func (r *recording) strict() bool {
	m, err := wire.DecodeServer([]byte(strings.TrimPrefix(r.last.what, frame)))
	if err != nil {
		return true
	}
	switch m := m.(type) {
	case *wire.Ack:
		return true // of one behind those that opened told of and this one pushes again
	case *wire.Diff:
		return m.Sum != "" // which counts a part twice that came twice
	case *wire.Error:
		return m.Code == wire.CodeMutationGap // as with an ack
	}
	return false
}
