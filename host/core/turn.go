package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

func (s *Space) plan(r *reader, now time.Time) *kernel.Plan {
	p := kernel.NewPlan(s.head, now, r, s.cfg.Limits)
	p.Track = s.cfg.Rules.Concern
	p.Bugs = s.cfg.Bugs.Kernel
	return p
}

// A Turn is one round of a space's loop: mutations planned together, to be
// appended together. The zero Turn is an empty one.
type Turn struct {
	plan      *kernel.Plan
	reader    *reader
	taken     []queued
	outcomes  []space.Outcome     // of taken, in the same order; ID 0 and no kind: refused
	refused   []*wire.Error       // likewise
	relations *authz.Relations    // as the turn's commits leave them
	also      []store.Batch       // to be appended along with the turn's own
	aside     *Quarantined        // the mutation that the turn has set aside, if any
	unkept    error               // why a mutation could not be set aside: then the turn does not happen
	touched   map[string]struct{} // users of whom relations may have changed
}

// Empty reports whether the turn has nothing to append; Finish must be called
// all the same.
func (t *Turn) Empty() bool { return t.plan == nil || len(t.plan.Commits()) == 0 }

// Batches is everything that has to be appended, together; the first is the space's own.
func (t *Turn) Batches(path space.Path) ([]store.Batch, error) {
	own := store.Batch{Space: path, Base: t.plan.Base(), Commits: t.plan.Commits()}
	return append([]store.Batch{own}, t.also...), t.unkept
}

// Aside is the mutation that the turn has set aside, nil if none: to be logged once it is appended.
func (t *Turn) Aside() *Quarantined { return t.aside }

// Begin plans what waits, up to a bound, and returns nil when nothing does. The
// turn's batch is appended by the caller, who then calls Finish before anything
// else is asked of the space.
func (s *Space) Begin(ctx context.Context, now time.Time) *Turn {
	if len(s.queue) == 0 {
		return nil
	}
	n, bytes := 0, 0
	for n < len(s.queue) && n < maxBatch && (n == 0 || bytes < maxBatchBytes) {
		bytes += Size(s.queue[n].mutation)
		n++
	}
	t := &Turn{reader: &reader{ctx: ctx, s: s, at: s.head.Seq}}
	batch := s.queue[:n:n]
	if s.queue = s.queue[n:]; len(s.queue) == 0 {
		s.queue = nil
	}
	s.queued -= bytes
	t.plan = s.plan(t.reader, now)
	t.relations = s.relations.Fork()
	t.taken = make([]queued, 0, n)
	t.outcomes = make([]space.Outcome, 0, n)
	t.refused = make([]*wire.Error, 0, n)
	stopped := map[any]bool{} // members and requests that had a refusal
	asks := len(s.cfg.Rules.Asks()) > 0
	take := func(q *queued, o space.Outcome, refused *wire.Error) {
		t.taken, t.outcomes, t.refused = append(t.taken, *q), append(t.outcomes, o), append(t.refused, refused)
	}
	for i := range batch {
		q := &batch[i]
		if s.hold(q) {
			continue
		}
		var from any = q.member
		if q.member == nil {
			from = q.request
		}
		if stopped[from] || q.request != nil && q.request.err != nil {
			take(q, space.Outcome{}, nil)
			continue
		}
		if q.mutation.Call != "" && s.cfg.Mutators != nil {
			t.plan.Mutators, t.plan.CallTime = caller{s, q.who}, q.asked()
		}
		if asks {
			t.plan.Agree = func(changes []kernel.Delta) (*space.Refusal, error) { return s.agree(q, changes, now) }
		}
		outcome, err := t.plan.Submit(q.writer, q.who.In(s.cfg.Rules).Guard(t.relations, now), q.mutation)
		if errors.Is(err, errAsking) {
			s.wait(q)
			continue
		}
		if err == nil {
			err = t.related()
		}
		if err != nil {
			stopped[from] = true
			e := asError(err)
			if o, ok := untaken(q, e); ok {
				take(q, o, nil)
			} else {
				take(q, space.Outcome{}, e)
			}
			continue
		}
		take(q, outcome, nil)
		if t.plan.Faulted() != nil {
			if err := s.quarantine(ctx, t, batch[i+1:]); err != nil {
				t.unkept = err
			}
			break
		}
	}
	if s.cfg.Bugs.EarlyAck {
		s.acks(t)
	}
	return t
}

