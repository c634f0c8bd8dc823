package replica

import (
	"context"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
)

// Put stores a record whole. value is anything that encodes to a JSON object, or
// the JSON itself as a string, []byte or jsontext.Value. The error is a *space.Refusal for what the
// server would refuse on sight, ErrQueueFull, ErrRejectedFull, ErrClosed or the
// store's; then nothing was queued.
func (s *Space) Put(ctx context.Context, collection, id string, value any) (*Pending, error) {
	return s.Mutate(ctx, func(tx *Tx) error { return tx.Put(collection, id, value) })
}

// Patch applies update operators to a record, such as {"$inc": {"votes": 1}}. If
// there is no such record when the server comes to it, it is rejected; until then
// it shows no effect. Errors are as Put's.
func (s *Space) Patch(ctx context.Context, collection, id string, update any) (*Pending, error) {
	return s.Mutate(ctx, func(tx *Tx) error { return tx.Patch(collection, id, update) })
}

// Delete removes a record, and does nothing where there is none. Errors are as
// Put's.
func (s *Space) Delete(ctx context.Context, collection, id string) (*Pending, error) {
	return s.Mutate(ctx, func(tx *Tx) error { return tx.Delete(collection, id) })
}

// MutateOptions change what Mutate does.
type MutateOptions struct {
	// Serializable makes the server refuse the mutation as stale if anything that
	// the Tx has read was changed by somebody else in the meantime. What is hidden
	// because its lease has run out cannot be read for that, nor what is wanted and has yet to come: ErrExpired, ErrNotLoaded.
	Serializable bool
}

// Mutate queues the operations that f puts together in the Tx: all of them are
// applied, or none. If f returns an error nothing is queued and that is the error;
// others are as Put's. f runs once, without a lock held.
func (s *Space) Mutate(ctx context.Context, f func(*Tx) error, opts ...MutateOptions) (*Pending, error) {
	if err := s.lock(); err != nil {
		return nil, err
	}
	tx := &Tx{s: s, ctx: ctx, at: s.core.Status().Cursor.Seq, keys: map[space.Key]struct{}{}, own: map[space.Key]int{}}
	s.mu.Unlock()
	if err := f(tx); err != nil {
		return nil, err
	}
	var reads *space.Reads
	for _, o := range opts {
		if o.Serializable && tx.unreadable != nil {
			return nil, tx.unreadable
		}
		if o.Serializable {
			reads = &space.Reads{At: tx.at, Keys: clonePairs(tx.keys), Where: tx.where}
		}
	}
	return s.queue(ctx, tx.ops, reads)
}

// record encodes what a caller gives for a record.
func record(v any) (jsontext.Value, error) {
	switch v := v.(type) {
	case jsontext.Value:
		return v, nil
	case []byte:
		return v, nil
	case string:
		return jsontext.Value(v), nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, &space.Refusal{Code: space.CodeInvalid, Message: err.Error()}
	}
	return b, nil
}
