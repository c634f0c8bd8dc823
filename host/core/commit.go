package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/wire"
)

// queued is a mutation that waits to be planned.
type queued struct {
	writer   kernel.Writer
	guard    kernel.Guard
	mutation *space.Mutation
	member   *Member  // whose session gets the outcome, or
	request  *Request // the request that gets it
}

// A Request is a push that belongs to no member, such as REST's. Done is called
// once, when every mutation has an outcome or one was refused.
type Request struct {
	Writer    kernel.Writer
	Guard     kernel.Guard
	Mutations []space.Mutation
	Done      func(outcomes []space.Outcome, head space.Cursor, err error)

	outcomes []space.Outcome
	err      error
}

// Bounds of what waits and of what is committed together.
const (
	maxQueued     = 8192    // mutations that wait in a space
	maxQueueBytes = 8 << 20 // their bytes, about
	maxBatch      = 1024    // mutations of one append
	maxBatchBytes = 1 << 20 // their bytes, about
	retryMS       = 100
)

// Push queues a member's mutations. Those that there is no room for are answered
// retry_after. The error is a *wire.Error.
func (s *Space) Push(m *Member, mutations []space.Mutation) error {
	if err := s.notOpen(m); err != nil {
		return err
	}
	if m.client.IsZero() {
		return &wire.Error{Code: wire.CodeNoClient, Message: "the space was opened without a client id, or another session has taken it over"}
	}
	w := kernel.Writer{User: m.User, Client: m.client}
	for i := range mutations {
		if m.waiting >= s.cfg.Limits.Pushed || !s.room() {
			// Whatever follows would be a gap: the client rewinds to this id.
			s.ack(m, []space.Outcome{{ID: mutations[i].ID, Kind: space.RetryAfter, RetryMS: retryMS}})
			return nil
		}
		m.waiting++
		s.enqueue(queued{w, m.Guard, &mutations[i], m, nil})
	}
	return nil
}

// Do queues the mutations of a request.
func (s *Space) Do(r *Request) {
	if len(r.Mutations) == 0 || !s.room() {
		r.Done(nil, s.head, &wire.Error{Code: wire.CodeOverloaded, RetryMS: retryMS, Message: "too many mutations wait in this space"})
		return
	}
	for i := range r.Mutations {
		s.enqueue(queued{r.Writer, r.Guard, &r.Mutations[i], nil, r})
	}
}

func (s *Space) room() bool { return len(s.queue) < maxQueued && s.queued < maxQueueBytes }

func (s *Space) enqueue(q queued) {
	s.queue = append(s.queue, q)
	s.queued += size(q.mutation)
}

func size(m *space.Mutation) int {
	n := 64
	for i := range m.Ops {
		op := &m.Ops[i]
		n += 64 + len(op.In) + len(op.ID) + len(op.Value) + len(op.Patch)
	}
	return n
}

func (s *Space) plan(r *reader, now time.Time) *kernel.Plan {
	p := kernel.NewPlan(s.head, now, r, s.cfg.Limits)
	p.Bugs = s.cfg.Bugs.Kernel
	return p
}

// A Turn is one round of a space's loop: mutations planned together, to be
// appended together. The zero Turn is an empty one.
type Turn struct {
	plan     *kernel.Plan
	reader   *reader
	taken    []queued
	outcomes []space.Outcome // of taken, in the same order; ID 0 and no kind: refused
	refused  []*wire.Error   // likewise
}

// Empty reports whether the turn has nothing to append; Finish must be called
// all the same.
func (t *Turn) Empty() bool { return t.plan == nil || len(t.plan.Commits()) == 0 }

// Batch is what has to be appended.
func (t *Turn) Batch(path space.Path) store.Batch {
	return store.Batch{Space: path, Base: t.plan.Base(), Commits: t.plan.Commits()}
}

// Begin plans what waits, up to a bound, and returns nil when nothing does. The
// turn's batch is appended by the caller, who then calls Finish before anything
// else is asked of the space.
func (s *Space) Begin(ctx context.Context, now time.Time) *Turn {
	if len(s.queue) == 0 {
		return nil
	}
	n, bytes := 0, 0
	for n < len(s.queue) && n < maxBatch && (n == 0 || bytes < maxBatchBytes) {
		bytes += size(s.queue[n].mutation)
		n++
	}
	t := &Turn{reader: &reader{ctx: ctx, s: s, at: s.head.Seq}, taken: s.queue[:n:n]}
	if s.queue = s.queue[n:]; len(s.queue) == 0 {
		s.queue = nil
	}
	s.queued -= bytes
	t.plan = s.plan(t.reader, now)
	t.outcomes = make([]space.Outcome, n)
	t.refused = make([]*wire.Error, n)
	stopped := map[any]bool{} // members and requests that had a refusal
	for i := range t.taken {
		q := &t.taken[i]
		var from any = q.member
		if q.member == nil {
			from = q.request
		}
		if stopped[from] || q.request != nil && q.request.err != nil {
			continue
		}
		outcome, err := t.plan.Submit(q.writer, q.guard, q.mutation)
		if err != nil {
			stopped[from] = true
			t.refused[i] = asError(err)
			continue
		}
		t.outcomes[i] = outcome
	}
	if s.cfg.Bugs.EarlyAck {
		s.acks(t)
	}
	return t
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
	if !s.cfg.Bugs.EarlyAck {
		s.acks(t)
	}
	s.tell()
	if t.Empty() {
		return nil
	}
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
			s.queued += size(t.taken[i].mutation)
		}
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
	m.setCatchUp(&CatchUp{cfg: &s.cfg, told: &s.told, view: m.view, from: m.cursor})
	s.cfg.Lagging(m)
}

