package pebblestore

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/syncline/syncline/store"
	"github.com/syncline/syncline/store/internal/rows"
)

// VerifyEngine implements store.Verifier: it reads every row of a snapshot, so
// every block's checksum, checks what the row says, and has Pebble check the
// order of its levels.
func (s *Store) VerifyEngine(ctx context.Context, report func(store.Problem)) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	snapshot := s.db.NewSnapshot()
	defer snapshot.Close()
	checker := rows.Checker{Report: report}
	for _, kind := range rows.Kinds {
		if err := checkRows(ctx, snapshot, kind, &checker); err != nil {
			report(store.Problem{What: fmt.Sprintf("rows of kind %q: %v", kind, corrupt(err))})
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := s.db.CheckLevels(nil); err != nil {
		report(store.Problem{What: fmt.Sprintf("pebble's levels: %v", err)})
	}
	return nil
}

func checkRows(ctx context.Context, r pebble.Reader, kind byte, checker *rows.Checker) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		checker.Row(it.Key(), value)
	}
	return it.Error()
}
