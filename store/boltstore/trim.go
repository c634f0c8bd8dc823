package boltstore

import (
	"bytes"
	"context"
	"fmt"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/internal/rows"
)

// sweepRows bounds the transactions of a sweep, so that Appends get their turn.
const sweepRows = 2000

// Trim implements store.Store. Each transaction raises the horizon (the first),
// removes what some of the commits below it superseded, and notes how far that
// has come. A Trim cut short leaves versions nobody can reach; the next goes on.
func (s *Store) Trim(ctx context.Context, path space.Path, horizon space.Seq) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	for done := false; !done; {
		err := s.do(&task{alone: func(w *writer) (err error) {
			done, err = w.trim(path, horizon)
			return err
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) trim(path space.Path, horizon space.Seq) (done bool, err error) {
	head, err := w.head(path)
	if err != nil {
		return false, err
	}
	if horizon > head.Cursor.Seq {
		return false, store.ErrFuture
	}
	mark, err := w.mark(path)
	if err != nil {
		return false, err
	}
	if horizon > mark.Horizon.Seq {
		c, err := w.commitAt(path, horizon)
		if err != nil {
			return false, err
		}
		mark.Horizon = c.Cursor()
	} else if mark.Swept == mark.Horizon.Seq {
		return true, nil
	}
	for n := 0; n < sweepRows && mark.Swept < mark.Horizon.Seq; {
		c, err := w.commitAt(path, mark.Swept+1)
		if err != nil {
			// Rows may have been removed: this transaction must not be committed.
			w.err = err
			return false, err
		}
		for i := range c.Changes {
			if err := w.sweep(path, c.Changes[i].Key, c.Seq, mark.Horizon.Seq); err != nil {
				w.err = err
				return false, err
			}
		}
		w.remove(path, rows.LogKey(nil, path, c.Seq))
		mark.Swept = c.Seq
		n += 1 + len(c.Changes)
	}
	w.put(path, rows.SpaceKey(nil, rows.Horizon, path), mark.AppendBinary(nil), false)
	return mark.Swept == mark.Horizon.Seq, w.err
}

func (w *writer) commitAt(path space.Path, seq space.Seq) (*space.Commit, error) {
	v, err := w.get(rows.LogKey(nil, path, seq))
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, fmt.Errorf("log of space %s: %w: commit %d is missing", path, store.ErrCorrupt, seq)
	}
	return rows.DecodeCommit(path, seq, v)
}

// sweep deals with one key that the commit seq changed.
func (w *writer) sweep(path space.Path, key space.Key, seq, horizon space.Seq) error {
	prefix := rows.DataPrefix(nil, path, key)
	n := len(prefix)
	c := w.cursor()
	if err := c.seek(rows.AppendSuffix(bytes.Clone(prefix), horizon)); err != nil {
		return err
	}
	if !bytes.HasPrefix(c.key, prefix) {
		return nil
	}
	newest, err := version(c, n)
	if err != nil {
		return err
	}
	if newest.Seq > seq {
		// A later commit at or below the horizon changed it again.
		w.remove(path, rows.AppendSuffix(prefix, seq))
		return w.err
	}
	var gone [][]byte
	if newest.Deleted {
		gone = append(gone, bytes.Clone(c.key))
	}
	for {
		if err := c.next(); err != nil {
			return err
		}
		if !bytes.HasPrefix(c.key, prefix) {
			break
		}
		gone = append(gone, bytes.Clone(c.key))
	}
	for _, k := range gone {
		w.remove(path, k)
	}
	return w.err
}

// Drop implements store.Store, in one transaction.
func (s *Store) Drop(ctx context.Context, path space.Path) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.do(&task{alone: func(w *writer) error { return w.drop(path) }})
}

func (w *writer) drop(path space.Path) error {
	// Damaged rows go too: this is what one drops a damaged space for.
	var keys [][]byte
	for _, kind := range []byte{rows.Log, rows.Data, rows.Client} {
		prefix := rows.SpacePrefix(nil, kind, path)
		c := w.b.Cursor()
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			keys = append(keys, bytes.Clone(k))
		}
	}
	keys = append(keys, rows.SpaceKey(nil, rows.Head, path), rows.SpaceKey(nil, rows.Horizon, path))
	for _, k := range keys {
		if w.b.Get(k) == nil {
			continue
		}
		w.dirty = true
		if w.err = w.b.Delete(k); w.err != nil {
			return w.err
		}
	}
	if w.dirty {
		w.sums[path] = 0
	}
	return nil
}
