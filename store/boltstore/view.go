package boltstore

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/internal/rows"
)

type view struct {
	s        *Store
	snapshot *snapshot // nil once closed
	path     space.Path
	at       space.Seq
	points   *cursor // for Get
	key      []byte  // scratch of Get
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
		v.points = v.snapshot.cursor()
	}
	prefix := rows.DataPrefix(v.key[:0], v.path, key)
	v.key = rows.AppendSuffix(prefix, v.at)
	if err := v.points.seek(v.key); err != nil {
		return space.Version{}, err
	}
	if !bytes.HasPrefix(v.points.key, prefix) {
		return space.Version{}, nil
	}
	return version(v.points, len(prefix))
}

// version reads the row at which c stands, whose key's prefix has n bytes.
func version(c *cursor, n int) (space.Version, error) {
	seq, err := rows.SuffixSeq(c.key, n)
	if err != nil {
		return space.Version{}, err
	}
	found, err := space.DecodeVersion(seq, c.value)
	if err != nil {
		return space.Version{}, fmt.Errorf("row %q: %w: %w", c.key, store.ErrCorrupt, err)
	}
	found.Payload = bytes.Clone(found.Payload) // the row is bbolt's
	return found, nil
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
	base := append(append(rows.SpacePrefix(nil, rows.Data, v.path), collection...), 0)
	seek := bytes.Clone(base)
	if after != "" {
		seek = append(append(seek, after...), 1)
	}
	c := v.snapshot.cursor()
	for {
		if err := c.seek(seek); err != nil {
			return err
		}
		// Of each key come the versions newer than the view, then the one wanted.
		n := 0
		for bytes.HasPrefix(c.key, base) {
			n = rows.Split(c.key)
			seq, err := rows.SuffixSeq(c.key, n)
			if err != nil {
				return err
			}
			if seq <= v.at {
				break
			}
			// A few steps are cheaper than a seek, and most keys have few versions.
			seek = rows.AppendSuffix(append(seek[:0], c.key[:n]...), v.at)
			if err := c.seek(seek); err != nil {
				return err
			}
		}
		if !bytes.HasPrefix(c.key, base) {
			return nil
		}
		n = rows.Split(c.key)
		found, err := version(c, n)
		if err != nil {
			return err
		}
		seek = append(seek[:0], c.key[:n-1]...)
		if !found.Deleted {
			entry := space.Entry{Key: space.Key{Collection: collection, ID: string(c.key[len(base) : n-1])}, Version: found}
			if !yield(entry, nil) {
				return nil
			}
		}
		seek = append(seek, 1) // above all versions of this key
	}
}

func (v *view) Close() error {
	if v.snapshot == nil {
		return nil
	}
	err := v.snapshot.close()
	v.snapshot, v.points = nil, nil
	return err
}
