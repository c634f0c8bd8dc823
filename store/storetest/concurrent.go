package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/syncline/syncline/space"
	"github.com/syncline/syncline/store"
)

// Of many appends to one head exactly one wins, again and again; and an append
// to several spaces is no different.
func testOneWinner(f *fixture) {
	const writers, rounds = 64, 8
	var a, b space.Cursor
	for round := range rounds {
		errs := make([]error, writers)
		ends := make([][2]space.Cursor, writers)
		start := make(chan struct{})
		var wait sync.WaitGroup
		for w := range writers {
			wait.Go(func() {
				x := Chain("a", a, changes{Put("c", "x", fmt.Sprint(round, w))})
				y := Chain("b", b, changes{Put("c", "x", fmt.Sprint(round, w))})
				ends[w] = [2]space.Cursor{End(x), End(y)}
				<-start
				if w%2 == 0 {
					x, y = y, x // locked in one order whatever they ask for
				}
				errs[w] = f.store.Append(context.Background(), x, y)
			})
		}
		close(start)
		wait.Wait()
		winners := 0
		for w, err := range errs {
			var conflict *store.ConflictError
			switch {
			case err == nil:
				winners++
				a, b = ends[w][0], ends[w][1]
			case !errors.As(err, &conflict):
				f.Fatal(err)
			}
		}
		if winners != 1 {
			f.Fatalf("%d winners", winners)
		}
		if f.head("a").Cursor != a || f.head("b").Cursor != b {
			f.Fatal("the heads are not the winner's")
		}
	}
}

// Writers append to shared and to own spaces, readers check that what they see
// never goes back and never is half of a commit.
func testConcurrent(f *fixture) {
	const writers, each, shared = 64, 12, 4
	ctx := f.Context()
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			own := space.Path(fmt.Sprint("own/", w))
			for i := range each {
				for {
					path := space.Path(fmt.Sprint("shared/", (w+i)%shared))
					h, err := f.store.Head(ctx, path)
					if err != nil {
						f.Error(err)
						return
					}
					mine, err := f.store.Head(ctx, own)
					if err != nil {
						f.Error(err)
						return
					}
					id := fmt.Sprintf("%d-%d", w, i)
					err = f.store.Append(ctx,
						Chain(path, h.Cursor, changes{Put("c", id, "1"), Put("c", "sum", id)}),
						Chain(own, mine.Cursor, changes{Put("c", id, "1")}))
					var conflict *store.ConflictError
					if errors.As(err, &conflict) {
						continue
					}
					if err != nil {
						f.Error(err)
					}
					break
				}
			}
		})
	}
	readers := make(chan struct{})
	var reading sync.WaitGroup
	for r := range 4 {
		reading.Go(func() {
			path, last := space.Path(fmt.Sprint("shared/", r)), space.Seq(0)
			for {
				select {
				case <-readers:
					return
				default:
				}
				h, err := f.store.Head(ctx, path)
				if err != nil || h.Cursor.Seq < last {
					f.Errorf("head went from %d to %d, %v", last, h.Cursor.Seq, err)
					return
				}
				last = h.Cursor.Seq
				v, err := f.store.View(ctx, path, last)
				if err != nil {
					f.Error(err)
					return
				}
				if n := len(f.scan(v, "c", "")); last > 0 && n != int(last)+1 {
					f.Errorf("%d entries at %d", n, last)
				}
				f.shut(v)
			}
		})
	}
	wait.Wait()
	close(readers)
	reading.Wait()
	total := 0
	for r := range shared {
		total += f.seqs(space.Path(fmt.Sprint("shared/", r)), firstLog)
	}
	if total != writers*each {
		f.Errorf("%d commits in shared spaces, want %d", total, writers*each)
	}
	for w := range writers {
		if n := f.seqs(space.Path(fmt.Sprint("own/", w)), firstLog); n != each {
			f.Errorf("writer %d has %d commits", w, n)
		}
	}
}

// A space is trimmed again and again beside its writer and readers: a view that
// opens shows exactly its commit, every time it is asked.
func testTrimBesideReaders(f *fixture) {
	const commits, keys = 300, 7
	ctx := f.Context()
	id := func(seq space.Seq) string { return fmt.Sprint(seq % keys) }
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		defer close(done)
		at := space.Cursor{}
		for at.Seq < commits {
			seq := at.Seq + 1
			c := Put("c", id(seq), fmt.Sprint(seq))
			if seq%5 == 0 {
				c = Delete("c", id(seq))
			}
			b := Chain("a", at, changes{c})
			if err := f.store.Append(ctx, b); err != nil {
				f.Error(err)
				return
			}
			at = End(b)
		}
	})
	running := func() bool {
		select {
		case <-done:
			return false
		default:
			return true
		}
	}
	wait.Go(func() {
		for running() {
			h, err := f.store.Head(ctx, "a")
			if err == nil && h.Cursor.Seq > h.Horizon.Seq+10 {
				err = f.store.Trim(ctx, "a", h.Cursor.Seq-3)
			}
			if err != nil {
				f.Error(err)
				return
			}
		}
	})
	for range 3 {
		wait.Go(func() {
			for running() {
				h, err := f.store.Head(ctx, "a")
				if err != nil {
					f.Error(err)
					return
				}
				v, err := f.store.View(ctx, "a", h.Cursor.Seq-(h.Cursor.Seq-h.Horizon.Seq)/2)
				if errors.Is(err, store.ErrTrimmed) {
					continue
				}
				if err != nil {
					f.Error(err)
					return
				}
				for range 3 {
					checkAt(f, v, keys, id)
				}
				f.shut(v)
			}
		})
	}
	wait.Wait()
}

func checkAt(f *fixture, v store.View, keys space.Seq, id func(space.Seq) string) {
	for seq := v.At(); seq > 0 && seq+keys > v.At(); seq-- {
		want := fmt.Sprint(seq)
		if seq%5 == 0 {
			want = ""
		}
		if got := f.payload(v, "c", id(seq)); got != want {
			f.Errorf("view at %d: entry %s is %q, want %q", v.At(), id(seq), got, want)
		}
	}
}
