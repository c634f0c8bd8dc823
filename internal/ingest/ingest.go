// Package ingest brings the rows of a file into a space, as a replica like any
// other: rows become puts, puts become atomic mutations of many rows, several of
// which are under way at once.
//
// # Interruption
//
// Where the replica's store is kept, an import that was cut short goes on where it
// stopped, and each row is put once. How far the file was read is written in the
// same append that queues the mutation (Track), so a crash leaves both or neither;
// from the queue on, it is the replica that sees to exactly once.
//
// # Order
//
// Mutations are applied in the order of the file, so the last row of an id wins.
// A mutation that is refused is cut in two and sent again, until the rows at fault
// stand alone: it then comes after those that were under way with it.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/syncline/syncline/internal/rows"
	"github.com/syncline/syncline/space"
)

// The bounds of a mutation, and how many are under way.
const (
	batchRows  = 200
	batchBytes = 256 << 10
	underWay   = 16
)

// A Sender is a replica of the space, as far as an import needs one.
type Sender interface {
	// Send queues a mutation. The error is a *space.Refusal if it cannot be
	// accepted as it is; then nothing was queued.
	Send(ctx context.Context, ops []space.Op) (Sent, error)
	// Drain waits until everything queued has an outcome.
	Drain(ctx context.Context) error
	// Rejected are the mutations that were rejected and not forgotten.
	Rejected() []Rejected
}

// A Sent is a mutation that was queued.
type Sent interface {
	// ID tells it from others of the same replica, also in later runs.
	ID() uint64
	// Wait returns its outcome.
	Wait(ctx context.Context) (space.Outcome, error)
	// Forget removes it from those that were rejected.
	Forget(ctx context.Context) error
}

// A Rejected is a mutation that was rejected in an earlier run.
type Rejected struct {
	Sent
	Ops []space.Op
	Why space.Outcome
}

// Options say what to import.
type Options struct {
	Collection string
	Strict     bool // the first bad row ends it
	Tracker    *Tracker
	// Refused is told of each row that did not get in.
	Refused func(Refusal)
	// Progress is told now and then.
	Progress func(Counts)
}

// A Refusal says why a row did not get in.
type Refusal struct {
	Row     int64  `json:"row,omitzero"`  // its number, 0 if it was sent by an earlier run
	Line    int    `json:"line,omitzero"` // where it begins
	ID      string `json:"id,omitzero"`
	Code    string `json:"code"` // bad_row if it was not sent at all
	Path    string `json:"path,omitzero"`
	Message string `json:"message"`
}

// CodeBadRow is the code of rows that are not valid by themselves.
const CodeBadRow = "bad_row"

// Counts say how far an import is.
type Counts struct {
	Skipped int64 // rows that an earlier run had dealt with
	Rows    int64 // rows read, without those
	Applied int64
	Refused int64 // by the server, or bad
}

// ErrStrict ends a strict import.
var ErrStrict = errors.New("stopped at the first bad row")

// A batch is a mutation with the rows that it came from.
type batch struct {
	ops  []space.Op
	rows []rows.Row // of each op, without the record
	mark mark
	sent Sent
}

type importer struct {
	Options
	to     Sender
	counts Counts
	flight []batch
}

// Run imports all rows. Rows that do not get in are no error, unless it is strict.
func Run(ctx context.Context, from rows.Reader, to Sender, o Options) (Counts, error) {
	i := &importer{Options: o, to: to}
	if err := i.takeOver(ctx); err != nil {
		return i.counts, err
	}
	err := i.run(ctx, from)
	if ctx.Err() == nil || err == nil {
		if e := i.settleAll(ctx); err == nil {
			err = e
		}
	}
	i.Progress(i.counts)
	return i.counts, err
}

// takeOver deals with what an earlier run had queued.
func (i *importer) takeOver(ctx context.Context) error {
	if err := i.to.Drain(ctx); err != nil {
		return err
	}
	for _, r := range i.to.Rejected() {
		b := batch{ops: r.Ops, rows: make([]rows.Row, len(r.Ops)), sent: r}
		for j := range r.Ops {
			b.rows[j].ID = r.Ops[j].ID
		}
		if err := i.rejected(ctx, b, r.Why); err != nil {
			return err
		}
	}
	return i.settleAll(ctx)
}

func (i *importer) run(ctx context.Context, from rows.Reader) error {
	skip := i.Tracker.Rows()
	var b batch
	size := 0
	for {
		row, err := from.Next()
		if err != nil {
			if e := i.send(ctx, b); e != nil {
				return e
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("after row %d: %w", i.counts.Skipped+i.counts.Rows, err)
		}
		if row.Number <= skip {
			i.counts.Skipped++
			continue
		}
		i.counts.Rows++
		if row.Err != nil {
			i.bad(row)
			if !i.Strict {
				continue
			}
			if err := i.send(ctx, b); err != nil {
				return err
			}
			return ErrStrict
		}
		b.ops = append(b.ops, space.Op{Op: space.OpPut, In: i.Collection, ID: row.ID, Value: row.Value})
		size += len(row.Value) + len(row.ID) + 64
		row.Value = nil
		b.rows, b.mark.row = append(b.rows, row), row.Number
		if len(b.ops) >= batchRows || size >= batchBytes {
			if err := i.send(ctx, b); err != nil {
				return err
			}
			b, size = batch{}, 0
		}
	}
}

// send queues a batch. It waits while too many are under way.
func (i *importer) send(ctx context.Context, b batch) error {
	if len(b.ops) == 0 {
		return nil
	}
	for len(i.flight) >= underWay {
		if err := i.settle(ctx); err != nil {
			return err
		}
	}
	i.Tracker.announce(b.mark)
	sent, err := i.to.Send(ctx, b.ops)
	i.Tracker.announce(mark{})
	var refusal *space.Refusal
	switch {
	case errors.As(err, &refusal):
		return i.refused(ctx, b, refusal)
	case err != nil:
		return err
	}
	b.sent = sent
	i.flight = append(i.flight, b)
	return nil
}
