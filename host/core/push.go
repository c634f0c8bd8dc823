package core

import (
	"github.com/syncline/syncline/authz"
	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/wire"
)

// queued is a mutation that waits to be planned.
type queued struct {
	writer   kernel.Writer
	who      *authz.Session
	mutation *space.Mutation
	member   *Member  // whose session gets the outcome, or
	request  *Request // the request that gets it
	consent  *consent // of one that somebody outside was asked about
}

// A Request is a push that belongs to no member, such as REST's. Done is called
// once, when every mutation has an outcome or one was refused.
type Request struct {
	Writer    kernel.Writer
	Who       *authz.Session
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
	w := kernel.Writer{User: m.Who.User(), Client: m.client, Speaks: m}
	for i := range mutations {
		if m.waiting >= s.cfg.Limits.Pushed || !s.room() {
			// Whatever follows would be a gap: the client rewinds to this id.
			s.ack(m, []space.Outcome{{ID: mutations[i].ID, Kind: space.RetryAfter, RetryMS: retryMS}})
			return nil
		}
		m.waiting++
		s.enqueue(queued{w, m.Who, &mutations[i], m, nil, nil})
	}
	return nil
}

// Do queues the mutations of a request.
func (s *Space) Do(r *Request) {
	if len(r.Mutations) == 0 || !s.room() {
		r.Done(nil, s.head, &wire.Error{Code: wire.CodeOverloaded, RetryMS: retryMS, Message: "too many mutations wait in this space"})
		return
	}
	if !r.Who.In(s.cfg.Rules).Open(s.relations) {
		r.Done(nil, space.Cursor{}, Forbidden(s.cfg.Path)) // and no commit of it
		return
	}
	for i := range r.Mutations {
		s.enqueue(queued{r.Writer, r.Who, &r.Mutations[i], nil, r, nil})
	}
}

func (s *Space) room() bool { return len(s.queue)+s.held < maxQueued && s.queued < maxQueueBytes }

func (s *Space) enqueue(q queued) {
	s.queue = append(s.queue, q)
	s.queued += Size(q.mutation)
}

// Size is how many bytes a mutation that waits takes, about.
func Size(m *space.Mutation) int {
	n := 64 + len(m.Call) + len(m.Args)
	for i := range m.Ops {
		op := &m.Ops[i]
		n += 64 + len(op.In) + len(op.ID) + len(op.Value) + len(op.Patch)
	}
	return n
}
