package history

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/definition"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// key is fixed in length, so that rows are in the order of numbers.
func key(number int) space.Key {
	return space.Key{Collection: collection, ID: fmt.Sprintf("%016x", number)}
}

// entries are the rows of all records, oldest first.
func (h *History) entries(ctx context.Context) (all []space.Entry, err error) {
	head, err := h.st.Head(ctx, Path)
	if err != nil || head.Cursor.Seq == 0 {
		return nil, err
	}
	for e, err := range (store.Reader{Context: ctx, Store: h.st, Space: Path}).Scan(collection, "", head.Cursor.Seq) {
		if err != nil {
			if errors.Is(err, store.ErrCorrupt) {
				err = fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// decode reads a record and sees that it is what was written. The error is ErrDamaged.
func decode(e space.Entry, r *Record) error {
	damaged := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s/%s: "+format, append([]any{ErrDamaged, Path, e.Key}, args...)...)
	}
	if err := json.Unmarshal(e.Payload, r, json.RejectUnknownMembers(true)); err != nil {
		return damaged("%w", err)
	}
	if key(r.Number) != e.Key {
		return damaged("it says that it is number %d", r.Number)
	}
	if is := definition.VersionOf(r.Definition); is != r.Version {
		return damaged("its definition has the version %s and should have %s", is, r.Version)
	}
	if r.Script == "" && r.Digest != r.Version || r.Script != "" && r.Digest != sum(r.Version, r.Script) {
		return damaged("its digest is another one")
	}
	return nil
}

// save writes a record, in the place of what it says or as the newest, and drops the oldest. The caller holds h.mu.
func (h *History) save(ctx context.Context, r *Record) error {
	head, err := h.st.Head(ctx, Path)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(r, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("a record of a definition: %w", err)
	}
	kept, err := h.entries(ctx)
	if err != nil {
		return err
	}
	c := &space.Commit{Seq: head.Cursor.Seq + 1, Time: h.now()}
	count, bytes := 1, len(payload)
	for i := len(kept) - 1; i >= 0; i-- { // the newest stay
		if kept[i].Key == key(r.Number) {
			continue
		}
		if count, bytes = count+1, bytes+len(kept[i].Payload); count > MaxRecords || bytes > MaxBytes {
			c.Changes = append(c.Changes, space.Change{Key: kept[i].Key, Type: space.Record, Deleted: true})
		}
	}
	c.Changes = append(c.Changes, space.Change{Key: key(r.Number), Type: space.Record, Payload: payload, Hash: space.PayloadHash(payload)})
	c.Seal(head.Cursor.Digest)
	if err := h.st.Append(ctx, store.Batch{Space: Path, Base: head.Cursor, Commits: []*space.Commit{c}}); err != nil {
		return err
	}
	// Nobody reads how the history came about. A failure only means that it is longer until the next time.
	_ = h.st.Trim(ctx, Path, c.Seq)
	return nil
}