// untaken is the outcome of a member's mutation that was made at a version which is not spoken: it
// and those after it stay with the client.
func untaken(q *queued, e *wire.Error) (o space.Outcome, ok bool) {
	o = space.Outcome{ID: q.mutation.ID, Code: e.Code, Message: e.Message, RetryMS: e.RetryMS}
	switch e.Code {
	case wire.CodeUpgradeRequired:
		o.Kind = space.UpgradeRequired
	case wire.CodeServerOutdated:
		o.Kind = space.RetryAfter
	}
	return o, q.member != nil && o.Kind != ""
}

// asError makes any error one that can be sent.
func asError(err error) *wire.Error {
	var e *wire.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, store.ErrFull):
		return &wire.Error{Code: wire.CodeUnavailable, RetryMS: 5000, Message: "the server's disk is full: it takes no writes until there is room"}
	default:
		return &wire.Error{Code: wire.CodeInternal, RetryMS: 1000, Message: "the server could not read or write its storage"}
	}
}

// Finish takes note of how the append of a turn's batch ended and sends outcomes
// and diffs. It returns the error if the space cannot go on.
func (s *Space) Finish(ctx context.Context, t *Turn, appended error) error {
	defer t.reader.close()
	for i := range t.taken {
		if m := t.taken[i].member; m != nil {
			m.waiting--
		}
	}
	if appended != nil {
		return s.failed(ctx, t, appended)
	}
	for client, state := range t.plan.Clients() {
		if s.owners[client] != nil {
			s.known[client] = state
		}
	}
	s.head = t.plan.Head()
	s.relations.Merge(t.relations)
	if !s.cfg.Bugs.EarlyAck {
		s.acks(t)
	}
	s.tell()
	s.trimQuarantine(ctx, t)
	if t.Empty() {
		return nil
	}
	s.rescope(t)
	return s.fanOut(t)
}

// failed handles an append that did not happen, or of which nobody knows.
func (s *Space) failed(ctx context.Context, t *Turn, appended error) error {
	var conflict *store.ConflictError
	if errors.As(appended, &conflict) {
		// Somebody else has committed, or this very batch is in already: plan again on
		// the real head. Mutation ids see to it that nothing happens twice. Catch-ups
		// wait for the outcomes of the turn that follows.
		if err := s.reload(ctx); err != nil {
			return err
		}
		for i := range t.taken {
			if m := t.taken[i].member; m != nil {
				m.waiting++
			}
			s.queued += Size(t.taken[i].mutation)
		}
		s.askAnew()
		s.queue = append(t.taken, s.queue...)
		s.lagAll()
		return nil
	}
	refusal := asError(appended)
	for i := range t.taken {
		if t.refused[i] == nil {
			t.refused[i] = refusal
		}
	}
	s.acks(t)
	if errors.Is(appended, store.ErrFull) {
		return nil
	}
	return fmt.Errorf("space %s: append: %w", s.cfg.Path, appended)
}

// lagAll makes every live member catch up from where it is.
func (s *Space) lagAll() {
	for lv := range s.views.all {
		for m := range lv.members.all {
			s.lag(m)
		}
	}
}

// lag takes a live member off the live view; it will be caught up from the last
// frame that it took.
func (s *Space) lag(m *Member) {
	s.leaveView(m)
	c := s.catchUp(m.want, m.rights(s))
	c.held, c.from, c.named, c.drops = m.view, m.cursor, m.named, m.drops
	m.setCatchUp(c)
	s.cfg.Lagging(m)
}
