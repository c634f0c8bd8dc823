package kernel

import (
	"bytes"
	"iter"
	"slices"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// A Window is a stretch of a space's log as catch-up sees it.
type Window struct {
	From, To space.Cursor
	Keys     []space.Key // changed in the window, each once, in order
}

// ReadWindow walks the log above from and takes each changed key once, until
// it has seen maxCommits commits or maxKeys keys; a commit is never split.
// from must be a cursor of this log. A window that ends where it began means
// that from is the head.
func ReadWindow(log iter.Seq2[*space.Commit, error], from space.Cursor, maxCommits, maxKeys int) (Window, error) {
	w := Window{From: from, To: from}
	seen := map[space.Key]struct{}{}
	commits := 0
	for c, err := range log {
		if err != nil {
			return w, err
		}
		for i := range c.Changes {
			key := c.Changes[i].Key
			if _, dup := seen[key]; !dup {
				seen[key] = struct{}{}
				w.Keys = append(w.Keys, key)
			}
		}
		w.To = c.Cursor()
		if commits++; commits >= maxCommits || len(w.Keys) >= maxKeys {
			break
		}
	}
	slices.SortFunc(w.Keys, space.Key.Compare)
	return w, nil
}

// A Step is one entry's part in the difference of two views.
type Step struct {
	Action Action
	Entry  space.Entry // as next holds it, and with Del as old held it
	doc    map[string]any
}

// Doc is the record of the entry, which nobody may alter.
func (s *Step) Doc() (map[string]any, error) {
	if s.doc != nil {
		return s.doc, nil
	}
	return value.Parse(s.Entry.Payload)
}

// Diff yields what takes a replica from the view old, held at before, to the
// view next, held at after, in the order of keys. A nil old is a replica that
// holds nothing. Neither view may be nil otherwise; they may be the same view at
// two commits, two views at one commit, or both may differ.
func Diff(old *View, before Snapshot, next *View, after Snapshot) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		for step, err := range Compare(old, before, next, after, Collections(old, next)) {
			if step.Action == None && err == nil {
				continue
			}
			if !yield(step, err) {
				return
			}
		}
	}
}

// Compare is [Diff] of some collections, with a Step whose Action is None for each
// entry that both views hold at the same version.
func Compare(old *View, before Snapshot, next *View, after Snapshot, collections []string) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		for _, collection := range collections {
			if !diffCollection(old, before, next, after, collection, yield) {
				return
			}
		}
	}
}

// Collections are those that either view looks at, in order. old may be nil.
func Collections(old, next *View) []string {
	collections := next.Collections()
	if old != nil {
		collections = append(collections, old.Collections()...)
		slices.Sort(collections)
		collections = slices.Compact(collections)
	}
	return collections
}

func diffCollection(old *View, before Snapshot, next *View, after Snapshot, collection string, yield func(Step, error) bool) bool {
	if old == nil || !old.Has(collection) {
		for e, err := range entries(next, after, collection) {
			e.Action = Put
			if !yield(e, err) || err != nil {
				return false
			}
		}
		return true
	}
	otherwise := old.parts[collection].v != next.parts[collection].v // one version of an entry is shown in two ways
	was, endWas := matching(old, before, collection)
	defer endWas()
	is, endIs := matching(next, after, collection)
	defer endIs()
	a, errA, okA := was()
	b, errB, okB := is()
	for okA || okB {
		switch {
		case errA != nil || errB != nil:
			if errA == nil {
				errA = errB
			}
			yield(Step{}, errA)
			return false
		case !okB || okA && a.Entry.Key.ID < b.Entry.Key.ID:
			a.Action = Del
			if !yield(a, nil) {
				return false
			}
			a, errA, okA = was()
		case !okA || b.Entry.Key.ID < a.Entry.Key.ID:
			b.Action = Put
			if !yield(b, nil) {
				return false
			}
			b, errB, okB = is()
		default:
			if a.Entry.Seq != b.Entry.Seq || otherwise && !bytes.Equal(a.Entry.Payload, b.Entry.Payload) {
				b.Action = Put
			}
			if !yield(b, nil) {
				return false
			}
			a, errA, okA = was()
			b, errB, okB = is()
		}
	}
	return true
}

// matching is entries for those who need two of them at a time.
func matching(v *View, s Snapshot, collection string) (next func() (Step, error, bool), stop func()) {
	return iter.Pull2(entries(v, s, collection))
}

// entries yields the entries of a collection that a view holds.
func entries(v *View, s Snapshot, collection string) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		if !v.Has(collection) {
			return
		}
		for e, err := range s.Scan(collection, "") {
			step := Step{Entry: e}
			if err == nil {
				step.Entry.Version, step.doc, err = v.see(e.Key, e.Version)
			}
			if (err != nil || step.Entry.Live()) && !yield(step, err) {
				return
			}
		}
	}
}
