package core

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// The reserved collections.
const (
	metaCollection     = "_meta"
	queueCollection    = "_queue"
	rejectedCollection = "_rejected"
	doneCollection     = "_done"
)

var metaKey = space.Key{Collection: metaCollection, ID: "state"}

const metaFormat = 1

// meta is the one row that says where the replica stands.
type meta struct {
	Format int              `json:"format"`
	Client space.ClientID   `json:"client"`
	User   string           `json:"user,omitzero"`
	Next   LocalID          `json:"next"`  // at least; rows may have taken more
	Acked  space.MutationID `json:"acked"` // all up to it have an outcome

	// Waiting are the queued ones that have an outcome but no confirmed effect yet.
	Waiting []waitingRef `json:"waiting,omitzero"`

	// Marks are the queued ones without outcome that are not shown, because what is
	// confirmed seems to have their effect (item.presumed, item.hidden).
	Marks []mark `json:"marks,omitzero"`

	View   space.View   `json:"view,omitzero"`   // what to hold, canonical
	HeldOf space.View   `json:"heldOf,omitzero"` // the view that Cursor was made with
	Scope  string       `json:"scope,omitzero"`  // the server's name of what could be seen then
	Held   bool         `json:"held,omitzero"`   // whether any view was ever complete
	Cursor space.Cursor `json:"cursor"`
	Synced int64        `json:"synced,omitzero"` // milliseconds since 1970

	// Stage, when not 0, is the commit of the local store at which confirmed entries
	// are read: what was written later belongs to a diff that is not complete.
	Stage space.Seq `json:"stage,omitzero"`

	// Collections are those in which confirmed entries may stand.
	Collections []string `json:"collections,omitzero"`

	term
}

type waitingRef struct {
	ID       LocalID          `json:"id"`
	Client   space.ClientID   `json:"client"`
	Mutation space.MutationID `json:"mutation"`
	Seq      space.Seq        `json:"seq,omitzero"` // 0 when the outcome did not tell
}

type mark struct {
	ID       LocalID   `json:"id"`
	Presumed space.Seq `json:"presumed,omitzero"`
	Hidden   bool      `json:"hidden,omitzero"`
}

// waiting is a queued mutation that the server has applied; its effect is shown
// from the queue until the cursor reaches seq.
type waiting struct {
	*item
	client space.ClientID // under which it was pushed
	id     space.MutationID
	seq    space.Seq
}

// doneRef is a mutation that was dealt with and is kept, its row being in the
// store: one that was applied, or the filler for one that was rejected.
type doneRef struct {
	local  LocalID
	client space.ClientID
	id     space.MutationID
	seq    space.Seq
	filler bool
	size   int
}

// state is all that a step can change. Its slices are replaced or appended to,
// never altered in place, so that a step that fails leaves no trace.
type state struct {
	meta
	waiting  []waiting // in order, all before unacked
	unacked  []*item   // in order; the first has the id Acked+1
	rejected []*item   // in order of LocalID
	done     []doneRef
	bytes    int // of the rows of waiting and unacked
	kept     int // bytes of the rows of done
}

func (s *state) queued() int { return len(s.waiting) + len(s.unacked) }

// dropHeld notes that no confirmed state is held any more.
func (s *state) dropHeld() {
	s.HeldOf, s.Scope, s.Held, s.Cursor, s.Stage, s.Collections, s.term = nil, "", false, space.Cursor{}, 0, nil, term{}
}

// pushOnly reports that no view is held: nothing will ever be confirmed.
func (s *state) pushOnly() bool { return len(s.View) == 0 }

func encodeMeta(s *state) []byte {
	m := s.meta
	m.Format = metaFormat
	m.Waiting, m.Marks = nil, nil
	for _, w := range s.waiting {
		m.Waiting = append(m.Waiting, waitingRef{w.ID, w.client, w.id, w.seq})
	}
	for _, it := range s.unacked {
		if it.presumed != 0 || it.hidden {
			m.Marks = append(m.Marks, mark{it.ID, it.presumed, it.hidden})
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("core: encode the meta row: %v", err)) // it holds nothing that cannot be
	}
	return b
}

// load reads the state from a view of the store; ok is false where there is none.
// Only a planted bug has a reason not to be strict.
func load(view store.View, strict bool) (s state, ok bool, err error) {
	v, err := view.Get(metaKey)
	if err != nil || !v.Live() {
		return s, false, err
	}
	if err := json.Unmarshal(v.Payload, &s.meta); err != nil {
		return s, false, fmt.Errorf("%s: %w: %v", metaKey, store.ErrCorrupt, err)
	}
	if s.Format != metaFormat {
		return s, false, fmt.Errorf("%s: format %d is not known", metaKey, s.Format)
	}
	if err := s.loadQueue(view, strict); err != nil {
		return s, false, err
	}
	for e, err := range view.Scan(rejectedCollection, "") {
		if err != nil {
			return s, false, err
		}
		it, err := decodeItem(e)
		if err != nil {
			return s, false, err
		}
		s.rejected = append(s.rejected, it)
		s.Next = max(s.Next, it.ID+1)
	}
	for e, err := range view.Scan(doneCollection, "") {
		if err != nil {
			return s, false, err
		}
		id, r, err := decodeRow(e)
		if err != nil {
			return s, false, err
		}
		s.done = append(s.done, doneRef{id, r.Client, r.Mutation, r.Seq, r.Filler, len(e.Payload)})
		s.kept += len(e.Payload)
		s.Next = max(s.Next, id+1)
	}
	return s, true, nil
}

// loadQueue sorts the rows of the queue into those with an outcome and the rest.
func (s *state) loadQueue(view store.View, strict bool) error {
	refs, marks := make(map[LocalID]waitingRef, len(s.Waiting)), make(map[LocalID]mark, len(s.Marks))
	for _, r := range s.Waiting {
		refs[r.ID] = r
	}
	for _, m := range s.Marks {
		marks[m.ID] = m
	}
	s.Waiting, s.Marks = nil, nil
	for e, err := range view.Scan(queueCollection, "") {
		if err != nil {
			return err
		}
		it, err := decodeItem(e)
		if err != nil {
			return err
		}
		s.bytes += it.size
		s.Next = max(s.Next, it.ID+1)
		if r, ok := refs[it.ID]; ok {
			s.waiting = append(s.waiting, waiting{it, r.Client, r.Mutation, r.Seq})
			continue
		}
		it.presumed, it.hidden = marks[it.ID].Presumed, marks[it.ID].Hidden
		s.unacked = append(s.unacked, it)
	}
	if strict && len(s.waiting) != len(refs) {
		return fmt.Errorf("%s names mutations that are not in the queue: %w", metaKey, store.ErrCorrupt)
	}
	return nil
}

func millis(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }
