package storetest

import (
	"context"
	"fmt"
	"sync"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

func testDrop(f *fixture) {
	const client = space.ClientID("client-0123456789")
	paths := []space.Path{"a", "a/b", "a-b", "b"}
	for _, p := range paths {
		c := NextBy(space.Cursor{}, client, 1, Put("c", "x", string(p)))
		end := f.add(store.Batch{Space: p, Commits: []*space.Commit{c}})
		f.add(Chain(p, end, changes{Put("c", "y", string(p))}))
		if err := f.store.Trim(f.Context(), p, 1); err != nil {
			f.Fatal(err)
		}
	}
	if err := f.store.Drop(f.Context(), "a"); err != nil {
		f.Fatal(err)
	}
	for range 2 {
		if h := f.head("a"); h != (store.Head{}) {
			f.Errorf("head is %+v", h)
		}
		if s, err := f.store.Client(f.Context(), "a", client); err != nil || !s.IsZero() {
			f.Errorf("client: %+v, %v", s, err)
		}
		var left []space.Path
		for h, err := range f.store.Heads(f.Context()) {
			if err != nil {
				f.Fatal(err)
			}
			left = append(left, h.Space)
			v := f.view(h.Space, 2)
			if got := f.scan(v, "c", ""); len(got) != 2 {
				f.Errorf("%s holds %v", h.Space, got)
			}
			f.shut(v)
		}
		if len(left) != 3 {
			f.Errorf("left are %v", left)
		}
		f.reopen()
	}
	f.add(Chain("a", space.Cursor{}, changes{Put("c", "z", "anew")}))
	v := f.view("a", 1)
	if got := f.scan(v, "c", ""); len(got) != 1 {
		f.Errorf("anew it holds %v", got)
	}
	f.shut(v)
	if err := f.store.Drop(f.Context(), "never"); err != nil {
		f.Errorf("drop of a space that does not exist: %v", err)
	}
}

func testWatch(f *fixture) {
	seen := make(chan space.Path, 100)
	stop := f.store.Watch(func(p space.Path) {
		if _, err := f.store.Head(context.Background(), p); err != nil { // no lock is held
			f.Error(err)
		}
		seen <- p
	})
	other := make(chan space.Path, 100)
	stopOther := f.store.Watch(func(p space.Path) { other <- p })
	a := f.add(Chain("a", space.Cursor{}, nil))
	if p := <-seen; p != "a" {
		f.Errorf("hint for %s", p)
	}
	<-other
	if err := f.store.Append(f.Context(), Chain("b", space.Cursor{}, nil), Chain("c", space.Cursor{}, nil)); err != nil {
		f.Fatal(err)
	}
	if got := map[space.Path]bool{<-seen: true, <-seen: true}; !got["b"] || !got["c"] {
		f.Errorf("hints for %v", got)
	}
	stop()
	f.add(Chain("a", a, nil))
	for p := range other {
		if p == "a" {
			break // the hint came by, and seen's watcher would have had it
		}
	}
	select {
	case p := <-seen:
		f.Errorf("a hint for %s after stop", p)
	default:
	}
	stopOther()
	stop()
	again := make(chan space.Path, 1)
	stop = f.store.Watch(func(p space.Path) { again <- p })
	f.add(Chain("d", space.Cursor{}, nil))
	if p := <-again; p != "d" {
		f.Errorf("hint for %s", p)
	}
	stop()
	f.store.Watch(func(space.Path) {}) // Close ends it
}

func testContext(f *fixture) {
	one := f.add(Chain("a", space.Cursor{}, nil))
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	for what, err := range everyCall(ctx, f.store) {
		f.want(err, context.Canceled, what)
	}
	f.add(Chain("a", one, nil)) // the store is not broken by it
}

// everyCall yields the error of each method that takes a context.
func everyCall(ctx context.Context, s store.Store) func(func(string, error) bool) {
	return func(yield func(string, error) bool) {
		_, head := s.Head(ctx, "a")
		_, view := s.View(ctx, "a", 0)
		_, client := s.Client(ctx, "a", "client-0123456789")
		var heads, log error
		for _, err := range s.Heads(ctx) {
			heads = err
		}
		for _, err := range s.Log(ctx, "a", 0) {
			log = err
		}
		for what, err := range map[string]error{
			"append": s.Append(ctx, Chain("new", space.Cursor{}, nil)),
			"head":   head, "view": view, "client": client, "heads": heads, "log": log,
			"trim": s.Trim(ctx, "a", 1),
			"drop": s.Drop(ctx, "a"),
		} {
			if !yield(what, err) {
				return
			}
		}
	}
}

func testClosed(f *fixture) {
	f.add(Chain("a", space.Cursor{}, nil))
	s := f.store
	f.close()
	for what, err := range everyCall(f.Context(), s) {
		f.want(err, store.ErrClosed, what)
	}
	f.want(s.Close(), store.ErrClosed, "close")
	s.Watch(func(space.Path) {})()
	f.reopen()
	if h := f.head("a"); h.Cursor.Seq != 1 {
		f.Errorf("head is %+v", h)
	}
}

// Close beside calls: each call is carried out or refused with ErrClosed, and
// what was carried out is there afterwards.
func testCloseWaits(f *fixture) {
	const writers = 8
	done := make([]space.Seq, writers)
	started := make(chan struct{}, writers)
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			path, at := space.Path(fmt.Sprint("w", w)), space.Cursor{}
			for {
				b := Chain(path, at, changes{Put("c", "x", "")})
				if err := f.store.Append(context.Background(), b); err != nil {
					f.want(err, store.ErrClosed, "append beside close")
					return
				}
				if at = End(b); at.Seq == 3 {
					started <- struct{}{}
				}
				done[w] = at.Seq
			}
		})
	}
	for range writers {
		<-started
	}
	if err := f.store.Close(); err != nil {
		f.Fatal(err)
	}
	wait.Wait()
	f.store = nil
	f.reopen()
	for w, seq := range done {
		if h := f.head(space.Path(fmt.Sprint("w", w))); h.Cursor.Seq != seq {
			f.Errorf("writer %d was told of %d, the head is %d", w, seq, h.Cursor.Seq)
		}
	}
}
