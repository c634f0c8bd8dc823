package replica

import (
	"context"
	"slices"

	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/space"
)

// A Mutation is one that the replica holds: see Space.Pending and Rejected.
type Mutation = core.Mutation

// LocalID numbers the mutations of a space in its file; it is no protocol id.
type LocalID = core.LocalID

// A Pending is a mutation of this process on its way to the server.
type Pending struct {
	ID LocalID

	done    chan struct{}
	outcome space.Outcome
	err     error
}

func (p *Pending) finish(o space.Outcome, err error) {
	if p.outcome, p.err = o, err; err == nil && (o.Kind == space.Rejected || o.Kind == space.Quarantined) {
		p.err = &RejectedError{p.ID, o}
	}
	close(p.done)
}

// Done is closed when Wait would return at once.
func (p *Pending) Done() <-chan struct{} { return p.done }

// Wait waits for the mutation's outcome: applied (or duplicate: applied before),
// or a *RejectedError. It returns ErrClosed when the replica is closed first; the
// mutation is still queued then.
func (p *Pending) Wait(ctx context.Context) (space.Outcome, error) {
	select {
	case <-p.done:
		return p.outcome, p.err
	case <-ctx.Done():
		return space.Outcome{}, ctx.Err()
	}
}

// queue hands operations to the core.
func (s *Space) queue(ctx context.Context, ops []space.Op, reads *space.Reads) (*Pending, error) {
	if err := s.lock(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	m, fx, err := s.core.Mutate(ctx, s.r.now(), ops, reads)
	return s.queued(ctx, m, fx, err)
}

func (s *Space) queued(ctx context.Context, m Mutation, fx core.Effects, err error) (*Pending, error) {
	if err != nil {
		return nil, s.brokenIfSo(err)
	}
	p := &Pending{ID: m.ID, done: make(chan struct{})}
	s.waiters[m.ID] = p
	return p, s.effects(ctx, fx)
}

// brokenIfSo notes an error only if the store is at fault.
func (s *Space) brokenIfSo(err error) error {
	if s.core.Broken() != nil {
		return s.broken(err)
	}
	return err
}

// Pending returns the queued mutations, oldest first, those of earlier processes
// included.
func (s *Space) Pending() []Mutation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.Pending()
}

// Rejected returns the mutations that the server refused, with their outcomes,
// oldest first. They are kept, across restarts, until retried or discarded.
func (s *Space) Rejected() []Mutation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.Rejected()
}

// Retry queues a rejected mutation anew. The error is ErrUnknownMutation,
// ErrQueueFull, ErrClosed or the store's.
func (s *Space) Retry(ctx context.Context, id LocalID) (*Pending, error) {
	if err := s.lock(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	m, fx, err := s.core.Retry(ctx, s.r.now(), id)
	return s.queued(ctx, m, fx, err)
}

// Discard forgets a rejected mutation for good. The error is ErrUnknownMutation,
// ErrClosed or the store's.
func (s *Space) Discard(ctx context.Context, id LocalID) error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	fx, err := s.core.Discard(ctx, s.r.now(), id)
	if err != nil {
		return s.brokenIfSo(err)
	}
	return s.effects(ctx, fx)
}

func clonePairs(keys map[space.Key]struct{}) []space.KeyPair {
	out := make([]space.KeyPair, 0, len(keys))
	for key := range keys {
		out = append(out, key.Pair())
	}
	slices.SortFunc(out, func(a, b space.KeyPair) int { return a.Key().Compare(b.Key()) })
	return out
}
