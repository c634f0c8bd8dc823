package kernel

import (
	"container/heap"

	"github.com/syncline/syncline/selector"
	"github.com/syncline/syncline/space"
)

// A Found is one result of Find.
type Found struct {
	Key     space.Key
	Version space.Seq
	Doc     map[string]any // as far as the query's fields
}

// Find answers a query over one collection. It holds no more than skip + limit
// entries at a time; the query's limit must be set. What it looks at is what f shows;
// nil shows everything.
func Find(s Snapshot, collection string, q *selector.Query, f Filter) ([]Found, error) {
	best := results{query: q}
	bound := q.Skip + q.Limit
	for e, err := range s.Scan(collection, "") {
		if err != nil {
			return nil, err
		}
		doc, err := Doc(e.Key, e.Version)
		if err != nil {
			return nil, err
		}
		seq := e.Seq
		if f != nil {
			record, whole, visible := f.See(collection, doc)
			if !visible {
				continue
			}
			doc, seq = record, shown(f, collection, e.Version, record, whole).Seq
		}
		if q.Where != nil && !q.Where.Match(doc) {
			continue
		}
		found := Found{e.Key, seq, doc}
		switch {
		case len(best.found) < bound:
			heap.Push(&best, found)
		case best.compare(found, best.found[0]) < 0:
			best.found[0] = found
			heap.Fix(&best, 0)
		}
		if len(q.Sort) == 0 && len(best.found) == bound {
			break // scans are in the order of ids already
		}
	}
	out := make([]Found, len(best.found))
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = heap.Pop(&best).(Found)
	}
	out = out[min(q.Skip, len(out)):]
	for i := range out {
		out[i].Doc = q.Project(out[i].Doc)
	}
	return out, nil
}

// results is a heap with the last of the results on top.
type results struct {
	query *selector.Query
	found []Found
}

func (r *results) compare(a, b Found) int { return r.query.Compare(a.Doc, a.Key.ID, b.Doc, b.Key.ID) }
func (r *results) Len() int               { return len(r.found) }
func (r *results) Less(i, j int) bool     { return r.compare(r.found[i], r.found[j]) > 0 }
func (r *results) Swap(i, j int)          { r.found[i], r.found[j] = r.found[j], r.found[i] }
func (r *results) Push(x any)             { r.found = append(r.found, x.(Found)) }
func (r *results) Pop() any {
	last := r.found[len(r.found)-1]
	r.found = r.found[:len(r.found)-1]
	return last
}
