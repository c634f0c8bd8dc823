package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/internal/rows"
	bolt "go.etcd.io/bbolt"
)

// VerifyEngine implements store.Verifier: it reads every row of a transaction,
// checks its checksum and what it says, that it is found by its key, and that the
// rows of each space add up to the sum kept beside them.
func (s *Store) VerifyEngine(ctx context.Context, report func(store.Problem)) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	tx, err := s.db.Begin(false)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	v := verifier{bucket: tx.Bucket(bucketName), report: report, sums: make(map[space.Path]uint64)}
	v.checker = rows.Checker{Report: report, HeadRows: true}
	for _, kind := range rows.Kinds {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := guard(func() error { return v.rows(kind) }); err != nil {
			report(store.Problem{What: fmt.Sprintf("rows of kind %q: %v", kind, err)})
		}
	}
	if err := guard(v.checkSums); err != nil {
		report(store.Problem{What: fmt.Sprintf("sums: %v", err)})
	}
	return nil
}

type verifier struct {
	bucket  *bolt.Bucket
	report  func(store.Problem)
	checker rows.Checker
	sums    map[space.Path]uint64
}

func (v *verifier) rows(kind byte) error {
	c := v.bucket.Cursor()
	for key, stored := c.Seek([]byte{kind}); key != nil && key[0] == kind; key, stored = c.Next() {
		value, err := unseal(key, stored)
		if err != nil {
			v.report(store.Problem{What: err.Error()})
			continue
		}
		if kind != rows.Closed {
			path, _, _ := bytes.Cut(key[1:], []byte{0})
			v.sums[space.Path(path)] += weight(stored)
		}
		if !bytes.Equal(v.bucket.Get(key), stored) {
			v.report(store.Problem{What: fmt.Sprintf("row %q: %v: it is not found by its key", key, store.ErrCorrupt)})
		}
		v.checker.Row(key, value)
	}
	return nil
}

func (v *verifier) checkSums() error {
	c := v.bucket.Cursor()
	for key, stored := c.First(); key != nil; key, stored = c.Next() {
		if key[0] != kindSum {
			if !bytes.Contains(rows.Kinds, key[:1]) {
				v.report(store.Problem{What: fmt.Sprintf("row %q: %v: of no known kind", key, store.ErrCorrupt)})
			}
			continue
		}
		value, err := unseal(key, stored)
		path := space.Path(key[1:])
		switch {
		case err != nil || len(value) != 8:
			v.report(store.Problem{Space: path, What: fmt.Sprintf("sum of rows: %v: %v", store.ErrCorrupt, err)})
		case binary.BigEndian.Uint64(value) != v.sums[path]:
			v.report(store.Problem{Space: path, What: fmt.Sprintf("%v: rows are missing, or too many", store.ErrCorrupt)})
		}
		delete(v.sums, path)
	}
	for path := range v.sums {
		v.report(store.Problem{Space: path, What: fmt.Sprintf("%v: rows without a sum", store.ErrCorrupt)})
	}
	return nil
}
