package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/internal/rows"
)

// View implements store.Store. Versions never change, so any later state of the
// database would do, were it not for Trim and Drop: a snapshot keeps what they
// remove. It is taken after the head was read, which it therefore holds, and
// before the horizon is looked at, which Trim raises before it removes anything.
func (s *Store) View(ctx context.Context, path space.Path, at space.Seq) (store.View, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	p := s.spaces.acquire(path)
	defer s.spaces.release(p)
	for {
		drops := s.drops.Load()
		head, err := s.head(p)
		if err != nil {
			return nil, err
		}
		snapshot := s.db.NewSnapshot()
		now, err := s.head(p)
		switch {
		case err != nil:
		case at > head.Cursor.Seq:
			err = store.ErrFuture
		case at < now.Horizon.Seq:
			err = store.ErrTrimmed
		case drops != s.drops.Load():
			snapshot.Close() // some space was dropped meanwhile, maybe this one
			continue
		default:
			return &view{s: s, path: path, at: at, snapshot: snapshot}, nil
		}
		snapshot.Close()
		return nil, err
	}
}

type view struct {
	s        *Store
	path     space.Path
	at       space.Seq
	snapshot *pebble.Snapshot // nil once closed
	points   *pebble.Iterator // for Get, made by the first
	key      []byte           // scratch of Get
}

func (v *view) At() space.Seq { return v.at }

func (v *view) begin() error {
	if err := v.s.gate.Enter(); err != nil {
		return err
	}
	if v.snapshot == nil {
		v.s.gate.Leave()
		return store.ErrClosed
	}
	return nil
}

func (v *view) Get(key space.Key) (space.Version, error) {
	if err := v.begin(); err != nil {
		return space.Version{}, err
	}
	defer v.s.gate.Leave()
	if v.points == nil {
		it, err := v.snapshot.NewIter(&pebble.IterOptions{
			LowerBound:   rows.SpacePrefix(nil, rows.Data, v.path),
			UpperBound:   rows.SpaceEnd(nil, rows.Data, v.path),
			UseL6Filters: true, // writers ask for many keys that do not exist yet
		})
		if err != nil {
			return space.Version{}, corrupt(err)
		}
		v.points = it
	}
	prefix := rows.DataPrefix(v.key[:0], v.path, key)
	v.key = rows.AppendSuffix(prefix, v.at)
	if !v.points.SeekPrefixGE(v.key) {
		return space.Version{}, corrupt(v.points.Error())
	}
	if !bytes.HasPrefix(v.points.Key(), prefix) {
		return space.Version{}, nil
	}
	return version(v.points, len(prefix))
}

// version reads the row at which it stands, whose key's prefix has n bytes.
func version(it *pebble.Iterator, n int) (space.Version, error) {
	seq, err := rows.SuffixSeq(it.Key(), n)
	if err != nil {
		return space.Version{}, err
	}
	row, err := it.ValueAndErr()
	if err != nil {
		return space.Version{}, corrupt(err)
	}
	version, err := space.DecodeVersion(seq, row)
	if err != nil {
		return space.Version{}, fmt.Errorf("row %q: %w: %w", it.Key(), store.ErrCorrupt, err)
	}
	version.Payload = bytes.Clone(version.Payload) // row is Pebble's
	return version, nil
}

func (v *view) Scan(collection, after string) iter.Seq2[space.Entry, error] {
	return func(yield func(space.Entry, error) bool) {
		if err := v.begin(); err != nil {
			yield(space.Entry{}, err)
			return
		}
		defer v.s.gate.Leave()
		if err := v.scan(collection, after, yield); err != nil {
			yield(space.Entry{}, err)
		}
	}
}

// scan calls yield, and returns an error that is still to be yielded.
func (v *view) scan(collection, after string, yield func(space.Entry, error) bool) error {
	base := rows.SpacePrefix(nil, rows.Data, v.path)
	lower := append(append(bytes.Clone(base), collection...), 0)
	idAt := len(lower)
	if after != "" {
		lower = append(append(lower, after...), 1)
	}
	it, err := v.snapshot.NewIter(&pebble.IterOptions{
		LowerBound: lower,
		UpperBound: append(append(base, collection...), 1),
	})
	if err != nil {
		return corrupt(err)
	}
	defer it.Close()
	var seek []byte
	for ok := it.First(); ok; {
		key := it.Key()
		n := rows.Split(key)
		seq, err := rows.SuffixSeq(key, n)
		if err != nil {
			return err
		}
		if seq > v.at {
			// Newer than the view: go to where its version would be. There may be
			// none, then this is the next key already.
			seek = rows.AppendSuffix(append(seek[:0], key[:n]...), v.at)
			ok = it.SeekGE(seek)
			continue
		}
		found, err := version(it, n)
		if err != nil {
			return err
		}
		if !found.Deleted {
			entry := space.Entry{Key: space.Key{Collection: collection, ID: string(key[idAt : n-1])}, Version: found}
			if !yield(entry, nil) {
				return nil
			}
		}
		ok = it.NextPrefix()
	}
	return corrupt(it.Error())
}

func (v *view) Close() error {
	if v.snapshot == nil {
		return nil
	}
	var err error
	if v.points != nil {
		err = v.points.Close()
	}
	err = errors.Join(err, v.snapshot.Close())
	v.points, v.snapshot = nil, nil
	return err
}
