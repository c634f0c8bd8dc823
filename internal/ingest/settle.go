package ingest

import (
	"context"

	"github.com/syncline/syncline/internal/rows"
	"github.com/syncline/syncline/space"
)

// settle waits for the oldest batch under way.
func (i *importer) settle(ctx context.Context) error {
	b := i.flight[0]
	outcome, err := b.sent.Wait(ctx)
	if err != nil {
		return err
	}
	i.flight = i.flight[1:]
	if outcome.Kind == space.Rejected || outcome.Kind == space.Quarantined {
		return i.rejected(ctx, b, outcome)
	}
	i.counts.Applied += int64(len(b.ops))
	i.Progress(i.counts)
	return nil
}

func (i *importer) settleAll(ctx context.Context) error {
	for len(i.flight) > 0 {
		if err := i.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rejected deals with a mutation that the server rejected. It is forgotten when
// what takes its place is queued.
func (i *importer) rejected(ctx context.Context, b batch, why space.Outcome) error {
	sent := b.sent
	b.sent, b.mark = nil, mark{of: sent.ID(), ops: len(b.ops)}
	var err error
	if again := i.Tracker.replaced(sent.ID()); again > 0 {
		// An earlier run had begun: of the rest nobody knows whether it is at fault.
		b.ops, b.rows = b.ops[again:], b.rows[again:]
		err = i.send(ctx, b)
	} else {
		err = i.refused(ctx, b, &space.Refusal{Code: why.Code, Path: why.Path, Message: why.Message})
	}
	if err != nil {
		return err
	}
	if err := sent.Forget(ctx); err != nil {
		return err
	}
	i.Tracker.forget(sent.ID())
	return nil
}

// refused reports a row that was refused alone, and sends several again in two
// halves.
func (i *importer) refused(ctx context.Context, b batch, why *space.Refusal) error {
	if len(b.ops) == 1 {
		row := b.rows[0]
		i.counts.Refused++
		i.Refused(Refusal{row.Number, row.Line, row.ID, why.Code, why.Path, why.Message})
		i.Progress(i.counts)
		return nil
	}
	half := len(b.ops) / 2
	first, second := batch{ops: b.ops[:half], rows: b.rows[:half]}, batch{ops: b.ops[half:], rows: b.rows[half:]}
	second.mark = b.mark
	if b.mark.of != 0 {
		first.mark = mark{of: b.mark.of, ops: b.mark.ops - len(second.ops)}
	} else {
		first.mark.row = first.rows[half-1].Number
	}
	if err := i.send(ctx, first); err != nil {
		return err
	}
	return i.send(ctx, second)
}

// bad reports a row that is not valid by itself.
func (i *importer) bad(row rows.Row) {
	i.counts.Refused++
	i.Refused(Refusal{row.Number, row.Line, row.ID, CodeBadRow, "", row.Err.Error()})
	i.Progress(i.counts)
}
