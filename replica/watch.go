package replica

import (
	"context"
	"iter"
	"slices"

	"github.com/syncline/syncline/replica/core"
	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/value"
)

// Watch yields the result of a query now and whenever it has changed, until the
// loop or ctx ends or the replica is closed. Each result is a slice of its own.
// Changes in quick succession may be one; the last is never left out. After an
// error the loop ends.
//
// The result is kept up to date by what changes, not computed anew.
func (s *Space) Watch(ctx context.Context, q Query) iter.Seq2[[]Entry, error] {
	return func(yield func([]Entry, error) bool) {
		l := &live{window: window{q: q}, byID: map[string]row{}, stale: true, dirty: true}
		if err := s.lock(); err != nil {
			yield(nil, err)
			return
		}
		s.lives = append(s.lives, l)
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			s.lives = slices.DeleteFunc(s.lives, func(other *live) bool { return other == l })
			s.mu.Unlock()
		}()
		for {
			if s.lock() != nil {
				return
			}
			changed := s.changed
			result, dirty, err := l.take(ctx, s)
			s.mu.Unlock()
			if err != nil {
				if ctx.Err() == nil {
					yield(nil, err)
				}
				return
			}
			if dirty && !yield(result, nil) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

// A live is a query whose result is kept. It is guarded by its Space's lock.
type live struct {
	window
	byID  map[string]row // window.rows by id
	stale bool           // to be computed anew
	dirty bool           // has changed since take
	err   error
}

// take returns the result if it has changed since the last take.
func (l *live) take(ctx context.Context, s *Space) (result []Entry, dirty bool, err error) {
	if l.err != nil {
		return nil, false, l.err
	}
	if l.stale {
		if err := l.compute(ctx, s); err != nil {
			return nil, false, err
		}
	}
	if !l.dirty {
		return nil, false, nil
	}
	l.dirty = false
	result = make([]Entry, 0, len(l.result()))
	for _, r := range l.result() {
		result = append(result, l.q.project(r))
	}
	return result, true, nil
}

// compute fills the window from the store.
func (l *live) compute(ctx context.Context, s *Space) error {
	reader, err := s.core.Reader(ctx, l.q.In)
	if err != nil {
		return err
	}
	defer reader.Close()
	old := l.rows
	l.window = window{q: l.q}
	for r, err := range matching(reader, l.q) {
		if err != nil {
			return err
		}
		l.insert(r)
	}
	clear(l.byID)
	for _, r := range l.rows {
		l.byID[r.Key.ID] = r
	}
	l.stale = false
	if !slices.EqualFunc(old, l.rows, sameRow) {
		l.dirty = true
	}
	return nil
}

func sameRow(a, b row) bool {
	return a.Key == b.Key && a.Version == b.Version && a.State == b.State && string(a.Value) == string(b.Value)
}

// apply follows a step of the core.
func (l *live) apply(ctx context.Context, s *Space, fx core.Effects) {
	if fx.All {
		l.stale = true
	}
	if l.stale {
		return // computed anew when somebody looks
	}
	for _, key := range fx.Keys {
		if key.Collection != l.q.In {
			continue
		}
		if err := l.follow(ctx, s, key); err != nil {
			l.stale = true // whoever looks next gets the error, if it is still there
			return
		}
	}
	if l.short() {
		l.stale = true
	}
}

// follow brings one key up to date.
func (l *live) follow(ctx context.Context, s *Space, key space.Key) error {
	e, ok, err := s.core.Get(ctx, key)
	if err != nil {
		return err
	}
	next := row{Entry: e}
	if ok {
		if next.doc, err = value.Parse(e.Value); err != nil {
			return err
		}
		ok = l.q.Where.Match(next.doc)
	}
	old, had := l.byID[key.ID]
	if had && ok && sameRow(old, next) || !had && !ok {
		return nil
	}
	l.dirty = true
	if had {
		at, found := slices.BinarySearchFunc(l.rows, old, l.compare)
		if found {
			l.rows = slices.Delete(l.rows, at, at+1)
		}
		delete(l.byID, key.ID)
	}
	if ok {
		l.insert(next)
		l.reindex(next)
	}
	return nil
}

// reindex notes whether a row is in the window after an insert, and which one that
// pushed out of it.
func (l *live) reindex(next row) {
	if _, in := slices.BinarySearchFunc(l.rows, next, l.compare); in {
		l.byID[next.Key.ID] = next
	}
	if len(l.byID) > len(l.rows) {
		// One went over the edge: it is the only one that is not there any more.
		for id, r := range l.byID {
			if _, in := slices.BinarySearchFunc(l.rows, r, l.compare); !in {
				delete(l.byID, id)
			}
		}
	}
}
