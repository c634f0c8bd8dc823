package pebblestore

import (
	"bytes"
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/internal/rows"
)

// sweepBytes bounds the batches of a sweep.
const sweepBytes = 256 << 10

func (s *Store) readHorizon(path space.Path) (m rows.Mark, err error) {
	v, ok, err := s.get(rows.SpaceKey(nil, rows.Horizon, path))
	if err != nil || !ok {
		return m, err
	}
	return rows.DecodeMark(v)
}

// Trim implements store.Store. First the new horizon becomes durable and known:
// from then on nobody opens a view below it. Then the log between the old
// horizon and the new one says which versions nobody can reach any more. A Trim
// cut short leaves them, harmless; the next one, whatever its horizon, goes on
// from where it ended.
func (s *Store) Trim(ctx context.Context, path space.Path, horizon space.Seq) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	p := s.spaces.acquire(path)
	defer s.spaces.release(p)
	p.sweeping.Lock()
	defer p.sweeping.Unlock()
	head, err := s.head(p)
	if err != nil {
		return err
	}
	if horizon > head.Cursor.Seq {
		return store.ErrFuture
	}
	mark, err := s.readHorizon(path)
	if err != nil {
		return err
	}
	if horizon > mark.Horizon.Seq {
		c, err := s.commitAt(path, horizon)
		if err != nil {
			return err
		}
		mark.Horizon = c.Cursor()
		if err := s.setHorizon(path, mark, pebble.Sync, nil); err != nil {
			return err
		}
		p.update(func(h *store.Head) { h.Horizon = mark.Horizon })
	}
	if mark.Swept == mark.Horizon.Seq {
		return nil
	}
	return s.sweep(path, mark)
}

// setHorizon writes mark with what more puts into the same batch.
func (s *Store) setHorizon(path space.Path, mark rows.Mark, o *pebble.WriteOptions, more func(*pebble.Batch) error) error {
	b := s.db.NewBatch()
	defer b.Close()
	if more != nil {
		if err := more(b); err != nil {
			return err
		}
	}
	if err := b.Set(rows.SpaceKey(nil, rows.Horizon, path), mark.AppendBinary(nil), nil); err != nil {
		return err
	}
	return s.commit(b, o)
}

func (s *Store) commitAt(path space.Path, seq space.Seq) (*space.Commit, error) {
	v, ok, err := s.get(rows.LogKey(nil, path, seq))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("log of space %s: %w: commit %d is missing", path, store.ErrCorrupt, seq)
	}
	return rows.DecodeCommit(path, seq, v)
}

// sweep removes what the commits in (mark.Swept, mark.Horizon] superseded, and
// then their log. Batches are written without waiting for the disk: the log
// keeps their order, and the last one waits for all.
func (s *Store) sweep(path space.Path, mark rows.Mark) error {
	snapshot := s.db.NewSnapshot()
	defer snapshot.Close()
	log, err := snapshot.NewIter(&pebble.IterOptions{
		LowerBound: rows.LogKey(nil, path, mark.Swept+1),
		UpperBound: rows.LogKey(nil, path, mark.Horizon.Seq+1),
	})
	if err != nil {
		return corrupt(err)
	}
	defer log.Close()
	data, err := snapshot.NewIter(&pebble.IterOptions{
		LowerBound: rows.SpacePrefix(nil, rows.Data, path),
		UpperBound: rows.SpaceEnd(nil, rows.Data, path),
	})
	if err != nil {
		return corrupt(err)
	}
	defer data.Close()

	w := sweeper{path: path, horizon: mark.Horizon.Seq, start: mark.Swept, data: data, batch: s.db.NewBatch()}
	defer func() { w.batch.Close() }()
	for log.First(); log.Valid(); log.Next() {
		row, err := log.ValueAndErr()
		if err != nil {
			return corrupt(err)
		}
		c, err := rows.DecodeCommit(path, rows.LogSeq(log.Key()), row)
		if err != nil {
			return err
		}
		for i := range c.Changes {
			if err := w.sweep(c.Changes[i].Key, c.Seq); err != nil {
				return corrupt(err)
			}
		}
		mark.Swept = c.Seq
		if w.batch.Len() < sweepBytes {
			continue
		}
		if err := w.batch.Set(rows.SpaceKey(nil, rows.Horizon, path), mark.AppendBinary(nil), nil); err != nil {
			return err
		}
		if err := s.commit(w.batch, pebble.NoSync); err != nil {
			return err
		}
		w.batch.Close()
		w.batch = s.db.NewBatch()
	}
	if err := log.Error(); err != nil {
		return corrupt(err)
	}
	mark.Swept = mark.Horizon.Seq
	if err := w.batch.DeleteRange(rows.LogKey(nil, path, 0), rows.LogKey(nil, path, mark.Horizon.Seq+1), nil); err != nil {
		return err
	}
	if err := w.batch.Set(rows.SpaceKey(nil, rows.Horizon, path), mark.AppendBinary(nil), nil); err != nil {
		return err
	}
	return s.commit(w.batch, pebble.Sync)
}

