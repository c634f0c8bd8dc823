package boltstore

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/internal/rows"
	bolt "go.etcd.io/bbolt"
)

// maxMerged bounds how many Appends share a transaction.
const maxMerged = 256

// A task is what the writer is asked for: an Append, or something that has a
// transaction of its own.
type task struct {
	batches []store.Batch
	alone   func(*writer) error
	err     error
	done    chan struct{}
}

// do has the writer carry out a task.
func (s *Store) do(t *task) error {
	t.done = make(chan struct{})
	s.tasks <- t
	<-t.done
	return t.err
}

// Append implements store.Store.
func (s *Store) Append(ctx context.Context, batches ...store.Batch) error {
	if err := store.CheckBatches(batches); err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := s.do(&task{batches: batches}); err != nil {
		return err
	}
	for i := range batches {
		s.hub.Notify(batches[i].Space)
	}
	return nil
}

// write is the writer. It ends when tasks is closed.
func (s *Store) write() {
	defer close(s.ended)
	for first := range s.tasks {
		tasks := []*task{first}
		for first.alone == nil && len(tasks) < maxMerged {
			var t *task
			select {
			case t = <-s.tasks:
			default:
			}
			if t == nil {
				break
			}
			tasks = append(tasks, t)
			if t.alone != nil {
				break
			}
		}
		if last := tasks[len(tasks)-1]; last.alone != nil {
			s.commit(tasks[:len(tasks)-1])
			s.commit(tasks[len(tasks)-1:])
		} else {
			s.commit(tasks)
		}
	}
}

// commit carries out tasks in one transaction and answers them. Answers wait for
// the fsync, even refusals: a conflict may be with a task of the same
// transaction.
func (s *Store) commit(tasks []*task) {
	if len(tasks) == 0 {
		return
	}
	if err := s.transact(tasks); err != nil {
		for _, t := range tasks {
			t.err = err
		}
	}
	for _, t := range tasks {
		close(t.done)
	}
}

func (s *Store) transact(tasks []*task) error {
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken != nil {
		return broken
	}
	w := &writer{room: &s.room, before: make(map[space.Path]space.Cursor), sums: make(map[space.Path]uint64)}
	err := guard(func() (err error) {
		if w.tx, err = s.db.Begin(true); err != nil {
			return err
		}
		w.reader = reader{w.tx.Bucket(bucketName)}
		for _, t := range tasks {
			if t.alone != nil {
				t.err = t.alone(w)
			} else {
				t.err = w.append(t.batches)
			}
			if w.err != nil {
				return w.err // half of a task may be written
			}
		}
		return w.writeSums()
	})
	if err == nil && !w.dirty {
		return w.tx.Rollback()
	}
	settled := make(chan struct{})
	if err == nil {
		s.mu.Lock()
		s.inflight, s.settled = w.before, settled
		s.mu.Unlock()
		err = guard(w.tx.Commit)
	} else if w.tx != nil {
		// After a panic this may panic too.
		_ = guard(w.tx.Rollback)
	}
	s.mu.Lock()
	if err != nil {
		// What the file holds now is unknown. What was held back stays so.
		s.broken = fmt.Errorf("the store is broken since an earlier failure: %w", err)
		err = s.broken
	} else {
		s.inflight = nil
	}
	s.mu.Unlock()
	close(settled)
	return err
}

// A writer makes one transaction.
type writer struct {
	reader
	tx     *bolt.Tx
	room   *room
	before map[space.Path]space.Cursor // heads before it, of the spaces it appends to
	sums   map[space.Path]uint64       // of the spaces that it changes
	dirty  bool
	err    error // once set the transaction must not be committed
}

func (w *writer) append(batches []store.Batch) error {
	heads := make([]space.Cursor, len(batches))
	size := 0
	for i := range batches {
		b := &batches[i]
		head, err := w.head(b.Space)
		if err != nil {
			return err
		}
		if head.Cursor != b.Base {
			return &store.ConflictError{Space: b.Space, Base: b.Base, Head: head.Cursor}
		}
		if _, err := w.sum(b.Space); err != nil {
			return err
		}
		heads[i] = head.Cursor
		for _, c := range b.Commits {
			size += 256
			for j := range c.Changes {
				size += 128 + len(c.Changes[j].Payload)
			}
		}
	}
	if err := w.room.admit(size); err != nil {
		return err
	}
	for i := range batches {
		w.write(&batches[i])
		if _, ok := w.before[batches[i].Space]; !ok {
			w.before[batches[i].Space] = heads[i]
		}
	}
	return w.err
}

func (w *writer) write(b *store.Batch) {
	for _, c := range b.Commits {
		w.put(b.Space, rows.LogKey(nil, b.Space, c.Seq), c.AppendBinary(nil), true)
		for i := range c.Changes {
			change := &c.Changes[i]
			w.put(b.Space, rows.DataKey(nil, b.Space, change.Key, c.Seq),
				space.AppendVersion(nil, change.Version(c.Seq)), true)
		}
	}
	for client, state := range space.ClientStates(b.Commits) {
		w.put(b.Space, rows.ClientKey(nil, b.Space, client), state.AppendBinary(nil), false)
	}
	last := b.Commits[len(b.Commits)-1].Cursor()
	w.put(b.Space, rows.SpaceKey(nil, rows.Head, b.Space), rows.AppendCursor(nil, last), false)
}

// put writes a row, which counts in its space's sum. A row that is not fresh may
// replace one.
func (w *writer) put(path space.Path, key, value []byte, fresh bool) {
	if w.err != nil {
		return
	}
	sum, err := w.sum(path)
	if err == nil && !fresh {
		if old := w.b.Get(key); old != nil {
			sum -= weight(old)
		}
	}
	stored := seal(key, value)
	if err == nil {
		err = w.b.Put(key, stored) // which keeps both slices until the commit
	}
	w.sums[path] = sum + weight(stored)
	w.dirty, w.err = true, err
}

// remove removes a row, if it is there.
func (w *writer) remove(path space.Path, key []byte) {
	if w.err != nil {
		return
	}
	old := w.b.Get(key)
	if old == nil {
		return
	}
	sum, err := w.sum(path)
	if err == nil {
		w.sums[path] = sum - weight(old)
		err = w.b.Delete(key)
	}
	w.dirty, w.err = true, err
}

// sum is what the rows of a space add up to so far.
func (w *writer) sum(path space.Path) (uint64, error) {
	if n, ok := w.sums[path]; ok {
		return n, nil
	}
	v, err := w.get(rows.SpaceKey(nil, kindSum, path))
	if err != nil {
		return 0, err
	}
	n := uint64(0)
	if len(v) == 8 {
		n = binary.BigEndian.Uint64(v)
	}
	w.sums[path] = n
	return n, nil
}

func (w *writer) writeSums() error {
	if !w.dirty {
		return nil
	}
	for path, n := range w.sums {
		key := rows.SpaceKey(nil, kindSum, path)
		if n == 0 { // dropped
			if err := w.b.Delete(key); err != nil {
				return err
			}
			continue
		}
		if err := w.b.Put(key, seal(key, binary.BigEndian.AppendUint64(nil, n))); err != nil {
			return err
		}
	}
	return nil
}
