package core

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/kernel"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// number gives each queued call the client and mutation id that it has on the
// wire, or had: the server seeds its random numbers from them.
func (c *Core) number() {
	for i := range c.waiting {
		w := &c.waiting[i]
		w.item.client, w.item.wire = w.client, w.id
	}
	for i, it := range c.unacked {
		it.client, it.wire = c.meta.Client, c.idOf(i)
	}
	if c.opt.Bugs.OtherSeed {
		for _, it := range c.unacked {
			it.wire++
		}
	}
}

// replayCall carries out a call on what shows, whole or not at all. One that is
// refused, or that cannot be carried out here, shows no effect.
func (c *Core) replayCall(view store.View, it *item) error {
	it.keys = nil
	if c.opt.Mutators == nil {
		return nil
	}
	args := it.Args
	if len(args) == 0 {
		args = jsontext.Value("null")
	}
	tx := &callTx{c: c, view: view, own: map[space.Key]*shadow{}}
	err := c.opt.Mutators.Call(&kernel.Call{
		Space: c.path, Name: it.Call, Args: args, Now: it.Time, User: c.User, Client: it.client, Mutation: it.wire,
	}, tx)
	tx.over = true
	if tx.err != nil {
		return tx.err
	}
	if err != nil || tx.spoilt {
		return nil
	}
	for key, sh := range tx.own {
		c.overlay.shadows[key] = sh
	}
	it.keys = slices.SortedFunc(maps.Keys(tx.own), space.Key.Compare)
	return nil
}

// callTx is a kernel.Tx on what shows, with the call's own writes before it.
type callTx struct {
	c      *Core
	view   store.View
	own    map[space.Key]*shadow
	writes int
	err    error // of the store
	spoilt bool  // over a limit: the server refuses it
	over   bool
}

var errOver = errors.New("the mutation is over")

func (t *callTx) look(key space.Key) (*shadow, error) {
	if sh := t.own[key]; sh != nil {
		return sh, nil
	}
	sh := &shadow{}
	if t.c.Hides(key.Collection) {
		return sh, nil
	}
	if sh := t.c.overlay.shadows[key]; sh != nil {
		return sh, nil
	}
	var err error
	if sh.live, _, sh.value, err = getConfirmed(t.view, key); err != nil {
		t.err = err
	}
	return sh, err
}

// Get implements kernel.Tx.
func (t *callTx) Get(collection, id string) (jsontext.Value, error) {
	key, err := space.ParseKey(collection, id)
	switch {
	case t.over:
		return nil, errOver
	case t.err != nil:
		return nil, t.err
	case err != nil:
		return nil, nil // there can be no such entry
	}
	sh, err := t.look(key)
	if err != nil || !sh.live {
		return nil, err
	}
	return sh.value, nil
}

// Find implements kernel.Tx.
func (t *callTx) Find(collection string, q *selector.Query) ([]kernel.Found, error) {
	switch {
	case t.over:
		return nil, errOver
	case t.err != nil:
		return nil, t.err
	case space.CheckCollection(collection) != nil:
		return nil, nil
	}
	found, err := kernel.Find(shown{t}, collection, q, nil)
	if err != nil {
		t.err = err
	}
	return found, err
}

// Write implements kernel.Tx.
func (t *callTx) Write(op *space.Op) error {
	switch {
	case t.over:
		return errOver
	case t.err != nil:
		return t.err
	}
	path := fmt.Sprintf("writes[%d]", t.writes)
	if t.writes++; t.writes > t.c.limits.Ops {
		t.spoilt = true
		return refusal(space.CodeTooLarge, path, "more writes than the limit ops, %d", t.c.limits.Ops)
	}
	checked, err := checkOp(*op, path, t.c.limits)
	if err != nil {
		return err
	}
	key := checked.Key()
	switch checked.Op {
	case space.OpPut:
		t.own[key] = &shadow{live: true, value: checked.Value}
	case space.OpDelete:
		old, err := t.look(key)
		if err != nil {
			return err
		}
		if old.live {
			t.own[key] = &shadow{}
		}
	default:
		return t.patch(key, checked.Patch, path)
	}
	return nil
}

func (t *callTx) patch(key space.Key, patch jsontext.Value, path string) error {
	update, err := selector.ParseUpdate(patch, wide)
	if err != nil {
		return valueRefusal(err, path+".patch", key)
	}
	old, err := t.look(key)
	if err != nil {
		return err
	}
	next, err := t.c.update(old, update)
	switch {
	case err != nil:
		return valueRefusal(err, path+".patch", key)
	case next == nil:
		return refusal(space.CodeNotFound, path, "there is no entry to patch")
	}
	t.own[key] = next
	return nil
}

// shown is what a callTx shows, for queries.
type shown struct{ tx *callTx }

// Scan implements kernel.Snapshot.
func (s shown) Scan(collection, after string) iter.Seq2[space.Entry, error] {
	return func(yield func(space.Entry, error) bool) {
		t := s.tx
		newer := map[string]space.Version{}
		layers := []map[space.Key]*shadow{t.c.overlay.shadows, t.own}
		if t.c.Hides(collection) {
			layers = layers[1:]
		}
		for _, layer := range layers {
			for key, sh := range layer {
				if key.Collection == collection && key.ID > after {
					newer[key.ID] = space.Version{Seq: 1, Type: space.Record, Deleted: !sh.live, Payload: sh.value}
				}
			}
		}
		for e, err := range kernel.Overlaid(t.records(collection, after), collection, newer) {
			if err != nil || e.Live() {
				if !yield(e, err) {
					return
				}
			}
		}
	}
}

// records are the confirmed entries of a collection.
func (t *callTx) records(collection, after string) iter.Seq2[space.Entry, error] {
	return func(yield func(space.Entry, error) bool) {
		if t.c.Hides(collection) {
			return
		}
		for e, err := range t.view.Scan(collection, after) {
			record := jsontext.Value(nil)
			if err == nil {
				_, record, err = decodeConfirmed(e.Key, e.Payload)
			}
			e.Version = space.Version{Seq: 1, Type: space.Record, Payload: record} // numbers are the server's to give
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