// A sweeper finds the superseded versions of one sweep. It reads a snapshot from
// before the sweep, so its own deletions do not slow it down.
type sweeper struct {
	path    space.Path
	horizon space.Seq
	start   space.Seq // at or below it each key has one version at most
	data    *pebble.Iterator
	batch   *pebble.Batch
	key     []byte
}

// sweep deals with one key that the commit seq changed.
func (w *sweeper) sweep(key space.Key, seq space.Seq) error {
	w.key = rows.DataPrefix(w.key[:0], w.path, key)
	n := len(w.key)
	newest, row, err := w.find(n, w.horizon)
	if err != nil || newest == 0 || newest < seq {
		return err
	}
	if newest > seq {
		// A later commit at or below the horizon changed it again.
		return w.batch.Delete(rows.AppendSuffix(w.key[:n], seq), nil)
	}
	v, err := space.DecodeVersion(newest, row)
	if err != nil {
		return fmt.Errorf("row %q: %w: %w", w.key, store.ErrCorrupt, err)
	}
	if v.Deleted {
		if err := w.batch.Delete(rows.AppendSuffix(w.key[:n], seq), nil); err != nil {
			return err
		}
	}
	// The versions between start and this one are their own commits' business.
	old, _, err := w.find(n, w.start)
	if err != nil || old == 0 {
		return err
	}
	return w.batch.Delete(rows.AppendSuffix(w.key[:n], old), nil)
}

// find returns the newest version at or below seq of the key w.key[:n].
func (w *sweeper) find(n int, seq space.Seq) (space.Seq, []byte, error) {
	prefix := w.key[:n]
	w.key = rows.AppendSuffix(prefix, seq)
	if !w.data.SeekGE(w.key) {
		return 0, nil, w.data.Error()
	}
	if !bytes.HasPrefix(w.data.Key(), prefix) {
		return 0, nil, nil
	}
	found, err := rows.SuffixSeq(w.data.Key(), n)
	if err != nil {
		return 0, nil, err
	}
	row, err := w.data.ValueAndErr()
	return found, row, err
}

// Drop implements store.Store.
func (s *Store) Drop(ctx context.Context, path space.Path) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	p := s.spaces.acquire(path)
	defer s.spaces.release(p)
	p.sweeping.Lock()
	defer p.sweeping.Unlock()
	p.appending.Lock()
	defer p.appending.Unlock()
	if err := s.broken(); err != nil {
		return err
	}
	// Views that are being opened notice, and try again.
	s.drops.Add(1)
	defer s.drops.Add(1)
	b := s.db.NewBatch()
	defer b.Close()
	for _, kind := range []byte{rows.Log, rows.Data, rows.Client} {
		if err := b.DeleteRange(rows.SpacePrefix(nil, kind, path), rows.SpaceEnd(nil, kind, path), nil); err != nil {
			return err
		}
	}
	if err := b.Delete(rows.SpaceKey(nil, rows.Horizon, path), nil); err != nil {
		return err
	}
	err := s.commit(b, pebble.Sync)
	// Even if that has failed: the rows are gone from memory.
	p.head.Store(&store.Head{})
	return err
}
