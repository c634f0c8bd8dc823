package mutator

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
)

// A Tx is what a mutator sees and does: one space, its own writes included, which
// are committed together or not at all. It is used by one goroutine, and not after the mutator
// has returned. What the caller may not read is not there, unless the definition runs the mutator as the space.
type Tx struct {
	call   *kernel.Call
	tx     kernel.Tx
	ctx    context.Context
	random *Random
}

// Name is that of the mutator.
func (tx *Tx) Name() string { return tx.call.Name }

// Space is the space's path.
func (tx *Tx) Space() space.Path { return tx.call.Space }

// Now is the time of the commit; in a replica, of the call. Where somebody outside has to agree
// (docs/HOOKS.md) it is when they were first asked, so that the same is committed.
func (tx *Tx) Now() time.Time { return tx.call.Now }

// User is who calls, "" if nobody is known.
func (tx *Tx) User() string { return tx.call.User }

// Claims are the caller's, as rules see them; empty in a replica, which knows of none. They must not be altered.
func (tx *Tx) Claims() map[string]any { return tx.call.Claims }

// Context ends when the mutator's time is up: what runs foreign code stops it then.
func (tx *Tx) Context() context.Context { return tx.ctx }

// Random is the next random number in [0, 1), the same in the replica and on the authority.
func (tx *Tx) Random() float64 { return tx.stream().Float() }

// ID is a new random id for an entry, from the same stream as Random.
func (tx *Tx) ID() string { return tx.stream().ID() }

func (tx *Tx) stream() *Random {
	if tx.random == nil {
		tx.random = NewRandom(tx.call.Client, tx.call.Mutation, tx.call.Name)
	}
	return tx.random
}

// Get decodes an entry's record into what into points to, and reports whether there is one.
func (tx *Tx) Get(collection, id string, into any) (bool, error) {
	raw, err := tx.Raw(collection, id)
	if err != nil || raw == nil {
		return false, err
	}
	return true, json.Unmarshal(raw, into)
}

// Raw returns an entry's record in canonical form, nil if there is none. It must not be altered.
func (tx *Tx) Raw(collection, id string) (jsontext.Value, error) { return tx.tx.Get(collection, id) }

// Find answers a query over one collection, in its order, ties by id; the zero
// Limit is none. How many entries a mutator may look at is limited (too_large).
func (tx *Tx) Find(collection string, q selector.Query) ([]kernel.Found, error) {
	if q.Limit == 0 {
		q.Limit = selector.MaxRows
	}
	return tx.tx.Find(collection, &q)
}

// Put stores a record whole. value is anything that encodes to a JSON object.
func (tx *Tx) Put(collection, id string, value any) error {
	raw, err := encode(value)
	if err != nil {
		return err
	}
	return tx.tx.Write(&space.Op{Op: space.OpPut, In: collection, ID: id, Value: raw})
}

// Patch applies update operators, such as {"$inc": {"votes": 1}}, to a record. Where there is none the
// error is a *space.Refusal with code not_found.
func (tx *Tx) Patch(collection, id string, update any) error {
	raw, err := encode(update)
	if err != nil {
		return err
	}
	return tx.tx.Write(&space.Op{Op: space.OpPatch, In: collection, ID: id, Patch: raw})
}

// Delete removes a record, and does nothing where there is none.
func (tx *Tx) Delete(collection, id string) error {
	return tx.tx.Write(&space.Op{Op: space.OpDelete, In: collection, ID: id})
}

func encode(v any) (jsontext.Value, error) {
	if raw, ok := v.(jsontext.Value); ok {
		return raw, nil
	}
	return json.Marshal(v)
}
