package replica

import (
	"context"
	"iter"
	"slices"

	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// An Entry is an entry as it shows, with how sure it is.
type Entry = core.Entry

// The sync states of an Entry.
const (
	EntryPending   = core.Pending
	EntryRejected  = core.Rejected
	EntryConfirmed = core.Confirmed
)

// A Query asks for entries of one collection: which, in which order, how many and
// which fields of them. Without a sort they come in the order of ids.
type Query struct {
	In string // the collection
	selector.Query
}

// ParseQuery makes a Query of its JSON form (see package selector):
//
//	{"where": {"done": false}, "sort": [{"votes": "desc"}], "limit": 10}
//
// The error is a *space.NameError or a *value.Error.
func ParseQuery(collection, text string) (Query, error) {
	if err := space.CheckCollection(collection); err != nil {
		return Query{}, err
	}
	q, err := selector.ParseQuery([]byte(text))
	if err != nil {
		return Query{}, err
	}
	return Query{collection, *q}, nil
}

// MustQuery is ParseQuery for queries in source code: it panics on an error.
func MustQuery(collection, text string) Query {
	q, err := ParseQuery(collection, text)
	if err != nil {
		panic(err)
	}
	return q
}

// Get returns an entry as it shows; ok is false where there is none.
func (s *Space) Get(ctx context.Context, collection, id string) (e Entry, ok bool, err error) {
	e, ok, _, err = s.get(ctx, space.Key{Collection: collection, ID: id})
	return e, ok, err
}

// get is Get; unreadable is why nothing serializable may be computed from it, nil if it may.
func (s *Space) get(ctx context.Context, key space.Key) (e Entry, ok bool, unreadable, err error) {
	if err := s.lock(); err != nil {
		return Entry{}, false, nil, err
	}
	defer s.mu.Unlock()
	e, ok, err = s.core.Get(ctx, key)
	return e, ok, s.core.Readable(key.Collection), err
}

// Query yields the entries that match, as they show at the start of the loop. The
// loop's body may call anything.
func (s *Space) Query(ctx context.Context, q Query) iter.Seq2[Entry, error] {
	return s.query(ctx, q, func(error) {})
}

// query is Query; read is told, when the loop begins, why nothing serializable may be computed from it, nil if it may.
func (s *Space) query(ctx context.Context, q Query, read func(unreadable error)) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		r, err := s.reader(ctx, q.In)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer r.Close()
		read(r.Readable())
		if len(q.Sort) > 0 {
			yieldSorted(r, q, yield)
			return
		}
		skip, left := q.Skip, q.Limit
		for row, err := range matching(r, q) {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if skip > 0 {
				skip--
				continue
			}
			if !yield(q.project(row), nil) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

func (s *Space) reader(ctx context.Context, collection string) (*core.Reader, error) {
	if err := s.lock(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return s.core.Reader(ctx, collection)
}

func yieldSorted(r *core.Reader, q Query, yield func(Entry, error) bool) {
	w := window{q: q}
	for row, err := range matching(r, q) {
		if err != nil {
			yield(Entry{}, err)
			return
		}
		w.insert(row)
	}
	for _, row := range w.result() {
		if !yield(q.project(row), nil) {
			return
		}
	}
}

// A row is an entry that matches, with its tree.
type row struct {
	Entry
	doc map[string]any
}

// matching yields the rows that match, in the order of ids.
func matching(r *core.Reader, q Query) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for e, err := range r.Scan() {
			if err != nil {
				yield(row{}, err)
				return
			}
			doc, err := value.Parse(e.Value)
			if err != nil {
				yield(row{}, err)
				return
			}
			if q.Where.Match(doc) && !yield(row{e, doc}, nil) {
				return
			}
		}
	}
}

func (q *Query) project(r row) Entry {
	if len(q.Fields) > 0 {
		r.Value = value.Encode(q.Project(r.doc))
	}
	return r.Entry
}

// A window keeps the first rows of a query in order: those that the query asks
// for and, as they may be needed when others go, some more.
type window struct {
	q    Query
	rows []row
	cut  bool // rows beyond the last one exist
}

// slack is how many rows more than asked for are kept.
const slack = 64

func (w *window) bound() int {
	if w.q.Limit == 0 {
		return 0 // none
	}
	return w.q.Skip + w.q.Limit + slack
}

func (w *window) compare(a, b row) int { return w.q.Compare(a.doc, a.Key.ID, b.doc, b.Key.ID) }

func (w *window) insert(r row) {
	at, _ := slices.BinarySearchFunc(w.rows, r, w.compare)
	bound := w.bound()
	if bound > 0 && at >= bound || w.cut && at == len(w.rows) {
		// Beyond what is kept, or beyond the last that is known to be next.
		w.cut = true
		return
	}
	w.rows = slices.Insert(w.rows, at, r)
	if bound > 0 && len(w.rows) > bound {
		w.rows, w.cut = w.rows[:bound], true
	}
}

// result are the rows that the query asks for.
func (w *window) result() []row {
	rows := w.rows[min(w.q.Skip, len(w.rows)):]
	if w.q.Limit > 0 && len(rows) > w.q.Limit {
		rows = rows[:w.q.Limit]
	}
	return rows
}

// short reports that rows are missing from the result which may exist.
func (w *window) short() bool { return w.cut && len(w.rows) < w.q.Skip+w.q.Limit }
