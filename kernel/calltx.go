package kernel

import (
	"errors"
	"fmt"
	"iter"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
)

// callTx is a Tx on the plan's state: what the principal, or the mutator in their
// place, may see, with the mutation's own changes before it.
type callTx struct {
	execution
	writes      int
	written     int // bytes
	gets, scans int
	read        int // bytes
	err         error
	over        bool
}

var errOver = errors.New("the mutation is over")

// end makes an error the mutation's, whatever the mutator makes of it.
func (t *callTx) end(err error) error {
	if t.err == nil {
		t.err = err
	}
	return err
}

func (t *callTx) ready() error {
	if t.over {
		return errOver
	}
	return t.err
}

func (t *callTx) tooLarge(format string, args ...any) error {
	return t.end(&space.Refusal{Code: space.CodeTooLarge, Message: fmt.Sprintf(format, args...)})
}

func (t *callTx) took(bytes int) error {
	if t.read += bytes; t.read > maxCallBytes {
		return t.tooLarge("a mutator reads at most %d bytes", maxCallBytes)
	}
	return nil
}

// Get implements Tx.
func (t *callTx) Get(collection, id string) (jsontext.Value, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	key, err := space.ParseKey(collection, id)
	if err != nil {
		return nil, nil // there can be no such entry
	}
	if t.gets++; t.gets > maxCallGets {
		return nil, t.tooLarge("a mutator reads at most %d entries by their ids", maxCallGets)
	}
	payload, live, err := t.payload(key, t.find(key))
	if err != nil {
		return nil, t.end(err)
	}
	if !live {
		return nil, nil
	}
	return payload, t.took(len(payload))
}

// Find implements Tx.
func (t *callTx) Find(collection string, q *selector.Query) ([]Found, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	if space.CheckCollection(collection) != nil {
		return nil, nil
	}
	found, err := Find(snapshot{t}, collection, q, nil)
	if err != nil {
		return nil, t.end(err)
	}
	return found, nil
}

// Write implements Tx.
func (t *callTx) Write(op *space.Op) error {
	if err := t.ready(); err != nil {
		return err
	}
	limits := &t.plan.limits
	if t.writes++; t.writes > limits.Ops {
		return t.tooLarge("more writes than the limit ops, %d", limits.Ops)
	}
	if t.written += len(op.In) + len(op.ID) + len(op.Value) + len(op.Patch); t.written > limits.Mutation {
		return t.tooLarge("writes of more bytes than the limit mutation, %d", limits.Mutation)
	}
	err := t.op(t.writes-1, op)
	var refusal *space.Refusal
	if err != nil && !errors.As(err, &refusal) {
		return t.end(err)
	}
	return err
}

// snapshot is what a callTx shows, for queries.
type snapshot struct{ tx *callTx }

// Scan implements Snapshot.
func (s snapshot) Scan(collection, after string) iter.Seq2[space.Entry, error] {
	return func(yield func(space.Entry, error) bool) {
		t, p := s.tx, s.tx.plan
		newer := map[string]space.Version{} // than what the reader has
		for key, v := range p.state {
			if key.Collection == collection && key.ID > after {
				newer[key.ID] = v
			}
		}
		own := map[string]bool{}
		for i := range t.changes {
			if c := &t.changes[i]; c.Key.Collection == collection && c.Key.ID > after {
				newer[c.Key.ID] = t.version(c)
				own[c.Key.ID] = true
			}
		}
		for e, err := range Overlaid(p.reader.Scan(collection, after, p.base.Seq), collection, newer) {
			shown, err := t.show(e, own[e.Key.ID], err)
			if err != nil {
				yield(space.Entry{}, err)
				return
			}
			if shown.Live() && !yield(space.Entry{Key: e.Key, Version: shown}, nil) {
				return
			}
		}
	}
}

// show counts an entry that a query comes upon and returns what is to be seen of it,
// the zero Version if nothing is; of its own changes the mutation sees all.
func (t *callTx) show(e space.Entry, own bool, err error) (space.Version, error) {
	if err != nil {
		return space.Version{}, err
	}
	if t.scans++; t.scans > maxCallScans {
		return space.Version{}, t.tooLarge("the queries of a mutator look at no more than %d entries", maxCallScans)
	}
	if !e.Live() {
		return space.Version{}, nil
	}
	shown, visible, err := Show(t.plan.guard.Sight(e.Key.Collection), e.Key, e.Version)
	if err != nil || !visible && !own {
		return space.Version{}, err
	}
	return shown, t.took(len(shown.Payload))
}

// free is a guard that lets all writes through: a planted bug.
type free struct{ Guard }

func (free) Write(State, space.Key, func() (space.Version, error), space.Version) (*space.Refusal, error) {
	return nil, nil
}
