package core

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// A SyncState says how sure an entry is.
type SyncState string

// The states, the strongest first: an entry that a queued mutation changes and a
// rejected one wanted to change is pending.
const (
	Pending   SyncState = "pending"   // a queued mutation shows in it
	Rejected  SyncState = "rejected"  // a rejected mutation that touches it is kept
	Confirmed SyncState = "confirmed" // it is as the server has it
)

// An Entry is an entry as it shows: confirmed state with the queue on top.
type Entry struct {
	Key space.Key
	// Version is the confirmed version, what Op.If takes; 0 while pending.
	Version space.Seq
	Value   jsontext.Value // canonical; must not be altered
	State   SyncState
}

// Get returns an entry as it shows; ok is false where there is none.
func (c *Core) Get(ctx context.Context, key space.Key) (e Entry, ok bool, err error) {
	if err := c.ready(ctx); err != nil {
		return Entry{}, false, err
	}
	if c.Hides(key.Collection) {
		return Entry{}, false, nil
	}
	if sh := c.overlay.shadows[key]; sh != nil {
		return Entry{key, 0, sh.value, Pending}, sh.live, nil
	}
	view, err := c.confirmed(ctx)
	if err != nil {
		return Entry{}, false, err
	}
	defer view.Close()
	live, version, record, err := getConfirmed(view, key)
	if err != nil || !live {
		return Entry{}, false, err
	}
	return Entry{key, version, record, c.stateOf(key)}, true, nil
}

func (c *Core) stateOf(key space.Key) SyncState {
	if c.rejectsN[key] > 0 {
		return Rejected
	}
	return Confirmed
}

// A Reader shows one collection as it was when the Reader was made. It may be
// used by one goroutine, any one, whatever becomes of the Core; close it soon, as
// the store keeps what it sees.
type Reader struct {
	view       store.View
	collection string
	shadows    []shadowed // in order of ids
	rejected   map[string]bool
	unreadable error
}

type shadowed struct {
	id string
	*shadow
}

// Reader opens a Reader.
func (c *Core) Reader(ctx context.Context, collection string) (*Reader, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	view, err := c.confirmed(ctx)
	if err != nil {
		return nil, err
	}
	r := &Reader{view: view, collection: collection, rejected: map[string]bool{}, unreadable: c.Readable(collection)}
	for key, sh := range c.overlay.shadows {
		if key.Collection == collection {
			r.shadows = append(r.shadows, shadowed{key.ID, sh})
		}
	}
	slices.SortFunc(r.shadows, func(a, b shadowed) int { return strings.Compare(a.id, b.id) })
	for key := range c.rejectsN {
		if key.Collection == collection {
			r.rejected[key.ID] = true
		}
	}
	return r, nil
}

// Readable is that of the collection, as of when the Reader was made: see [Core.Readable].
func (r *Reader) Readable() error { return r.unreadable }

// Close releases the Reader.
func (r *Reader) Close() error { return r.view.Close() }

// Scan yields the entries in the order of ids.
func (r *Reader) Scan() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if errors.Is(r.unreadable, ErrExpired) {
			return
		}
		shadows := r.shadows
		// before yields what only the queue holds, up to an id.
		before := func(id string, all bool) bool {
			for len(shadows) > 0 && (all || shadows[0].id < id) {
				sh := shadows[0]
				shadows = shadows[1:]
				if sh.live && !yield(Entry{space.Key{Collection: r.collection, ID: sh.id}, 0, sh.value, Pending}, nil) {
					return false
				}
			}
			return true
		}
		for e, err := range r.view.Scan(r.collection, "") {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !before(e.Key.ID, false) {
				return
			}
			if len(shadows) > 0 && shadows[0].id == e.Key.ID {
				continue // it comes with the next round of before
			}
			version, record, err := decodeConfirmed(e.Key, e.Payload)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			state := Confirmed
			if r.rejected[e.Key.ID] {
				state = Rejected
			}
			if !yield(Entry{e.Key, version, record, state}, nil) {
				return
			}
		}
		before("", true)
	}
}

// Scan yields the entries of a collection as they show, in the order of ids, as of
// the start of the loop. The loop's body may call the Core.
func (c *Core) Scan(ctx context.Context, collection string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		r, err := c.Reader(ctx, collection)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer r.Close()
		for e, err := range r.Scan() {
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Pending returns the queued mutations, oldest first.
func (c *Core) Pending() []Mutation {
	out := make([]Mutation, 0, c.queued())
	for _, it := range c.inOrder() {
		if !it.filler {
			out = append(out, it.Mutation)
		}
	}
	return out
}

// Rejected returns the rejected mutations with their outcomes, oldest first.
func (c *Core) Rejected() []Mutation {
	out := make([]Mutation, 0, len(c.rejected))
	for _, it := range c.rejected {
		out = append(out, it.Mutation)
	}
	return out
}

// LastSynced is Status().Synced.
func (c *Core) LastSynced() time.Time { return c.Status().Synced }

// Decode decodes the record into what v points to.
func (e Entry) Decode(v any) error { return json.Unmarshal(e.Value, v) }
