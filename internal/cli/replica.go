package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/syncline/syncline/internal/ingest"
	"github.com/syncline/syncline/replica"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/boltstore"
	"github.com/syncline/syncline/store/memstore"
)

// A replicaSender is the replica that an import sends through. Without a view it
// holds nothing but its queue.
type replicaSender struct {
	replica *replica.Replica
	space   *replica.Space
	store   store.Store
	tracker *ingest.Tracker
}

// openReplica opens a replica in the file state, or in memory if that is "". It
// fails at once if the server does not answer; later it waits for it to come back.
func openReplica(ctx context.Context, r *remote, state, source string) (*replicaSender, error) {
	if _, err := r.head(ctx); err != nil {
		return nil, err
	}
	s := &replicaSender{}
	var err error
	if state == "" {
		s.store = memstore.New()
	} else if s.store, err = boltstore.Open(state, boltstore.Options{}); err != nil {
		return nil, usage("--state: %w", err)
	}
	s.tracker, err = ingest.Track(ctx, s.store, r.path, source)
	var other *ingest.SourceError
	if errors.As(err, &other) {
		err = usage("--state %s: %w; remove it if that one is done, or take another file", state, err)
	}
	if err == nil {
		s.replica, err = replica.Open(ctx, replica.Options{
			Store: s.tracker, URL: r.base.String(), User: r.user, Agent: "syncline-import", KeepDone: -1,
		})
	}
	if err == nil {
		s.space, err = s.replica.Space(ctx, string(r.path))
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// close ends the replica. What is queued stays in its file.
func (s *replicaSender) close() error {
	var err error
	if s.replica != nil {
		err = s.replica.Close()
	}
	return errors.Join(err, s.store.Close())
}

// watch calls stop with the reason when the replica cannot go on, and say when it
// has lost its server and when it has it again, until ctx ends.
func (s *replicaSender) watch(ctx context.Context, stop func(error), say func(string)) {
	away := false
	for st := range s.space.StatusChanges(ctx) {
		switch {
		case st.State == replica.Stopped:
			if st.Err == nil {
				st.Err = replica.ErrClosed
			}
			stop(st.Err)
			return
		case st.State == replica.Offline && st.Err != nil && !away:
			away = true
			say(fmt.Sprintf("the server is away (%v); waiting for it", st.Err))
		case st.State == replica.Live && away:
			away = false
			say("the server is back")
		}
	}
}

// Send implements ingest.Sender.
func (s *replicaSender) Send(ctx context.Context, ops []space.Op) (ingest.Sent, error) {
	p, err := s.space.Mutate(ctx, func(tx *replica.Tx) error {
		for i := range ops {
			if err := tx.Put(ops[i].In, ops[i].ID, ops[i].Value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sentMutation{s.space, p, p.ID}, nil
}

// Drain implements ingest.Sender.
func (s *replicaSender) Drain(ctx context.Context) error { return s.space.Sync(ctx) }

// Rejected implements ingest.Sender.
func (s *replicaSender) Rejected() (all []ingest.Rejected) {
	for _, m := range s.space.Rejected() {
		all = append(all, ingest.Rejected{Sent: sentMutation{s.space, nil, m.ID}, Ops: m.Ops, Why: m.Outcome})
	}
	return all
}

type sentMutation struct {
	space   *replica.Space
	pending *replica.Pending
	id      replica.LocalID
}

func (m sentMutation) ID() uint64 { return uint64(m.id) }

// Wait implements ingest.Sent: a rejection is an outcome, no error.
func (m sentMutation) Wait(ctx context.Context) (space.Outcome, error) {
	outcome, err := m.pending.Wait(ctx)
	var rejected *replica.RejectedError
	if errors.As(err, &rejected) {
		return rejected.Outcome, nil
	}
	return outcome, err
}

func (m sentMutation) Forget(ctx context.Context) error { return m.space.Discard(ctx, m.id) }
