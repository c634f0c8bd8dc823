package replica

import (
	"cmp"
	"context"
	"iter"

	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// A Tx puts one mutation together. It is used by one goroutine, within the
// function given to Space.Mutate. What it reads counts as read by the mutation,
// if that is serializable.
type Tx struct {
	s     *Space
	ctx   context.Context
	at    space.Seq
	ops   []space.Op
	keys  map[space.Key]struct{}
	where space.View
	own   map[space.Key]int // the last operation on a key, plus 1
	// unreadable is why nothing serializable may be computed from what was read, nil if it may.
	unreadable error
}

// If asks that the entry that an operation is on have a version: an Entry's
// Version, or 0 that there be no entry.
type If struct{ Version space.Seq }

// Put adds a put, like Space.Put.
func (tx *Tx) Put(collection, id string, value any, cond ...If) error {
	raw, err := record(value)
	if err != nil {
		return err
	}
	tx.add(space.Op{Op: space.OpPut, In: collection, ID: id, Value: raw}, cond)
	return nil
}

// Patch adds a patch, like Space.Patch.
func (tx *Tx) Patch(collection, id string, update any, cond ...If) error {
	raw, err := record(update)
	if err != nil {
		return err
	}
	tx.add(space.Op{Op: space.OpPatch, In: collection, ID: id, Patch: raw}, cond)
	return nil
}

// Delete adds a deletion, like Space.Delete.
func (tx *Tx) Delete(collection, id string, cond ...If) error {
	tx.add(space.Op{Op: space.OpDelete, In: collection, ID: id}, cond)
	return nil
}

func (tx *Tx) add(op space.Op, cond []If) {
	for _, c := range cond {
		op.If = &c.Version
	}
	tx.ops = append(tx.ops, op)
	tx.own[op.Key()] = len(tx.ops)
}

// Get returns an entry as it shows, with what the Tx has done to it so far.
func (tx *Tx) Get(collection, id string) (e Entry, ok bool, err error) {
	key := space.Key{Collection: collection, ID: id}
	e, ok, unreadable, err := tx.s.get(tx.ctx, key)
	if err != nil {
		return e, false, err
	}
	tx.unreadable = cmp.Or(tx.unreadable, unreadable)
	tx.keys[key] = struct{}{}
	for i := range tx.ops[:tx.own[key]] {
		op := &tx.ops[i]
		if op.Key() != key {
			continue
		}
		switch op.Op {
		case space.OpPut:
			e, ok = Entry{Key: key, Value: op.Value, State: core.Pending}, true
		case space.OpDelete:
			e, ok = Entry{}, false
		case space.OpPatch:
			if !ok {
				continue // the server will say so
			}
			if e, err = patched(e, op); err != nil {
				return Entry{}, false, err
			}
		}
	}
	return e, ok, nil
}

func patched(e Entry, op *space.Op) (Entry, error) {
	update, err := selector.ParseUpdate(op.Patch, value.Limits{})
	if err != nil {
		return e, err
	}
	doc, err := value.Parse(e.Value)
	if err != nil {
		return e, err
	}
	if doc, err = update.Apply(doc); err != nil {
		return e, err
	}
	return Entry{Key: e.Key, Value: value.Encode(doc), State: core.Pending}, nil
}

// Query yields what Space.Query would; what the Tx itself has done does not show.
func (tx *Tx) Query(q Query) iter.Seq2[Entry, error] {
	part := space.Part{In: q.In}
	if q.Where != nil && !q.Where.IsAll() {
		part.Where = []byte(q.Where.String())
	}
	tx.where = append(tx.where, part)
	return tx.s.query(tx.ctx, q, func(unreadable error) { tx.unreadable = cmp.Or(tx.unreadable, unreadable) })
}
