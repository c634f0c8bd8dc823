package pebblestore

import (
	"context"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/internal/rows"
)

// Append implements store.Store.
func (s *Store) Append(ctx context.Context, batches ...store.Batch) error {
	if err := store.CheckBatches(batches); err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := s.append(batches); err != nil {
		return err
	}
	for i := range batches {
		s.hub.Notify(batches[i].Space)
	}
	return nil
}

func (s *Store) append(batches []store.Batch) error {
	if err := s.broken(); err != nil {
		return err
	}
	// In the order of paths, so that two appends cannot wait for each other.
	if len(batches) > 1 {
		batches = slices.Clone(batches)
		slices.SortFunc(batches, func(a, b store.Batch) int { return strings.Compare(string(a.Space), string(b.Space)) })
	}
	var few [4]*spaceState
	locked := few[:0]
	doubtful := false
	defer func() {
		for _, p := range locked {
			p.appending.Unlock()
			// The rows may be ahead of the published head for good now. Memory is
			// what keeps them from being seen, so it must not forget the head.
			if !doubtful {
				s.spaces.release(p)
			}
		}
	}()
	for i := range batches {
		b := &batches[i]
		p := s.spaces.acquire(b.Space)
		p.appending.Lock()
		locked = append(locked, p)
		head, err := s.headLocked(p)
		if err != nil {
			return err
		}
		if head.Cursor != b.Base {
			return &store.ConflictError{Space: b.Space, Base: b.Base, Head: head.Cursor}
		}
	}
	batch := s.db.NewBatch()
	defer batch.Close()
	w := writer{batch: batch}
	for i := range batches {
		w.write(&batches[i])
	}
	if w.err != nil {
		return w.err
	}
	if err := s.disk.admit(batch.Len()); err != nil {
		return err
	}
	if err := s.commit(batch, s.write); err != nil {
		doubtful = true
		return err
	}
	for i, p := range locked {
		last := batches[i].Commits[len(batches[i].Commits)-1].Cursor()
		p.update(func(h *store.Head) { h.Cursor = last })
	}
	return nil
}

// A writer makes rows of batches. After an error it does nothing.
type writer struct {
	batch      *pebble.Batch
	key, value []byte // scratch
	err        error
}

func (w *writer) set() {
	if w.err == nil {
		w.err = w.batch.Set(w.key, w.value, nil)
	}
}

func (w *writer) write(b *store.Batch) {
	for _, c := range b.Commits {
		w.key = rows.LogKey(w.key[:0], b.Space, c.Seq)
		w.value = c.AppendBinary(w.value[:0])
		w.set()
		for i := range c.Changes {
			change := &c.Changes[i]
			w.key = rows.DataKey(w.key[:0], b.Space, change.Key, c.Seq)
			w.value = space.AppendVersion(w.value[:0], change.Version(c.Seq))
			w.set()
		}
	}
	for client, state := range space.ClientStates(b.Commits) {
		w.key = rows.ClientKey(w.key[:0], b.Space, client)
		w.value = state.AppendBinary(w.value[:0])
		w.set()
	}
}