// answers is what one member is told of a turn.
type answers struct {
	member   *Member
	outcomes []space.Outcome
	refused  *wire.Error // the first; whatever follows it is refused for its sake
}

// acks sends the outcomes of a turn, one frame for each session, and then why it
// took no more.
func (s *Space) acks(t *Turn) {
	var all []answers
	index := map[*Member]int{}
	at := -1
	for i := range t.taken {
		q := &t.taken[i]
		if q.request != nil {
			s.answer(q.request, t.outcomes[i], t.refused[i], t.plan.Head())
			continue
		}
		if at < 0 || all[at].member != q.member { // those of one member tend to stand together
			n, known := index[q.member]
			if !known {
				n = len(all)
				index[q.member] = n
				all = append(all, answers{member: q.member, outcomes: make([]space.Outcome, 0, min(len(t.taken)-i, 64))})
			}
			at = n
		}
		a := &all[at]
		switch {
		case t.refused[i] != nil && a.refused == nil:
			a.refused = t.refused[i]
		case t.refused[i] == nil && t.outcomes[i].Kind != "":
			a.outcomes = append(a.outcomes, t.outcomes[i])
		}
	}
	for i := range all {
		a := &all[i]
		if len(a.outcomes) > 0 {
			s.ack(a.member, a.outcomes)
		}
		if a.refused != nil && !a.member.gone {
			e := *a.refused
			e.Space = string(s.cfg.Path)
			a.member.Sink.Send(wire.Encode(&e))
		}
	}
}

func (s *Space) ack(m *Member, outcomes []space.Outcome) {
	if !m.gone {
		m.Sink.Send(wire.AppendAck(make([]byte, 0, 64+48*len(outcomes)), s.cfg.Path, outcomes))
	}
}

func (s *Space) answer(r *Request, o space.Outcome, refused *wire.Error, head space.Cursor) {
	if r.Done == nil {
		return
	}
	if refused != nil {
		r.err = refused
	}
	r.outcomes = append(r.outcomes, o)
	if r.err != nil || len(r.outcomes) == len(r.Mutations) {
		r.Done(r.outcomes, head, r.err)
		r.Done = nil
	}
}

// fanOut sends a turn's commits to the live members of every view that sees
// them, encoded once for each view. Of the others only the authors are told how
// far they have got, so that their queues can empty.
func (s *Space) fanOut(t *Turn) error {
	if s.views.len() == 0 {
		return nil
	}
	var authors set[*Member]
	for i := range t.taken {
		if m := t.taken[i].member; m != nil && m.live {
			authors.add(m)
		}
	}
	deltas := t.plan.Deltas()
	for lv := range s.views.all {
		frames, err := s.encode(lv, deltas)
		if err != nil {
			return err
		}
		to := &lv.members
		if frames == nil {
			to = &set[*Member]{}
			for m := range authors.all {
				if m.view == lv.view {
					to.add(m)
				}
			}
			if to.len() == 0 {
				continue
			}
			frames = [][]byte{wire.NewDiffWriter(s.cfg.Path, lv.view.ID(), lv.sent, s.head, false).Finish(false)}
		} else {
			lv.sent = s.head
		}
		for m := range to.all {
			s.deliver(m, frames)
		}
	}
	return nil
}

// encode makes the frames of a view; nil if the changes do not concern it.
func (s *Space) encode(lv *liveView, deltas []kernel.Delta) ([][]byte, error) {
	var frames [][]byte
	w := wire.NewDiffWriter(s.cfg.Path, lv.view.ID(), lv.sent, s.head, false)
	for i, d := range deltas {
		action, err := lv.view.Step(d)
		if err != nil {
			return nil, err
		}
		switch action {
		case kernel.Put:
			w.Put(d.Key, d.New.Seq, d.New.Payload)
		case kernel.Del:
			if !s.cfg.Bugs.DroppedRemove {
				w.Del(d.Key)
			}
		}
		if s.cfg.Bugs.HalfCommit && !w.Empty() && i < len(deltas)-1 {
			frames = append(frames, w.Finish(false))
			w = wire.NewDiffWriter(s.cfg.Path, lv.view.ID(), lv.sent, s.head, false)
		}
	}
	if !w.Empty() {
		frames = append(frames, w.Finish(false))
	}
	return frames, nil
}

func (s *Space) deliver(m *Member, frames [][]byte) {
	for _, frame := range frames {
		if !m.Sink.Offer(frame) {
			s.lag(m)
			return
		}
	}
	m.cursor = s.head
}

// Advance tells live members of views that nothing has happened in how far the
// log has got, so that they need not walk it later. Call it now and then.
func (s *Space) Advance() {
	for lv := range s.views.all {
		if lv.sent == s.head {
			continue
		}
		frame := wire.NewDiffWriter(s.cfg.Path, lv.view.ID(), lv.sent, s.head, false).Finish(false)
		lv.sent = s.head
		for m := range lv.members.all {
			if m.cursor != s.head {
				s.deliver(m, [][]byte{frame})
			}
		}
	}
}
